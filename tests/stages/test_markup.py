import pytest

from curricle.stages.extract import ExtractConfig, extractor_of
from curricle.stages.markup import (
    Page,
    PageCostError,
    check_cost,
    extract_page,
    extract_resiliparse,
    extract_trafilatura,
)

EXTRACTORS = {name: extractor_of(ExtractConfig(extractor=name)) for name in ("learned", "resiliparse", "trafilatura")}
SENTENCE = "The river rose in the night and the bridge was closed until the morning. "
ARTICLE = f"<html><head><title>T</title></head><body><h1>Head</h1><p>{SENTENCE * 3}</p><p>{SENTENCE * 2}</p></body></html>"


@pytest.mark.parametrize("name", EXTRACTORS)
def test_title_and_paragraphs_come_from_one_page(name):
    page = extract_page(ARTICLE, EXTRACTORS[name])
    assert page.title == "T"
    assert [line for line in page.text.splitlines() if line][-2:] == [(SENTENCE * 3).strip(), (SENTENCE * 2).strip()]


@pytest.mark.parametrize("name", EXTRACTORS)
@pytest.mark.parametrize(
    ("title", "wanted"),
    [
        ("<title> A &amp;\n\t B&nbsp;C </title>", "A & B C"),
        ("<title></title>", None),
        ("<title> \n </title>", None),
        ("", None),
        ("<title>Ünïcödé 漢字</title>", "Ünïcödé 漢字"),
    ],
)
def test_a_title_is_one_line_or_null(name, title, wanted):
    assert extract_page(ARTICLE.replace("<title>T</title>", title), EXTRACTORS[name]).title == wanted


def test_the_title_of_an_image_is_not_the_title_of_the_page():
    assert extract_resiliparse(f"<svg><title>icon</title></svg><title>page</title><p>{SENTENCE}").title == "page"


def test_list_items_are_lines_with_bullets():
    text = extract_resiliparse(f"<div><div><div><p>{SENTENCE}</p><ul><li>{SENTENCE}</li><li>{SENTENCE}</li></ul>").text
    assert text.splitlines()[-2:] == [f"  • {SENTENCE.strip()}"] * 2


def test_neither_alternative_texts_nor_scripts_nor_comments_are_text():
    page = f'<p>{SENTENCE}</p><img alt="ALT"><script>SCRIPT</script><style>STYLE</style><!-- NOTE -->'
    assert extract_resiliparse(page) == Page(None, SENTENCE.strip())


@pytest.mark.parametrize("name", EXTRACTORS)
@pytest.mark.parametrize(
    "html",
    [
        "<frameset><frame src=a><frame src=b></frameset>",
        "<html><body></body></html>",
        "<script>x</script>",
        "<!-- only a comment -->",
        "<!doctype html>",
        "<p",
        "</p>",
        "<",
    ],
)
def test_a_page_without_main_text_is_empty(name, html):
    assert extract_page(html, EXTRACTORS[name]).text in ("", html if html == "<" else "")


@pytest.mark.parametrize(
    "html", ["<p>a<b>b<i>c</p>d", "<div><p>a</div></p>b", "a</b></i></table>b<td>c", "<p a='b>c</p>" + SENTENCE]
)
def test_broken_tags_are_survived(html):
    for reader in EXTRACTORS.values():
        extract_page(html, reader)
    assert isinstance(extract_page(html, extract_resiliparse).text, str)


def test_text_without_any_tag_keeps_its_lines():
    assert extract_page("\r\nfirst line &amp; 1 < 2\r\n\r\nsecond\rthird\n", extract_resiliparse) == Page(
        None, "first line &amp; 1 < 2\n\nsecond\nthird"
    )


def test_lone_surrogates_and_nuls_in_entities_are_replaced():
    for reader in EXTRACTORS.values():
        text = extract_page(ARTICLE.replace("bridge", "b&#xD800;&#0;&#x110000;e"), reader).text
        assert text.count("river") == 5
        assert text.encode().count(b"\0") == 0


NAMED = " ".join(f"a{n}" for n in range(40_000))

COSTLY = {
    "100,000 nested divs": ("<div>" * 100_000 + "x", "nested too deep"),
    "upper case": ("<DIV >" * 100_000 + "x", "nested too deep"),
    "formatting that is opened again in each paragraph": (
        "<p>" + "".join(f"<b a{n}>" for n in range(5000)) + "</p>" + "<p>x</p>" * 8000,
        "elements",
    ),
    "30,000 nested lists": ("<ul><li>x" * 30_000, "nested too deep"),
    "40,000 nested tables": ("<table><tr><td>" * 40_000, "nested too deep"),
    "more than a million elements": ("<td>" * 1_100_000, "elements"),
    "40,000 attributes": (f"<div {NAMED}>x", "attributes"),
    "40,000 attributes of an end tag": (f"<p>x</p {NAMED}>", "attributes"),
    "40,000 attributes of a tag that never ends": (f"<p {NAMED}", "attributes"),
    "40,000 attributes with > in their values": ("<p " + " ".join(f'a{n}=">"' for n in range(40_000)) + ">", "attributes"),
    "many tags of 15,000 attributes": (("<p " + NAMED[:90_000] + ">") * 5, "attributes"),
}


@pytest.mark.parametrize(("html", "reason"), COSTLY.values(), ids=COSTLY)
def test_a_page_that_would_cost_too_much_is_refused_unparsed(html, reason):
    def never(_: str) -> Page:
        raise AssertionError("parsed")

    with pytest.raises(PageCostError, match=reason):
        extract_page(html, never)


CHEAP = {
    "100,000 closed divs": "<div>x</div>" * 100_000,
    "20,000 unclosed equal <b>": "<b>x<p>" * 20_000,
    "100,000 lists one after the other": "<ul><li>x</li></ul>" * 100_000,
    "100,000 unclosed list items": "<ul>" + "<li>x" * 100_000,
    "100,000 nested spans": "<span>" * 100_000 + "x",
    "a megabyte in one attribute": '<p a="' + "x y " * 250_000 + '">x',
    "a megabyte of text after a sign": "1 < 2 " + SENTENCE * 13_000,
    "a megabyte of script": "<script>" + "if (a<b && c) { d('x y'); }\n" * 30_000 + "</script><p>x",
    "an end tag for each start tag": "<b a=1>x</b><i b=2>y</i>" * 30_000,
}


@pytest.mark.parametrize("html", CHEAP.values(), ids=CHEAP)
def test_a_long_page_that_costs_little_is_not_refused(html):
    check_cost(html)


def test_deep_nesting_under_the_limit_is_read():
    assert extract_page("<div>" * 5000 + SENTENCE + "</div>" * 5000, extract_resiliparse).text == SENTENCE.strip()


def test_trafilatura_has_a_lower_limit():
    with pytest.raises(PageCostError, match="over trafilatura's limit of 10000"):
        extract_trafilatura("<li>some item here" * 10_001)
