"""A harmful model scored in a mixture with the clean one: equal to the definition, token by token, from `kenlm` itself."""

import math

import pyarrow as pa
import pytest

from curricle.models.catalog import model_folder
from curricle.models.kenlm.model import load
from curricle.models.kenlm.profiles import normalize_text
from curricle.models.kenlm.scorer import score, score_all

TEXTS = [
    "The committee will meet again next week to discuss the report.",
    "Hot singles near you! Click here for a free trial, no credit card needed. " * 40,
    "",
    "naïve café № 12",
]


@pytest.mark.parametrize("mapped", [True, False], ids=["mapped table", "kenlm as the fallback"])
def test_each_token_has_its_share_of_both_models(mapped, monkeypatch):
    clean, adult, spam = (load(model_folder(name)) for name in ("en-clean", "en-adult", "en-spam"))
    if not mapped:
        for model in (clean, adult):
            monkeypatch.setitem(model.__dict__, "table", None)
    scores = score_all([adult, spam], pa.array([None, *TEXTS])[1:], clean)
    for text, mixed, log10 in zip(TEXTS, scores[0].mixed.tolist(), scores[0].log10.tolist(), strict=True):
        pieces = " ".join(adult.tokenizer.joined(pa.array([normalize_text(adult.card.rules, text)])).to_pylist())
        pairs = zip(adult.kenlm.full_scores(pieces), clean.kenlm.full_scores(pieces), strict=True)
        weight = adult.card.weight
        expected = sum(math.log10(weight * 10 ** own[0] + (1 - weight) * 10 ** other[0]) for own, other in pairs) if text else 0
        assert mixed == pytest.approx(expected, abs=1e-4)
        assert (mixed > log10) == bool(text)
    assert weight == 0.2
    assert scores[1].mixed is scores[1].log10, "a model of weight 1 is scored alone"
    alone = score(adult, pa.array(TEXTS))
    assert (alone.mixed is alone.log10, alone.log10.tolist()) == (True, pytest.approx(scores[0].log10.tolist()))
