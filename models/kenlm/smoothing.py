"""Probabilities and back-offs from adjusted counts: interpolated modified Kneser-Ney, with lmplz's operations in their order."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain

import numpy as np

from curricle.models.kenlm.ngrams import BOS, F32, U32, Discount, Level, NgramOrder, context_rows
from curricle.models.kenlm.smoothing_kernels import add_to_sums, interpolate, interpolation_weights, log10_at_most_0
from curricle.models.kenlm.spill import Spill


def context_sums(contexts: U32, counts: U32, rows: int) -> U32:
    """(rows, 4), per context: the sum of the adjusted counts; how many extensions have adjusted counts of 1, 2, 3 or more."""
    sums = np.zeros((rows, 4), np.uint32)
    add_to_sums(contexts, counts, sums)
    return sums


def smooth(levels: Sequence[Level], discounts: Sequence[Discount], spill: Spill, vocabulary: int = 0) -> tuple[NgramOrder, ...]:
    """All orders with their probabilities, from the unigrams up; finished orders go to `spill`. `vocabulary`: see `estimate`."""
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
        weights, probabilities = np.empty(len(sums), np.float32), np.empty(len(contexts), np.float32)
        interpolation_weights(sums, totals, amounts, weights)
        del sums
        interpolate(level.begin, contexts, level.count, amounts, totals, weights, lower, probabilities)
        if orders:
            orders[-1] = replace(orders[-1], log10_backoff=spill.keep(_log10(weights)))
        else:
            probabilities[BOS] = 1  # as lmplz has it
        word, begin, count, total = (spill.keep(column) for column in (level.word, level.begin, level.count, level.total))
        orders.append(NgramOrder(word, begin, count, total, spill.keep(_log10(probabilities)), np.empty(0, np.float32)))
        lower, totals = probabilities, level.total
    return tuple(orders)


def _log10(values: F32) -> F32:
    out = np.empty_like(values)
    log10_at_most_0(values, out)
    return out
