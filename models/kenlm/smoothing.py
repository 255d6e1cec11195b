"""Probabilities and back-offs from adjusted counts: interpolated modified Kneser-Ney, in single precision and in lmplz's
order of operations.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain

import numpy as np
from curricle.models.kenlm.compiled import export
from curricle.models.kenlm.ngrams import BOS, F32, U32, Discount, Level, NgramOrder, context_rows
from curricle.models.kenlm.spill import Spill


def context_sums(contexts: U32, counts: U32, rows: int) -> U32:
    """(rows, 4), per context: the sum of the adjusted counts, and how many extensions have the adjusted count 1, 2, 3 and
    more.
    """
    sums = np.zeros((rows, 4), np.uint32)
    _add(contexts, counts, sums)
    return sums


@export("void(uint32[::1], uint32[::1], uint32[:, ::1])")
def _add(contexts: U32, counts: U32, sums: U32) -> None:
    for row in range(len(contexts)):
        to, count = contexts[row], counts[row]
        if count:  # <unk> and <s> have none
            sums[to, 0] += count
            sums[to, min(count, np.uint32(3))] += 1


@export("void(uint32[:, ::1], uint32[::1], float32[::1], float32[::1])")
def _gammas(sums: U32, totals: U32, discount: F32, gammas: F32) -> None:
    """Interpolation weight of each context: what the discounts and pruning took away; 1 where nothing follows."""
    for row in range(len(sums)):
        gammas[row] = 1
        if totals[row]:
            gamma = np.float32(0)
            for j in range(1, 4):
                gamma += discount[j] * np.float32(sums[row, j])
            gamma += np.float32(totals[row] - sums[row, 0])
            gammas[row] = gamma / np.float32(totals[row])


@export("void(uint32[::1], uint32[::1], uint32[::1], float32[::1], uint32[::1], float32[::1], float32[::1], float32[::1])")
def _interpolate(begin: U32, contexts: U32, counts: U32, discount: F32, totals: U32, gammas: F32, lower: F32, out: F32) -> None:
    for suffix in range(len(begin) - 1):
        for row in range(begin[suffix], begin[suffix + 1]):
            context, count = contexts[row], counts[row]
            own = (np.float32(count) - discount[min(count, np.uint32(3))]) / np.float32(totals[context])
            out[row] = own + gammas[context] * lower[suffix]


def smooth(levels: Sequence[Level], discounts: Sequence[Discount], spill: Spill, vocabulary: int = 0) -> tuple[NgramOrder, ...]:
    """All orders with their probabilities, in one sweep upwards that works on two orders at a time; finished ones go to
    `spill`. `vocabulary`: see `estimate`.
    """
    words = len(levels[0].word)
    orders: list[NgramOrder] = []
    # below the unigrams: one context, the empty n-gram, and the uniform distribution over all words but <s>
    lower = np.array([1.0 / float(np.float32(max(words - 1, vocabulary)))], np.float32)
    totals = np.empty(0, np.uint32)
    rows = chain([np.zeros(words, np.uint32)], context_rows(levels))
    for level, contexts, discount in zip(levels, rows, discounts, strict=True):
        sums = context_sums(contexts, level.count, len(lower))
        if not len(totals):
            totals = sums[:, 0].copy()
        amounts = np.array((0, *discount[:3]), np.float32)
        gammas, probabilities = np.empty(len(sums), np.float32), np.empty(len(contexts), np.float32)
        _gammas(sums, totals, amounts, gammas)
        del sums
        _interpolate(level.begin, contexts, level.count, amounts, totals, gammas, lower, probabilities)
        if orders:
            orders[-1] = replace(orders[-1], log10_backoff=spill.keep(_log10(gammas)))
        else:
            probabilities[BOS] = 1  # as lmplz has it
        word, begin, count, total = (spill.keep(column) for column in (level.word, level.begin, level.count, level.total))
        orders.append(NgramOrder(word, begin, count, total, spill.keep(_log10(probabilities)), np.empty(0, np.float32)))
        lower, totals = probabilities, level.total
    return tuple(orders)


def _log10(values: F32) -> F32:
    return np.minimum(np.log10(values), np.float32(0))
