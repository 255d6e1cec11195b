"""Interpolated modified Kneser-Ney estimation that gives the same numbers as KenLM's lmplz.

Chen and Goodman 1998, "An Empirical Study of Smoothing Techniques for Language Modeling", section 4.1.6 and equation 26;
Heafield et al. 2013, "Scalable Modified Kneser-Ney Language Model Estimation". As in lmplz, unigrams are interpolated with a
uniform distribution over all words and <unk>; n-grams that begin with <s> keep their plain counts; discounts come from the
counts before pruning; the mass of pruned n-grams goes to the back-off; all operations are in single precision and in the same
order.
"""

import tempfile
from collections.abc import Iterable, Sequence
from itertools import zip_longest
from pathlib import Path

import numpy as np
import pyarrow as pa

from curricle.errors import DiscountError as DiscountError
from curricle.errors import ModelError
from curricle.models.kenlm.ngrams import BOS, EOS, MAX_ORDER, MIN_ORDER, U32, Discount, Level, NgramModel, check_words
from curricle.models.kenlm.smoothing import smooth
from curricle.models.kenlm.spill import Spill
from curricle.models.kenlm.train.counting import count_ngrams
from curricle.models.kenlm.train.levels import build_levels, prune_levels

FALLBACK = Discount(0.5, 1.0, 1.5, True)  # lmplz's --discount_fallback
MEMORY_BYTES = 1 << 30


def estimate(
    sentences: Iterable[U32],
    words: Sequence[str] | pa.Array,
    order: int = 5,
    prune: Sequence[int] = (0,),
    discount_fallback: bool = False,
    memory_bytes: int = MEMORY_BYTES,
    spill_folder: Path | None = None,
    vocabulary: int = 0,
) -> NgramModel:
    """The model that `lmplz -o order --prune ... [--discount_fallback] [--vocab_pad vocabulary]` makes of the same sentences.

    sentences: uint32 ids into `words`, without <s> and <unk>. Each array is one sentence, or several that each end in EOS (2).
      An empty array is an empty sentence.
    words: the texts of the words, starting with <unk>, <s>, </s>. The model has only the words that occur, with ids in order of
      first appearance, as in lmplz.
    prune: for each order, n-grams that occur this often or less are left out; the last value holds for all higher orders.
      Unigrams are never pruned.
    memory_bytes: limit for the sort buffers. Beyond it, sorted runs and finished orders go to temporary files in `spill_folder`
      (default: the system's). Estimation needs about 30 bytes more per n-gram of the two largest neighboring orders.
    vocabulary: number of words, with </s> and <unk> but without <s>, if there are more than the corpus has. The probability of
      <unk> is then that of *each* word that the corpus lacks: models of one vocabulary are distributions over the same events.

    Raises ValueError (empty corpus, id or argument out of range), DiscountError, SpillError.
    """
    thresholds = check_prune(prune, order)
    surfaces = check_words(words)
    spill = Spill(spill_folder or Path(tempfile.gettempdir()))
    counts = count_ngrams(sentences, len(surfaces), order, memory_bytes, spill)
    if not counts.tokens:
        raise ModelError("the input has no text to train on: not one word")
    levels, last_length = build_levels(counts.blocks, counts.layout, spill)
    adjusted = [spill.keep(adjusted_counts(level, longer)) for level, longer in zip_longest(levels, levels[1:])]
    discounts = tuple(
        order_discount(n + 1, count_of_counts(adjusted[n], level, n + 1 < order and n < last_length), discount_fallback)
        for n, level in enumerate(levels)
    )
    numbers = counts.numbers
    seen = np.argsort(np.where(numbers, numbers, len(numbers) + 3), kind="stable")[: int(numbers.max()) - EOS + 1]
    model_words = pa.concat_arrays([surfaces[:EOS], surfaces.take(pa.array(seen))])
    orders = smooth(prune_levels(levels, adjusted, thresholds), discounts, spill, vocabulary)
    return NgramModel(model_words, orders, discounts, counts.tokens, vocabulary)


def check_prune(prune: Sequence[int], order: int) -> list[int]:
    """A threshold for every order; ValueError for thresholds that lmplz rejects and for pruned unigrams."""
    if not MIN_ORDER <= order <= MAX_ORDER:
        raise ModelError(f"order must be between {MIN_ORDER} and {MAX_ORDER} (what KenLM can read), not {order}")
    if not prune or len(prune) > order or prune[0] != 0 or min(prune) < 0 or sorted(prune) != list(prune):
        raise ModelError(
            f"prune must be 1 to {order} thresholds that start with 0 and never decrease, such as 0,0,1; "
            f"not {','.join(map(str, prune))}"
        )
    return [*prune, *[prune[-1]] * (order - len(prune))]


def adjusted_counts(level: Level, longer: Level | None) -> U32:
    """Plain counts for the highest order and after <s>, else the number of different words before the n-gram."""
    if longer is None:
        return level.count
    adjusted = np.diff(longer.begin)
    sentence_start = np.flatnonzero(level.word == BOS)
    adjusted[sentence_start] = level.count[sentence_start]
    return adjusted


def count_of_counts(adjusted: U32, level: Level, last_is_plain: bool) -> list[int]:
    """How many n-grams have an adjusted count of 0, 1, 2, 3 and 4.

    lmplz counts the last n-gram (in suffix order) of the lower orders by its plain count (AdjustCounts::Run, after its loop). So
    does this function, because the discounts of small corpora depend on it.
    """
    of_count = np.bincount(np.minimum(adjusted, 5), minlength=6)
    if last_is_plain:
        of_count[min(int(adjusted[-1]), 5)] -= 1
        of_count[min(int(level.count[-1]), 5)] += 1
    return of_count[:5].tolist()


def order_discount(order: int, of_count: Sequence[int], fallback: bool) -> Discount:
    """Equation 26 of Chen and Goodman; `of_count[j]` is the number of n-grams with adjusted count j."""
    cause = ""
    amounts = [np.float32(0)]
    for count in (1, 2, 3):
        if of_count[count] == 0:
            cause = f"no {order}-gram has an adjusted count of {count}"
            break
        common = np.float32(of_count[1]) / np.float32(of_count[1] + 2.0 * of_count[2])  # Y
        higher, here = np.float32(of_count[count + 1]), np.float32(of_count[count])
        amounts.append(np.float32(count) - np.float32(count + 1) * common * higher / here)
        if not 0 <= amounts[count] <= count:
            cause = f"the discount of count {count} would be {amounts[count]:.3f}"
            break
    if not cause:
        return Discount(float(amounts[1]), float(amounts[2]), float(amounts[3]), False)
    if fallback:
        return FALLBACK
    raise DiscountError(
        f"no Kneser-Ney discounts for order {order}: {cause}; the corpus is too small or too repetitive: add text, "
        "deduplicate it, or allow the fallback discounts"
    )
