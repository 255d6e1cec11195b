"""Texts to log10 probabilities under one or several models; those that read alike share normalising and tokenising."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from curricle.models.kenlm.model import Kenlm
from curricle.models.kenlm.normalizer import Bytes, Offsets
from curricle.models.kenlm.profiles import normalise, normalise_bytes, string_buffers
from curricle.models.kenlm.table import Scored

_EXACT_TOKENS = 64  # KenLM adds float32 up: 1e-4 per token off after some thousand tokens, 3e-6 after these
_CACHED = 1 << 13  # tokens at a time: what lies between steps stays in the processor's cache


@dataclass(frozen=True)
class Scores:
    """Of each row, sums over its units (the document, or its lines that have a token); all 0 where there is no token."""

    log10: npt.NDArray[np.float64]  # log10 p of all tokens, sentence ends included
    mixed: npt.NDArray[np.float64]  # the same in the mixture with the base model; equal to log10 where there is none
    tokens: npt.NDArray[np.int32]  # how many, sentence ends included
    oov: npt.NDArray[np.int32]  # how many of them the model does not know
    units: npt.NDArray[np.int32]  # sentences

    def perplexity(self, decimals: int | None = None) -> pa.Array:
        """10 ** (-log10 / tokens), float64, rounded where the model's profile says so; null where there is no token."""
        empty = self.tokens == 0
        values = 10 ** (-self.log10 / np.maximum(self.tokens, 1))
        return pa.array(values if decimals is None else np.round(values, decimals), pa.float64(), mask=empty)

    def log10_ratio(self, clean: "Scores") -> pa.Array:
        """log10 of this perplexity (mixed) over that of `clean`, float64; null where either has no token."""
        empty = (self.tokens == 0) | (clean.tokens == 0)
        ratio = clean.log10 / np.maximum(clean.tokens, 1) - self.mixed / np.maximum(self.tokens, 1)
        return pa.array(ratio, mask=empty)

    def oov_ratio(self) -> pa.Array:
        """Share of the tokens, sentence ends left out, that the model does not know, float32; null where there is none."""
        words = self.tokens - self.units
        return pa.array((self.oov / np.maximum(words, 1)).astype(np.float32), mask=words == 0)


def score(model: Kenlm, texts: pa.Array) -> Scores:
    """Scores of `texts` (string; null counts as no text) under one model alone."""
    return score_all([model], texts)[0]


def score_all(models: Sequence[Kenlm], texts: pa.Array, base: Kenlm | None = None) -> list[Scores]:
    """Scores under each model, in order.

    With `base`, `mixed` of a model whose card has a weight w under 1 is that of w p + (1 - w) p_base, for each token: linear
    interpolation. Both must then read alike (`KenlmCard.reads_like`).
    """
    results: dict[int, Scores] = {}
    for like in dict.fromkeys(model.card.reads_like for model in models):
        group = [i for i, model in enumerate(models) if model.card.reads_like == like]
        results.update(zip(group, _score_group([models[i] for i in group], texts, base), strict=True))
    return [results[i] for i in range(len(models))]


def _score_group(models: Sequence[Kenlm], texts: pa.Array, base: Kenlm | None) -> list[Scores]:
    data, offsets = string_buffers(texts)
    starts, ends, rows = units(data, offsets, models[0].card.unit)
    data, offsets = normalise_bytes(models[0].card.rules, data, starts, ends)
    mixed = {model for model in models if base is not None and model.card.weight < 1}
    every = list(dict.fromkeys([*models, base] if base is not None and mixed else models))
    if any(model.table is not None for model in every):
        tokens, places, hashes = models[0].tokenizer.tokens(data, offsets)
    scored: dict[Kenlm, Scored] = {}
    for model in every:
        each = bool(mixed) and (model in mixed or model is base)
        if model.table is None:
            scored[model], counts = _score_kenlm(model, _strings(data, offsets), each)
        else:
            scored[model] = model.table.score(tokens, places, model.table.ids(hashes), each)
            counts = np.diff(places)
    results = []
    for model in models:
        interpolated = None
        if base is not None and model in mixed:
            interpolated = _interpolated(scored[model].each, scored[base].each, model.card.weight, counts)
        results.append(_sum(rows, len(texts), counts, scored[model], interpolated))
    return results


def _interpolated(
    each: npt.NDArray[np.float32], base: npt.NDArray[np.float32], weight: float, counts: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """log10 of the product over each sentence's tokens of `weight` p + (1 - `weight`) p_base."""
    tokens = np.empty(len(each), np.float64)
    for start in range(0, len(each), _CACHED):
        below, out = base[start : start + _CACHED].astype(np.float64), tokens[start : start + _CACHED]
        np.power(10, each[start : start + _CACHED] - below, out)
        np.log10(weight * out + (1 - weight), out)
        out += below
    firsts = np.cumsum(counts + 1) - (counts + 1)
    return np.add.reduceat(tokens, firsts) if len(firsts) else np.zeros(0)


def units(data: Bytes, offsets: Offsets, unit: str) -> tuple[Offsets, Offsets, npt.NDArray[np.int64]]:
    """Starts and ends of what is scored as one sentence, in order, and the row of each: all of a row, or its lines."""
    starts, ends = offsets[:-1], offsets[1:]
    rows = np.arange(len(starts))
    if unit == "document":
        return starts, ends, rows
    newlines = np.flatnonzero(data[offsets[0] : offsets[-1]] == 10) + offsets[0]
    lines = np.diff(np.searchsorted(newlines, offsets)) + 1
    return np.sort(np.concatenate([starts, newlines + 1])), np.sort(np.concatenate([newlines, ends])), np.repeat(rows, lines)


def _sum(
    rows: npt.NDArray[np.int64],
    count: int,
    tokens: npt.NDArray[np.int64],
    scored: Scored,
    interpolated: npt.NDArray[np.float64] | None,
) -> Scores:
    some = tokens > 0
    rows = rows[some]

    def per_row(values: npt.NDArray[np.float64] | None) -> npt.NDArray[Any]:
        return np.bincount(rows, values, minlength=count)

    units = per_row(None).astype(np.int32)
    log10 = per_row(scored.log10[some])
    return Scores(
        log10=log10,
        mixed=log10 if interpolated is None else per_row(interpolated[some]),
        tokens=per_row(tokens[some].astype(np.float64)).astype(np.int32) + units,
        oov=per_row(scored.unknown[some].astype(np.float64)).astype(np.int32),
        units=units,
    )


def score_reference(model: Kenlm, texts: pa.Array) -> Scores:
    """`score` of document-unit models as `kenlm` gives it: what the fast path is tested against."""
    scored, tokens = _score_kenlm(model, normalise(model.card.rules, texts.fill_null("")), each=False)
    return _sum(np.arange(len(texts)), len(texts), tokens, scored, None)


def _score_kenlm(model: Kenlm, normalised: pa.Array, each: bool) -> tuple[Scored, npt.NDArray[np.int64]]:
    scores, counts, unknown = [], [], []
    probabilities: list[float] = []
    for line in model.tokenizer.joined(normalised).to_pylist():
        words = line.encode().split()  # as KenLM does: at ASCII white space
        counts.append(len(words))
        unknown.append(sum(word not in model.kenlm for word in words))
        if len(words) <= _EXACT_TOKENS and not each:
            scores.append(model.kenlm.score(line))
        else:
            tokens = [prob for prob, _, _ in model.kenlm.full_scores(line)]
            scores.append(sum(tokens))
            probabilities += tokens if each else []
    scored = Scored(np.array(scores, np.float64), np.array(unknown, np.int64), np.array(probabilities, np.float32))
    return scored, np.array(counts, np.int64)


def _strings(data: Bytes, offsets: Offsets) -> pa.Array:
    return pa.array([data[a:b].tobytes().decode() for a, b in pairwise(offsets)], pa.string())
