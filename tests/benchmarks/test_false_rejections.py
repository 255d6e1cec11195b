"""The shipped recipe keeps good documents."""

import sys
from pathlib import Path

import pytest

import curricle

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))

from false_rejections import good_documents, interval


@pytest.mark.parametrize(
    ("lang", "source"), [("tr", "TurkishLaw"), ("en", "TAT-QA-dev"), ("tr", "libreoffice-help"), ("nl", "gnome-user-docs")]
)
def test_the_recipe_web_keeps_good_documents(lang, source, shared_data):
    table = good_documents(shared_data, "tune")
    origins = zip(table["lang"].to_pylist(), table["source"].to_pylist(), strict=True)
    rows = [at for at, origin in enumerate(origins) if origin == (lang, source)]
    scored = curricle.score(table.take(rows).select(["text"]), recipe="web")
    assert len(rows) > 50
    assert scored["reject_reason"].null_count >= 0.98 * len(rows)


def test_the_placeholder_page_of_example_com_is_not_adult():
    text = (
        "Example Domain\n\nThis domain is for use in illustrative examples in documents. You may use this domain in literature "
        "without prior coordination or asking for permission.\n\nMore information..."
    )
    (reasons,) = curricle.score([text], recipe="web")["failed_rules"].to_pylist()
    assert not {"adult_like", "adult_like_short"} & {*(reasons or [])}


def test_intervals_are_wilsons():
    assert interval(0, 10) == pytest.approx((0, 0.2775), abs=1e-3)
    assert interval(5, 10) == pytest.approx((0.2366, 0.7634), abs=1e-3)
