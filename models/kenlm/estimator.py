"""Interpolated modified Kneser-Ney estimation with the numbers of KenLM's lmplz.

Chen and Goodman 1998, "An Empirical Study of Smoothing Techniques for Language Modeling", section 4.1.6 and equation 26; Heafield et al. 2013,
"Scalable Modified Kneser-Ney Language Model Estimation". As in lmplz: unigrams are interpolated with a uniform distribution over all words and
<unk>; n-grams that begin with <s> keep their plain counts; discounts come from the counts before pruning; the mass of pruned n-grams goes to
the back-off; single precision throughout, in lmplz's order of operations.
"""

import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import numba
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from models.kenlm.counting import count_ngrams
from models.kenlm.levels import Level, build_levels
from models.kenlm.ngrams import (
    BOS,
    EOS,
    F32,
    MAX_ORDER,
    MIN_ORDER,
    U32,
    UNK,
    Discount,
    NgramModel,
    NgramOrder,
    check_words,
    link_contexts,
)
from models.kenlm.spill import Spill

FALLBACK = Discount(0.5, 1.0, 1.5, True)  # lmplz's --discount_fallback
MEMORY_BYTES = 1 << 30


class DiscountError(ValueError):
    """The discounts of an order have no closed-form estimate: one line with the order and the cause."""


def estimate(
    sentences: Iterable[U32],
    words: Sequence[str] | pa.Array,
    order: int = 5,
    prune: Sequence[int] = (0,),
    discount_fallback: bool = False,
    memory_bytes: int = MEMORY_BYTES,
    spill_folder: Path | None = None,
) -> NgramModel:
    """The model that `lmplz -o order --prune ... [--discount_fallback]` makes of the same sentences.

    sentences: uint32 ids into `words`, without <s> and <unk>. An array is one sentence; it may carry several, each ended by EOS (2). An empty array
      is an empty sentence.
    words: surfaces, beginning with <unk>, <s>, </s>. The model's own ids are in order of first appearance (as lmplz numbers them), without words
      that do not occur.
    prune: n-grams that occur this often or less are left out, per order, the last value for all higher orders; unigrams are never pruned.
    memory_bytes: bound for the sort buffers; beyond it sorted runs and finished orders go to temporary files in `spill_folder` (default: the
      system's). On top come about 30 bytes per n-gram of the two largest neighbouring orders.

    Raises ValueError (empty corpus, id or argument out of range), DiscountError, SpillError.
    """
    thresholds = check_prune(prune, order)
    surfaces = check_words(words)
    spill = Spill(spill_folder or Path(tempfile.gettempdir()))
    counts = count_ngrams(sentences, len(surfaces), order, memory_bytes, spill)
    if not counts.tokens:
        raise ValueError("the corpus is empty: not one word")
    levels, last_length = build_levels(counts.blocks, counts.layout, spill)
    adjusted = [adjusted_counts(level, n + 1 == order) for n, level in enumerate(levels)]
    discounts = tuple(
        order_discount(n + 1, count_of_counts(adjusted[n], level, n + 1 < order and n < last_length), discount_fallback)
        for n, level in enumerate(levels)
    )
    numbers = counts.numbers
    seen = np.argsort(np.where(numbers, numbers, len(numbers) + 3), kind="stable")[: int(numbers.max()) - EOS + 1]
    model_words = pa.concat_arrays([surfaces[:EOS], surfaces.take(pa.array(seen))])
    orders = smooth(levels, adjusted, discounts, thresholds, spill)
    return NgramModel(model_words, orders, discounts, counts.tokens)


def check_prune(prune: Sequence[int], order: int) -> list[int]:
    """A threshold for every order; ValueError for what lmplz refuses, and for pruned unigrams."""
    if not MIN_ORDER <= order <= MAX_ORDER:
        raise ValueError(f"order {order} is not in {MIN_ORDER}..{MAX_ORDER}, the orders that KenLM reads")
    if not prune or len(prune) > order or prune[0] != 0 or min(prune) < 0 or sorted(prune) != list(prune):
        raise ValueError(f"prune {tuple(prune)} is not a rising list of 1 to {order} thresholds that begins with 0")
    return [*prune, *[prune[-1]] * (order - len(prune))]


def adjusted_counts(level: Level, highest: bool) -> U32:
    """Plain counts for the highest order and after <s>, else the number of different words before the n-gram."""
    if highest:
        return level.count
    adjusted = np.diff(level.begin)
    if len(level.count) and level.word[0] == UNK:
        return adjusted  # unigrams; <unk> and <s> have no extensions, so 0
    sentence_start = np.flatnonzero(level.word == BOS)
    adjusted[sentence_start] = level.count[sentence_start]
    return adjusted


def count_of_counts(adjusted: U32, level: Level, last_is_plain: bool) -> list[int]:
    """How many n-grams have the adjusted count 0, 1, 2, 3, 4.

    lmplz enters the last n-gram (in suffix order) of the lower orders by its plain count (AdjustCounts::Run, after its loop); so do we, since on
    small corpora the discounts show it.
    """
    of = np.bincount(np.minimum(adjusted, 5), minlength=6)
    if last_is_plain:
        of[min(int(adjusted[-1]), 5)] -= 1
        of[min(int(level.count[-1]), 5)] += 1
    return of[:5].tolist()


def order_discount(order: int, of: Sequence[int], fallback: bool) -> Discount:
    """Equation 26 of Chen and Goodman; `of[j]` is the number of n-grams with adjusted count j."""
    cause = ""
    amounts = [np.float32(0)]
    for j in (1, 2, 3):
        if of[j] == 0:
            cause = f"no {order}-gram has the adjusted count {j}"
            break
        y = np.float32(of[1]) / np.float32(of[1] + 2.0 * of[2])
        amounts.append(np.float32(j) - np.float32(j + 1) * y * np.float32(of[j + 1]) / np.float32(of[j]))
        if not 0 <= amounts[j] <= j:
            cause = f"the discount of count {j} would be {amounts[j]:.3f}"
            break
    if not cause:
        return Discount(float(amounts[1]), float(amounts[2]), float(amounts[3]), False)
    if fallback:
        return FALLBACK
    raise DiscountError(
        f"no Kneser-Ney discounts for order {order}: {cause}; the corpus is small, or repeats itself: add or deduplicate text, "
        "or allow the fallback discounts"
    )


@numba.njit(cache=True)
def _context_sums(contexts: U32, adjusted: U32, count: U32, threshold: int, sums: U32) -> None:
    """Per context: sum of adjusted counts, how many kept extensions have 1, 2, 3 and more, and the sum that is pruned."""
    for row in range(len(contexts)):
        to = contexts[row]
        sums[to, 0] += adjusted[row]
        if count[row] > threshold:
            sums[to, min(adjusted[row], np.uint32(3))] += 1
        elif sums.shape[1] > 4:
            sums[to, 4] += adjusted[row]


@numba.njit(cache=True)
def _gammas(sums: U32, discount: F32) -> tuple[F32, F32]:
    """Interpolation weight and sum of adjusted counts of each context; weight 1 where nothing follows."""
    gammas, totals = np.ones(len(sums), np.float32), np.ones(len(sums), np.float32)
    for row in range(len(sums)):
        if sums[row, 0]:
            gamma = np.float32(0)
            for j in range(1, 4):
                gamma += discount[j] * np.float32(sums[row, j])
            if sums.shape[1] > 4:
                gamma += np.float32(sums[row, 4])
            totals[row] = np.float32(sums[row, 0])
            gammas[row] = gamma / totals[row]
    return gammas, totals


@numba.njit(cache=True)
def _interpolate(begin: U32, contexts: U32, adjusted: U32, discount: F32, gammas: F32, totals: F32, lower: F32) -> F32:
    out = np.empty(len(contexts), np.float32)
    for suffix in range(len(begin) - 1):
        for row in range(begin[suffix], begin[suffix + 1]):
            context, count = contexts[row], adjusted[row]
            own = (np.float32(count) - discount[min(count, np.uint32(3))]) / totals[context]
            out[row] = own + gammas[context] * lower[suffix]
    return out


def unigram_probabilities(adjusted: U32, discount: F32) -> F32:
    """p(word), interpolated with the uniform distribution over all words but <s>; 1 for <s>, as lmplz has it."""
    sums = np.zeros((1, 4), np.uint32)
    _context_sums(np.zeros(len(adjusted), np.uint32), adjusted, adjusted, 0, sums)
    gammas, totals = _gammas(sums, discount)
    uniform = np.float32(1.0 / float(np.float32(len(adjusted) - 1)))
    own = (adjusted.astype(np.float32) - discount[np.minimum(adjusted, 3)]) / totals[0]
    probabilities = own + gammas[0] * uniform
    probabilities[BOS] = 1
    return probabilities.astype(np.float32)


def smooth(
    levels: list[Level], adjusted: list[U32], discounts: Sequence[Discount], thresholds: Sequence[int], spill: Spill
) -> tuple[NgramOrder, ...]:
    """Probabilities and back-offs of all orders, in one sweep upwards that holds two orders at a time. Empties `levels` and `adjusted`."""
    amounts = np.array([(0, *discount[:3]) for discount in discounts], np.float32)
    unigrams = len(levels[0].word)
    probability = unigram_probabilities(adjusted[0], amounts[0])
    contexts = np.empty(0, np.uint32)
    kept: NDArray[np.bool_] | None = None
    begin = np.array([0, unigrams], np.uint32)
    orders: list[NgramOrder] = []
    lower = levels[0]
    lower_begin = begin
    for n in range(1, len(levels)):
        level = levels[n]
        if n == 1:
            contexts = level.word
        else:
            contexts, missing = link_contexts(level.word, lower.begin, lower.word, lower_begin, contexts)
            assert missing < 0
        sums = np.zeros((len(lower.word), 5 if thresholds[n] else 4), np.uint32)
        _context_sums(contexts, adjusted[n], level.count, thresholds[n], sums)
        gammas, totals = _gammas(sums, amounts[n])
        del sums
        orders.append(_finished(lower.word, begin, kept, probability, gammas, spill))
        probability = _interpolate(lower.begin, contexts, adjusted[n], amounts[n], gammas, totals, probability)
        del gammas, totals
        adjusted[n - 1] = adjusted[n] if n + 1 == len(levels) else adjusted[n - 1][:0]
        above, kept = kept, level.count > thresholds[n] if thresholds[n] else None
        begin = _kept_ranges(lower.begin, above, kept)
        lower, lower_begin = level, lower.begin
    orders.append(_finished(lower.word, begin, kept, probability, None, spill))
    return tuple(orders)


def _kept_ranges(begin: U32, above: NDArray[np.bool_] | None, kept: NDArray[np.bool_] | None) -> U32:
    """The ranges `begin` after pruning; `above`, `kept`: which rows of the order below and of this order stay (None: all)."""
    if kept is None:
        return begin  # thresholds rise, so nothing was pruned above either
    before = np.zeros(len(kept) + 1, np.uint32)
    np.cumsum(kept, out=before[1:])
    starts = begin[:-1] if above is None else begin[:-1][above]
    return np.append(before[starts], before[-1:])


def _finished(
    word: U32, begin: U32, kept: NDArray[np.bool_] | None, probability: F32, gammas: F32 | None, spill: Spill
) -> NgramOrder:
    """One order without its pruned rows, in log10."""
    columns = [word, _log10(probability), np.empty(0, np.float32) if gammas is None else _log10(gammas)]
    if kept is not None:
        columns = [column[kept] if len(column) else column for column in columns]
    word, log10_prob, log10_backoff = (spill.keep(column) for column in columns)
    return NgramOrder(word, spill.keep(begin), log10_prob, log10_backoff)


def _log10(values: F32) -> F32:
    return np.minimum(np.log10(values), np.float32(0))
