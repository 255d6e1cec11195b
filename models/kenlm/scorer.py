"""Texts to log10 probabilities under one or several models; those that read alike share normalising and tokenising."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from models.kenlm.model import Kenlm
from models.kenlm.normaliser import Bytes, Offsets
from models.kenlm.profiles import normalise, normalise_bytes, string_buffers

_EXACT_TOKENS = 64  # KenLM adds float32 up: 1e-4 per token off after some thousand tokens, 3e-6 after these


@dataclass(frozen=True)
class Scores:
    """Of each row, sums over its units (the document, or its lines that have a token); all 0 where there is no token."""

    log10: npt.NDArray[np.float64]  # log10 p of all tokens, sentence ends included
    tokens: npt.NDArray[np.int32]  # how many, sentence ends included
    oov: npt.NDArray[np.int32]  # how many of them the model does not know
    units: npt.NDArray[np.int32]  # sentences

    def perplexity(self, decimals: int | None = None) -> pa.Array:
        """10 ** (-log10 / tokens), float64, rounded where the model's profile says so; null where there is no token."""
        empty = self.tokens == 0
        values = 10 ** (-self.log10 / np.maximum(self.tokens, 1))
        return pa.array(values if decimals is None else np.round(values, decimals), pa.float64(), mask=empty)

    def oov_ratio(self) -> pa.Array:
        """Share of the tokens, sentence ends left out, that the model does not know, float32; null where there is none."""
        words = self.tokens - self.units
        return pa.array((self.oov / np.maximum(words, 1)).astype(np.float32), mask=words == 0)


def score(model: Kenlm, texts: pa.Array) -> Scores:
    """Scores of `texts` (string; null counts as no text) under one model."""
    return score_all([model], texts)[0]


def score_all(models: Sequence[Kenlm], texts: pa.Array) -> list[Scores]:
    """Scores under each model, in order."""
    results: dict[int, Scores] = {}
    for like in dict.fromkeys(model.card.reads_like for model in models):
        group = [i for i, model in enumerate(models) if model.card.reads_like == like]
        results.update(zip(group, _score_group([models[i] for i in group], texts), strict=True))
    return [results[i] for i in range(len(models))]


def _score_group(models: Sequence[Kenlm], texts: pa.Array) -> list[Scores]:
    data, offsets = string_buffers(texts)
    starts, ends, rows = units(data, offsets, models[0].card.unit)
    data, offsets = normalise_bytes(models[0].card.rules, data, starts, ends)
    mapped = [model for model in models if model.table is not None]
    if mapped:
        tokens, places, hashes = models[0].tokenizer.tokens(data, offsets)
    results = []
    for model in models:
        if model.table is None:
            log10, counts, oov = _score_kenlm(model, _strings(data, offsets))
        else:
            log10, oov = model.table.score(tokens, places, model.table.ids(hashes))
            counts = np.diff(places)
        results.append(_sum(rows, len(texts), log10, counts, oov))
    return results


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
    rows: npt.NDArray[np.int64], count: int, log10: npt.NDArray[np.float64], tokens: npt.NDArray[np.int64], oov: Offsets
) -> Scores:
    some = tokens > 0
    rows = rows[some]

    def per_row(values: npt.NDArray[np.float64] | None) -> npt.NDArray[Any]:
        return np.bincount(rows, values, minlength=count)

    units = per_row(None).astype(np.int32)
    return Scores(
        log10=per_row(log10[some]),
        tokens=per_row(tokens[some].astype(np.float64)).astype(np.int32) + units,
        oov=per_row(oov[some].astype(np.float64)).astype(np.int32),
        units=units,
    )


def score_reference(model: Kenlm, texts: pa.Array) -> Scores:
    """`score` of document-unit models as `kenlm` gives it: what the fast path is tested against."""
    log10, tokens, oov = _score_kenlm(model, normalise(model.card.rules, texts.fill_null("")))
    return _sum(np.arange(len(texts)), len(texts), log10, tokens, oov)


def _score_kenlm(model: Kenlm, normalised: pa.Array) -> tuple[npt.NDArray[np.float64], Offsets, Offsets]:
    scores, counts, unknown = [], [], []
    for line in model.tokenizer.joined(normalised).to_pylist():
        words = line.encode().split()  # as KenLM does: at ASCII white space
        counts.append(len(words))
        unknown.append(sum(word not in model.kenlm for word in words))
        if len(words) <= _EXACT_TOKENS:
            scores.append(model.kenlm.score(line))
        else:
            scores.append(sum(prob for prob, _, _ in model.kenlm.full_scores(line)))
    return np.array(scores, np.float64), np.array(counts, np.int64), np.array(unknown, np.int64)


def _strings(data: Bytes, offsets: Offsets) -> pa.Array:
    return pa.array([data[a:b].tobytes().decode() for a, b in pairwise(offsets)], pa.string())
