"""Scores texts under one or several models. Models that read alike share normalization and tokenization.

A model treats each document or each line as one sentence: the `unit` in its card.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from curricle import portable_math
from curricle.models.kenlm.model import Kenlm
from curricle.models.kenlm.normalizer import Bytes, Offsets
from curricle.models.kenlm.profiles import normalize_bytes, string_buffers
from curricle.models.kenlm.table import Scored
from curricle.models.kenlm.token_mixture import mix_sentences

_EXACT_TOKENS = 64  # KenLM adds up in float32: 3e-6 off per token after these, 1e-4 after some thousand tokens


@dataclass(frozen=True)
class Scores:
    """For each row, sums over its sentences that have a token; all 0 if there is none."""

    log10: npt.NDArray[np.float64]  # log10 p of all tokens, including sentence ends
    mixed: npt.NDArray[np.float64]  # the same in the mixture with the base model; equal to log10 where there is no mixture
    tokens: npt.NDArray[np.int32]  # number of tokens, including sentence ends
    oov: npt.NDArray[np.int32]  # number of tokens that the model does not know
    units: npt.NDArray[np.int32]  # number of sentences

    def perplexity(self, decimals: int | None = None) -> pa.Array:
        """10 ** (-log10 / tokens), float64, rounded if the model's profile says so; null where there is no token."""
        is_empty = self.tokens == 0
        values = portable_math.exp10(-self.log10 / np.maximum(self.tokens, 1))
        return pa.array(values if decimals is None else np.round(values, decimals), pa.float64(), mask=is_empty)

    def log10_ratio(self, clean: "Scores") -> pa.Array:
        """log10 of this perplexity (mixed) over that of `clean`, float64; null where either has no token."""
        is_empty = (self.tokens == 0) | (clean.tokens == 0)
        ratio = clean.log10 / np.maximum(clean.tokens, 1) - self.mixed / np.maximum(self.tokens, 1)
        return pa.array(ratio, mask=is_empty)

    def oov_ratio(self) -> pa.Array:
        """Share of tokens, without sentence ends, that the model does not know, float32; null where there is no token."""
        words = self.tokens - self.units
        return pa.array((self.oov / np.maximum(words, 1)).astype(np.float32), mask=words == 0)


def score(model: Kenlm, texts: pa.Array) -> Scores:
    """Scores of `texts` (string; a null is an empty text) under one model alone."""
    return score_all([model], texts)[0]


def score_all(models: Sequence[Kenlm], texts: pa.Array, base: Kenlm | None = None) -> list[Scores]:
    """Scores under each model, in order.

    With `base`, a model whose card has a weight w under 1 is also scored in a mixture (`Scores.mixed`): w p + (1 - w) p_base for
    each token. Both models must then read alike (`KenlmCard.reads_like`).
    """
    results: dict[int, Scores] = {}
    for like in dict.fromkeys(model.card.reads_like for model in models):
        group = [i for i, model in enumerate(models) if model.card.reads_like == like]
        results.update(zip(group, _score_group([models[i] for i in group], texts, base), strict=True))
    return [results[i] for i in range(len(models))]


def _score_group(models: Sequence[Kenlm], texts: pa.Array, base: Kenlm | None) -> list[Scores]:
    data, offsets = string_buffers(texts)
    starts, ends, rows = _sentences(data, offsets, models[0].card.unit)
    data, offsets = normalize_bytes(models[0].card.rules, data, starts, ends)
    mixed = {model for model in models if base is not None and model.card.weight < 1}
    scoring = list(dict.fromkeys([*models, base] if base is not None and mixed else models))
    if any(model.table is not None for model in scoring):
        tokens, token_offsets, hashes = models[0].tokenizer.tokens(data, offsets)
    scored: dict[Kenlm, Scored] = {}
    for model in scoring:
        each = bool(mixed) and (model in mixed or model is base)
        if model.table is None:
            scored[model], counts = _score_kenlm(model, _strings(data, offsets), each)
        else:
            scored[model] = model.table.score(tokens, token_offsets, model.table.ids(hashes), each)
            counts = np.diff(token_offsets)
    results = []
    for model in models:
        mixture = None
        if base is not None and model in mixed:
            mixture = _mix(scored[model], scored[base], model.card.weight, counts)
        results.append(_sum(rows, len(texts), counts, scored[model], mixture))
    return results


def _mix(own: Scored, base: Scored, weight: float, counts: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """log10 p of each sentence in the mixture; `counts`: tokens of each sentence, without its end."""
    offsets = np.zeros(len(counts) + 1, np.int64)
    np.cumsum(counts + 1, out=offsets[1:])
    out = np.empty(len(counts), np.float64)
    mix_sentences(own.each, base.each, weight, offsets, out)
    return out


def _sentences(data: Bytes, offsets: Offsets, unit: str) -> tuple[Offsets, Offsets, npt.NDArray[np.int64]]:
    """Starts and ends of the sentences, in order, and the row of each. `unit`: whether rows or lines are sentences."""
    starts, ends = offsets[:-1], offsets[1:]
    rows = np.arange(len(starts))
    if unit == "document":
        return starts, ends, rows
    newlines = np.flatnonzero(data[offsets[0] : offsets[-1]] == ord("\n")) + offsets[0]
    lines = np.diff(np.searchsorted(newlines, offsets)) + 1
    return np.sort(np.concatenate([starts, newlines + 1])), np.sort(np.concatenate([newlines, ends])), np.repeat(rows, lines)


def _sum(
    rows: npt.NDArray[np.int64],
    count: int,
    tokens: npt.NDArray[np.int64],
    scored: Scored,
    mixture: npt.NDArray[np.float64] | None,
) -> Scores:
    """Sums over the sentences of each of `count` rows; `rows` and `tokens`: of each sentence."""
    has_tokens = tokens > 0
    rows = rows[has_tokens]

    def per_row(values: npt.NDArray[np.float64] | None) -> npt.NDArray[Any]:
        return np.bincount(rows, values, minlength=count)

    units = per_row(None).astype(np.int32)
    log10 = per_row(scored.log10[has_tokens])
    return Scores(
        log10=log10,
        mixed=log10 if mixture is None else per_row(mixture[has_tokens]),
        tokens=per_row(tokens[has_tokens].astype(np.float64)).astype(np.int32) + units,
        oov=per_row(scored.unknown[has_tokens].astype(np.float64)).astype(np.int32),
        units=units,
    )


def _score_kenlm(model: Kenlm, normalized: pa.Array, each: bool) -> tuple[Scored, npt.NDArray[np.int64]]:
    """What `ProbingTable.score` gives, by `kenlm` itself, and the number of tokens of each sentence."""
    scores, counts, unknown = [], [], []
    probabilities: list[float] = []
    for line in model.tokenizer.joined(normalized).to_pylist():
        words = line.encode().split()  # at ASCII white space, as KenLM does
        counts.append(len(words))
        unknown.append(sum(word not in model.kenlm for word in words))
        if len(words) <= _EXACT_TOKENS and not each:
            scores.append(model.kenlm.score(line))
        else:
            tokens = [log10 for log10, _, _ in model.kenlm.full_scores(line)]
            scores.append(sum(tokens))
            probabilities += tokens if each else []
    scored = Scored(np.array(scores, np.float64), np.array(unknown, np.int64), np.array(probabilities, np.float32))
    return scored, np.array(counts, np.int64)


def _strings(data: Bytes, offsets: Offsets) -> pa.Array:
    return pa.array([data[start:end].tobytes().decode() for start, end in pairwise(offsets)], pa.string())
