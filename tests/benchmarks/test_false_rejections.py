"""The shipped recipe keeps good documents: of each origin and language of 50 or more, at most 2 % are rejected."""

from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

import curricle

REPOSITORY = Path(__file__).parents[2]
EXAMPLE_PAGES = [
    "Example Domain\nThis domain is for use in illustrative examples in documents. You may use this domain in literature without "
    "prior coordination or asking for permission.\nMore information...\n" + "Example Domain\n" * copies
    for copies in (5, 20, 60)
]


@pytest.fixture
def false_rejections(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(REPOSITORY / "benchmarks"))
    return import_module("false_rejections")


def test_the_recipe_rejects_at_most_two_percent_of_each_origin(shared_data, false_rejections):
    shares = {}
    for language, origin, every in false_rejections.origins(shared_data):
        texts = false_rejections.sample(every, "test")[:100]
        if len(texts) >= false_rejections.ENOUGH:
            reasons = curricle.score(texts, recipe="web")["reject_reason"]
            shares[language, origin] = (len(texts) - reasons.null_count) / len(texts)
    assert {language for language, _ in shares} == set(false_rejections.LANGUAGES)
    assert {key: share for key, share in shares.items() if share > 0.02} == {}


@pytest.mark.parametrize("text", EXAMPLE_PAGES)
def test_a_page_of_boilerplate_is_not_adult(text):
    assert "adult_like" not in (curricle.score([text], recipe="web")["failed_rules"].to_pylist()[0] or [])


def test_the_rating_is_no_bar_where_the_student_was_not_trained():
    text = "Clique aqui para comprar agora! Promoção! Clique aqui, grátis, clique aqui, oferta, oferta! " * 6
    row = curricle.score([text], recipe="web", settings={"decide.low_quality.min.default": 9}).to_pylist()[0]
    assert row["language"] == "pt"
    assert row["quality_status"] == "out_of_domain"
    assert "low_quality" not in row["failed_rules"]


@pytest.mark.parametrize(("found", "of", "low", "high"), [(0, 400, 0.0, 0.0095), (1, 101, 0.0017, 0.0540)])
def test_the_interval_is_wilsons(false_rejections, found, of, low, high):
    assert false_rejections.interval(found, of) == pytest.approx((low, high), abs=1e-4)


def test_halves_share_no_document_and_lines_are_joined_whole(false_rejections):
    texts = [f"{number} " * 100 for number in range(100)]
    train, test = (set(false_rejections.sample(texts, half)) for half in ("train", "test"))
    assert train | test == set(texts)
    assert not train & test
    assert false_rejections.joined(["a" * 1500, "b" * 1500, "c"]) == ["a" * 1500 + "\n" + "b" * 1500]
