"""What the walk through a page keeps, and what it leaves out."""

import numpy as np
import pytest

from curricle.stages.extraction.extractor import read_page
from curricle.stages.extraction.names import KINDS, hash_name
from curricle.stages.extraction.render import render
from curricle.stages.extraction.walk import walk


@pytest.mark.parametrize(
    ("html", "wanted"),
    [
        ("<p>我是<b>人</b>。</p>", "我是人。"),
        ("<p><ruby>漢<rp>(</rp><rt>かん</rt><rp>)</rp></ruby>字</p>", "漢(かん)字"),
        ("<p>for 5 <span>€</span> only</p>", "for 5 € only"),
        ("<table><tr><td>是</td><td>否</td></tr></table>", "是\t否"),
        ("<p>a</p>b<p>c</p>", "a\n\nb\n\nc"),
        ("<div><i>x</i></div>", "x"),
    ],
)
def test_a_text_node_of_one_character_is_kept(all_text, html, wanted):
    assert all_text(html) == wanted


@pytest.mark.parametrize(
    ("html", "wanted"),
    [
        ("<p>Donau\u00addampf&shy;schiff</p>", "Donaudampfschiff"),
        ("<p>zero\u200bwidth\u2060join\ufeffed</p>", "zerowidthjoined"),
        ("<p>a&nbsp;b\u202fc\u2009d\u1680e\u205ff</p>", "a b c d e f"),
        ("<p>می\u200cخواهم</p>", "می\u200cخواهم"),
        ("<p>👩\u200d🔬</p>", "👩\u200d🔬"),
        ("<p>全角\u3000空白</p>", "全角\u3000空白"),
    ],
)
def test_invisible_characters_go_and_spaces_are_plain(all_text, html, wanted):
    assert all_text(html) == wanted


def test_spaces_can_stay_as_written(all_text):
    assert all_text("<p>a&nbsp;b\u00adc\u2009d</p>", plain=False) == "a\u00a0b\u00adc\u2009d"


def test_entities_are_characters(all_text):
    assert all_text("<p>a &amp; b &lt; c &gt; d &quot;e&quot; &eacute; &#128512; &amp;amp;</p>") == 'a & b < c > d "e" é 😀 &amp;'


def test_white_space_is_folded_but_in_pre(all_text):
    assert all_text("<p> a \n\t b<b> c</b> d </p><pre>  if x:\n      y\n</pre>") == "a b c d\n\n  if x:\n      y"


def test_one_line_break_is_a_line_and_two_a_paragraph(all_text):
    assert all_text("<p>a<br>b<br><br>c<br> <br>d</p>") == "a\nb\n\nc\n\nd"


@pytest.mark.parametrize(
    "hidden",
    [
        '<p style="display:none">SECRET</p>',
        '<p style="color:red; Visibility : HIDDEN">SECRET</p>',
        "<p hidden>SECRET</p>",
        '<div aria-hidden="true"><p>SECRET</p></div>',
        "<span hidden>SECRET</span>",
        '<div hidden><script>var x = "<div>"</script></div>',
        "<template><p>SECRET</p></template>",
        "<script>SECRET</script>",
        "<style>SECRET</style>",
        "<textarea>SECRET</textarea>",
        "<select><option>SECRET</option></select>",
        "<svg><title>SECRET</title><text>SECRET</text></svg>",
        "<iframe>SECRET</iframe>",
        "<dialog>SECRET</dialog>",
        "<!-- SECRET -->",
        "<object>SECRET</object>",
    ],
)
def test_what_no_reader_sees_is_left_out(all_text, hidden):
    assert all_text(f"<p>before</p>{hidden}<p>after</p>") == "before\n\nafter"


def test_a_page_that_a_script_shows_is_read(all_text):
    sentence = "The harbor was built by fishermen two hundred years ago. "
    page = f'<body><div style="visibility:hidden"><h1>Harbor</h1>{"<p>" + sentence * 20 + "</p>"}</div></body>' * 1
    assert all_text(page).startswith("Harbor\n\nThe harbor")


def test_a_hidden_until_found_part_is_text(all_text):
    assert all_text('<p>a</p><div hidden="until-found">b</div>') == "a\n\nb"


@pytest.mark.parametrize("tag", ["hr", "br", "wbr", "img", "input", "source"])
def test_a_hidden_tag_without_content_hides_nothing_else(all_text, tag):
    assert all_text(f'<p>a</p><{tag} aria-hidden="true" hidden><p>b</p>') == "a\n\nb"


def test_odd_attributes_do_not_swallow_the_page(all_text):
    html = '<p>a</p><img alt="x" ""="" width="1"><p "" class=\'b"c\'>d</p><a href="x>y">e</a><i title="<p>">f</i>'
    assert all_text(html) == "a\n\nd\n\nef"


def test_a_title_that_is_never_closed_does_not_swallow_the_page():
    page = read_page("<head><title>News<meta charset=utf-8></head><body><p>text</p></body>").walked
    assert (page.title, page.text) == (b"News", b"text\n")


def test_frames_give_their_alternative(all_text):
    assert all_text("<frameset cols='1,2'><frame src=a><noframes><body><p>No frames here.</p></body></noframes></frameset>") == (
        "No frames here."
    )


CODE = "<pre>a = 1\nb = 2\nc</pre>"
GUTTERS = {
    "Pygments": f'<table><tr><td class="linenos"><div><pre>1\n2\n3</pre></div></td><td>{CODE}</td></tr></table>',
    "Rouge": f'<table><tr><td class="gutter gl"><pre class="lineno">1\n2\n3\n</pre></td><td>{CODE}</td></tr></table>',
    "SyntaxHighlighter": '<table><tr><td class="gutter"><div class="line">1</div><div class="line">2</div></td>'
    f"<td>{CODE}</td></tr></table>",
    "Chroma": '<pre><span class="ln">1</span>a = 1\n<span class="ln">2</span>b = 2\n<span class="ln">3</span>c</pre>',
    "Prism": '<pre class="line-numbers">a = 1\nb = 2\nc<span class="line-numbers-rows"><span></span></span></pre>',
    "pre": f"<pre class=lineno>  1\n  2\n</pre>{CODE}",
}


@pytest.mark.parametrize("html", GUTTERS.values(), ids=GUTTERS)
def test_line_numbers_are_not_code(all_text, html):
    assert all_text(html).strip() == "a = 1\nb = 2\nc"


def test_a_wrapper_with_a_gutter_name_keeps_its_text(all_text):
    assert all_text('<div class="linenos gutter"><p>Text 1 here.</p></div>') == "Text 1 here."


def test_deep_nesting_keeps_the_text_and_stays_flat():
    page = walk(b"<body>" + b"<div>" * 5000 + b"deep" + b"</div>" * 5000 + b"<p>after</p></body>")
    assert page.text == b"deep\nafter\n"
    assert page.nodes["depth"].max() <= 400
    assert page.nodes["parent"][page.blocks["node"][1]] == 0


def test_blocks_of_an_element_are_a_range():
    page = walk(b"<body><ul><li>a</li><li>b<b>c</b></li></ul><p>d</p></body>")
    rows = {int(row["tag"]): (int(row["first"]), int(row["end"])) for row in page.nodes}
    assert list(rows.values()) == [(0, 3), (0, 2), (1, 2), (2, 3)]
    assert page.blocks["bold_bytes"].tolist() == [0, 1, 0]


def test_names_have_different_hashes():
    assert len({hash_name(name.encode()) for name in KINDS}) == len(KINDS)


@pytest.mark.parametrize("seed", range(40))
def test_any_bytes_are_walked(seed):
    random = np.random.default_rng(seed)
    pieces = (
        b'<div>|</div>|<p class=x>|text |<br>|<sup>2|</sup>|<table><tr><td>|<math>|</math>|&nbsp|&amp;|<script>|</scr|<!--|-->|"|'
        b'<a href="|>|\xe2\x80|\xc2|<|<title>|<li>|<ol start="9">|<span hidden>|</span>|<pre>|\n|<img alt="|\xf0\x9f'
    ).split(b"|")
    html = b"".join(pieces[at] for at in random.integers(0, len(pieces), 400))
    page = walk(html)
    assert ((page.nodes["first"] <= page.nodes["end"]) & (page.nodes["end"] <= len(page.blocks))).all()
    assert (page.blocks["start"] < page.blocks["end"]).all()
    assert isinstance(render(page, np.ones(len(page.blocks), bool), True), str)
