"""Chosen blocks as text and as Markdown."""

import pytest

CASES = {
    "headings": ("<h1>A</h1><p>b</p><h3>C <b>d</b></h3>", "A\n\nb\n\nC d", "# A\n\nb\n\n### C d"),
    "list": ("<ul><li>a<li>b</ul>", "• a\n• b", "- a\n- b"),
    "nested lists": ("<ul><li>a<ul><li>b</ul><li>c</ul>", "• a\n  • b\n• c", "- a\n  - b\n- c"),
    "numbers": ("<ol start=3><li>x<li value=7>y<li>z</ol>", "3. x\n7. y\n8. z", "3. x\n7. y\n8. z"),
    "paragraphs of an item": ("<ul><li><p>a</p><p>b</p><li>c</ul>", "• a\n  b\n• c", "- a\n  b\n- c"),
    "two lists": ("<ul><li>a</ul><ul><li>b</ul>", "• a\n\n• b", "- a\n\n- b"),
    "table": (
        "<table><caption>Cap</caption><tr><th>h<th>k<tr><td>1<td>2|3<tr><td>4<td></table>",
        "Cap\n\nh\tk\n1\t2|3\n4",
        "Cap\n\n| h | k |\n| --- | --- |\n| 1 | 2\\|3 |\n| 4 |  |",
    ),
    "empty cell": (
        "<table><tr><td>a<td>b<td>c<tr><td><td>d<td></table>",
        "a\tb\tc\n\td",
        "| a | b | c |\n| --- | --- | --- |\n|  | d |  |",
    ),
    "layout table": ("<table><tr><td><p>a</p><p>b</p></td></tr></table>", "a\n\nb", "a\n\nb"),
    "code": ("<p>x</p><pre><code>a\n  b</code></pre><p>y</p>", "x\n\na\n  b\n\ny", "x\n\n```\na\n  b\n```\n\ny"),
    "code by lines": ("<pre><div>a</div><div>b</div></pre>", "a\nb", "```\na\nb\n```"),
    "code at the end": ("<pre>a</pre>", "a", "```\na\n```"),
    "quote": ("<blockquote><p>a<br>b</p><p>c</p></blockquote>", "a\nb\n\nc", "> a\n> b\n\n> c"),
    "terms": ("<dl><dt>a<dd>b<dt>c<dd>d</dl>", "a\nb\nc\nd", "a\nb\nc\nd"),
    "links": ('<p>see <a href="x">this</a>.</p>', "see this.", "see this."),
    "list after a table": ("<table><tr><td>1<td>2</table><ul><li>a</ul>", "1\t2\n\n• a", "| 1 | 2 |\n| --- | --- |\n\n- a"),
}


@pytest.mark.parametrize(("html", "text", "markdown"), CASES.values(), ids=CASES)
def test_structure_is_written(all_text, html, text, markdown):
    assert all_text(html) == text
    assert all_text(html, markdown=True) == markdown


def test_an_empty_page_is_an_empty_text(all_text):
    assert all_text("") == all_text("<html></html>") == ""
