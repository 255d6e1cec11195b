"""The learned extractor on whole pages."""

import re
import shutil
from collections import Counter

import numpy as np
import pyarrow.parquet as pq
import pytest

from curricle.models.cards import ModelError
from curricle.models.catalog import model_folder
from curricle.stages.charset import decode_html
from curricle.stages.extract import ExtractConfig, extractor_of
from curricle.stages.extraction.extractor import load_extractor, read_page
from curricle.stages.markup import extract_page

HARBOR = (
    "The harbor was built by fishermen two hundred years ago and it still shelters a small fleet. Every morning the boats leave "
    "before sunrise and come back at noon with their catch. The town council wants to repair the old pier because the winter "
    "storms have damaged it."
)
P = f"<p>{HARBOR}</p>"
MENU = (
    "<nav><ul>"
    + "".join(f'<li><a href="/{name}">{name}</a></li>' for name in ("Home", "News", "Sport", "Contact"))
    + "</ul></nav>"
)
FOOTER = '<footer><p>© 2024 Harbor News. <a href="/p">Privacy</a> <a href="/i">Imprint</a></p></footer>'


@pytest.fixture(scope="module")
def extract():
    """The text of a page with the default settings, or others."""

    def run(html: str, **settings):
        return extract_page(html, extractor_of(ExtractConfig(**settings))).text

    return run


def page(body: str) -> str:
    """A page with a menu and a footer."""
    return f"<html><head><title>Harbor</title></head><body>{MENU}{body}{FOOTER}</body></html>"


@pytest.mark.parametrize("depth", range(6))
@pytest.mark.parametrize("kind", ["ul", "ol"])
def test_a_list_is_kept_at_any_depth(extract, depth, kind):
    items = "".join(f"<li>Rule {number}: keep the slipway free of nets.</li>" for number in range(3))
    text = extract(page("<div>" * depth + f"<h1>Harbor</h1>{P}<{kind}>{items}</{kind}>{P}" + "</div>" * depth))
    assert all(f"Rule {number}: keep the slipway free of nets." in text for number in range(3))
    assert "Sport" not in text
    assert "Imprint" not in text


@pytest.mark.parametrize("around", ["main", "main><article", "section", "center", "form"])
def test_a_page_is_read_in_any_element(extract, around):
    name = around.replace("><", "></")
    text = extract(page(f"<{around}><h1>Harbor</h1>{P}<ul><li>Keep the slipway free.</li></ul>{P}</{name}>"))
    assert text.count(HARBOR) == 2
    assert "• Keep the slipway free." in text


def test_captions_are_kept(extract):
    figure = "<figure><img src=x><figcaption>The pier in winter.</figcaption></figure>"
    table = "<table><caption>Boats by year</caption><tr><th>Year<th>Boats<tr><td>2001<td>14<tr><td>2002<td>17</table>"
    text = extract(page(f"<article><h1>Harbor</h1>{P}{figure}{P}{table}{P}</article>"))
    assert "The pier in winter." in text
    assert "Boats by year\n\nYear\tBoats\n2001\t14\n2002\t17" in text


def test_a_page_of_line_breaks_is_paragraphs(extract):
    assert extract(f"<body>{HARBOR}<br><br>{HARBOR}<br>{HARBOR}</body>") == f"{HARBOR}\n\n{HARBOR}\n{HARBOR}"


def test_a_short_page_is_kept(extract):
    assert extract(page("<p>Short note about the pier.</p>")) == "Short note about the pier."


BANNERS = {
    "OneTrust": '<div id="onetrust-consent-sdk"><p>We value your privacy and use data.</p><button>OK</button></div>',
    "Cookiebot": '<div id="CybotCookiebotDialog"><p>This website uses things.</p><a href="#">Allow all</a></div>',
    "Klaro": '<div class="klaro"><div class="cookie-notice"><p>Hi! Could we please enable some services?</p></div></div>',
    "Osano": '<div class="cc-window cc-banner"><span>We use cookies.</span><a class="cc-btn">Got it!</a></div>',
    "dialog": '<div role="dialog" aria-label="Cookie settings"><p>Your choices about data matter to us.</p></div>',
    "own names": "<div class=x1><div class=x2><p>We use cookies to improve your experience. Read our cookie policy.</p>"
    "<button>Accept all</button><button>Reject</button></div></div>",
    "own names, link": '<section><p>This site uses cookies for statistics.</p><a href="#">I agree</a></section>',
    "German": "<div><p>Diese Website verwendet Cookies für die Statistik.</p><button>Alle akzeptieren</button></div>",
    "French": "<div><p>Ce site utilise des cookies pour mesurer son audience.</p><button>Tout accepter</button></div>",
    "Turkish": "<div><p>Sitemizde çerezler kullanılmaktadır.</p><button>Kabul et</button></div>",
    "Russian": "<div><p>Мы используем файлы cookie на этом сайте.</p><button>Принять</button></div>",
}


@pytest.mark.parametrize("banner", BANNERS.values(), ids=BANNERS)
def test_a_consent_banner_is_never_text(extract, banner):
    plain = extract(page(f"<article><h1>Harbor</h1>{P * 3}</article>"))
    assert extract(page(f"{banner}<article><h1>Harbor</h1>{P * 3}</article>")) == plain
    assert extract(page(f"<article><h1>Harbor</h1>{P * 3}</article>{banner}")) == plain


def test_a_page_about_cookies_is_text(extract):
    recipe = "Mix the butter with the sugar, and bake the cookies for ten minutes until the edges of each cookie are brown. "
    text = extract(page(f'<article class="cookie-recipes"><h1>Cookies</h1><p>{recipe * 3}</p><p>{recipe * 3}</p></article>'))
    assert text.count("until the edges") == 6


def test_buttons_and_hints_for_browsers_are_not_text(extract):
    extra = "<noscript><p>Please enable JavaScript to read on.</p></noscript><button>Subscribe now</button>"
    assert extract(page(f"<article><h1>Harbor</h1>{P}{extra}{P}</article>")) == f"Harbor\n\n{HARBOR}\n\n{HARBOR}"


def test_a_question_in_a_button_is_a_heading(extract):
    assert "How old is the pier?" in extract(page(f"<main><h2><button>How old is the pier?</button></h2>{P}{P}</main>"))


def test_comments_are_kept_on_request(extract):
    comments = "".join(
        f'<div class="comment"><p>I have seen this pier myself, number {n}, it is old.</p></div>' for n in range(6)
    )
    html = page(f'<article><h1>Harbor</h1>{P * 4}</article><div id="comments">{comments}</div>')
    assert all(f"number {number}" in extract(html, comments=True) for number in range(6))
    assert extract(html, comments=True).startswith(extract(html).split("I have seen")[0].strip())


def test_markdown_has_the_same_words(extract):
    html = page(f"<article><h1>Harbor</h1>{P}<ol start=3><li>one boat<li>two boats</ol>{P}</article>")
    assert extract(html, format="markdown") == f"# Harbor\n\n{HARBOR}\n\n3. one boat\n4. two boats\n\n{HARBOR}"
    assert extract(html) == f"Harbor\n\n{HARBOR}\n\n3. one boat\n4. two boats\n\n{HARBOR}"


def test_confidence_is_a_share_and_null_without_text():
    extractor = extractor_of(ExtractConfig())
    assert 0.5 < extractor(page(f"<article><h1>Harbor</h1>{P * 4}</article>")).confidence <= 1
    assert extractor("<html></html>") == (None, "", None)
    assert extractor_of(ExtractConfig(extractor="resiliparse"))(page(P)).confidence is None


@pytest.mark.parametrize("settings", [{"format": "markdown"}, {"plain_spaces": False}])
def test_settings_of_the_learned_extractor_are_refused_for_others(settings):
    with pytest.raises(ValueError, match=f"{next(iter(settings))} is a setting of `extractor: learned`"):
        ExtractConfig(extractor="resiliparse", **settings)


def test_a_damaged_model_is_refused(tmp_path):
    folder = tmp_path / "extractor"
    shutil.copytree(model_folder("extractor"), folder)
    file = folder / "trees.npz"
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    with pytest.raises(ModelError, match=r"trees\.npz"):
        load_extractor(folder)


def test_the_model_knows_all_features():
    model = load_extractor(model_folder("extractor"))
    measured = read_page(page(P)).measured
    first = measured.first_features()
    second = measured.second_features(first, np.zeros(len(first)))
    assert model.first.splits["feature"].max() < first.shape[1]
    assert first.shape[1] <= model.second.splits["feature"].max() < second.shape[1]


def test_features_are_finite_and_the_same_each_time():
    html = page(f"<article><h1>Harbor</h1>{P}<p>{'word ' * 3000}</p></article>" + "<div>x</div>" * 300)
    one, two = read_page(html).measured, read_page(html).measured
    assert np.isfinite(one.first_features()).all()
    assert np.array_equal(one.first_features(), two.first_features())


def test_pages_whose_main_text_people_marked(shared_data):
    """Pages that the model was trained on: far above what it reaches on others, so less means that kernel and model differ."""
    file = sorted((shared_data / "web_html" / "html").glob("pages-*.parquet"))[0]
    rows = [row for row in pq.read_table(file).to_pylist() if (row["gt_text"] or "").strip()][:150]
    extractor = extractor_of(ExtractConfig())
    scores = []
    for row in rows:
        text = extract_page(decode_html(row["html"], f"text/html; charset={row['encoding']}").text, extractor).text
        found, wanted = (Counter(re.findall(r"\w+", re.sub(r"<[^>]*>", " ", side).lower())) for side in (text, row["gt_text"]))
        scores.append(2 * (found & wanted).total() / max(found.total() + wanted.total(), 1))
    assert np.mean(scores) > 0.9


def test_a_page_of_very_many_blocks_is_read_without_the_model():
    page = "<nav><a href=x>Home</a></nav>" + "<p>A line of text.</p>" * 30_000
    found = extractor_of(ExtractConfig())(page)
    assert found.text.count("A line of text.") == 30_000
    assert "Home" not in found.text
    assert found.confidence is None


def test_deep_lists_do_not_grow_by_their_indentation(extract):
    text = extract("<ul><li>item " * 2000)
    assert text.count("item") > 1900
    assert len(text) < 100_000


NUMBERS = [("1\n2\n3\n4", False), ("10\n11\n12", False), ("3\n14\n15\n92", True), ("1\n1\n1", True)]


@pytest.mark.parametrize(("numbers", "kept"), NUMBERS)
def test_a_block_of_numbers_is_data_unless_it_counts(extract, numbers, kept):
    assert (numbers in extract(page(f"<article><h1>Harbor</h1>{P}<pre>{numbers}</pre>{P}</article>"))) is kept
