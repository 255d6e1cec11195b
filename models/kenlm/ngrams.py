"""A back-off n-gram model in memory: for each order a level of a trie that is entered from the last word.

An n-gram is stored as its first word and, through its place, its suffix (the n-gram without the first word). That is 4 bytes
of ids per n-gram
for any order, it is the order of lmplz's ARPA files, and the three neighbours that Kneser-Ney and KenLM's tables need are at
hand: the suffix (the
level above), the left extensions (a range of the level below) and the context (`context_rows`, a search among the left
extensions of the
suffix's context).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from curricle.models.kenlm.compiled import export
from numpy.typing import NDArray

UNK, BOS, EOS = 0, 1, 2
SPECIALS = ("<unk>", "<s>", "</s>")
MIN_ORDER, MAX_ORDER = 2, 6  # KenLM's readers: at least a bigram model, KENLM_MAX_ORDER 6

U32 = NDArray[np.uint32]
F32 = NDArray[np.float32]


class Discount(NamedTuple):
    """Modified Kneser-Ney discounts of one order, for adjusted counts 1, 2, and 3 and more."""

    d1: float
    d2: float
    d3: float
    fallback: bool  # the closed form failed and these were put in its place


@dataclass(frozen=True)
class Level:
    """Counts of all n-grams of one order, in suffix order: by last word, then the word before it, and so on (what lmplz
    writes).
    """

    word: U32  # (n,) id of the first word; for unigrams 0..n-1
    begin: U32  # (m + 1,) rows begin[i]:begin[i + 1] end in row i of the order below (m rows there); (0, n) for unigrams
    count: U32  # (n,) Kneser-Ney's adjusted count; empty where the model was read from an ARPA file
    total: U32  # (n,) adjusted counts of the n-grams that began with this one, summed before pruning; empty: nothing was pruned


@dataclass(frozen=True)
class NgramOrder(Level):
    """A level with its probabilities."""

    log10_prob: F32  # (n,) <= 0
    log10_backoff: F32  # (n,), or empty for the highest order


@dataclass(frozen=True)
class NgramModel:
    """`words[id]` is a word's surface, <unk> 0, <s> 1, </s> 2 as in KenLM; `orders[0]` are the unigrams."""

    words: pa.StringArray
    orders: tuple[NgramOrder, ...]
    discounts: tuple[Discount, ...] = ()  # per order, where the model was estimated here
    tokens: int = 0  # words of the corpus without <s> and </s>, where the model was estimated here
    vocabulary: int = 0  # what it was estimated with

    @property
    def order(self) -> int:
        """Length of the longest n-grams."""
        return len(self.orders)

    @property
    def counts(self) -> tuple[int, ...]:
        """Number of n-grams of each order."""
        return tuple(len(level.word) for level in self.orders)

    def ids(self, order: int, start: int = 0, stop: int | None = None) -> U32:
        """(n, order) word ids of the n-grams start:stop of `order`, in reading direction, rows in suffix order."""
        level = self.orders[order - 1]
        first = level.word[start:stop, None]
        if order == 1 or not len(first):
            return np.repeat(first, order, axis=1)
        ends = np.searchsorted(level.begin, [start, start + len(first) - 1], "right")
        low, high = int(ends[0]) - 1, int(ends[1])  # suffixes of these rows
        bounds: NDArray[np.int64] = np.clip(level.begin[low : high + 1], start, start + len(first)).astype(np.int64)
        lengths = bounds[1:] - bounds[:-1]
        return np.hstack([first, np.repeat(self.ids(order - 1, low, high), lengths, axis=0)])


def check_words(words: Sequence[str] | pa.Array) -> pa.StringArray:
    """`words` as one Arrow string array, after checking that KenLM's text formats can carry them.

    Raises ValueError unless it starts with <unk>, <s>, </s> and all words differ, are not empty and hold none of the
    characters that separate words
    in lmplz and in ARPA files (NUL, tab, line feed, carriage return, space).
    """
    surfaces = pa.array(words, pa.string()) if not isinstance(words, pa.Array) else words.cast(pa.string())
    if tuple(surfaces[:3].to_pylist()) != SPECIALS:
        raise ValueError(f"a vocabulary starts with {', '.join(SPECIALS)}, not with {surfaces[:3].to_pylist()}")
    bad = pc.or_(pc.equal(pc.binary_length(surfaces), 0), pc.match_substring_regex(surfaces, "[\\x00\\t\\n\\r ]"))
    if surfaces.null_count or pc.any(bad).as_py():
        raise ValueError(f"not a word: {surfaces.filter(pc.fill_null(bad, True))[0].as_py()!r} is empty or has white space")
    if len(surfaces.unique()) != len(surfaces):
        raise ValueError("a word is twice in the vocabulary")
    return surfaces


def context_rows(levels: Sequence[Level]) -> Iterator[U32]:
    """For each order from 2 on, the row of each n-gram's context (the n-gram without its last word) in the order below.

    Raises ValueError where a context is not in the model.
    """
    contexts = np.zeros(len(levels[0].word), np.uint32)  # of unigrams: the empty n-gram
    for order, (lower, level) in enumerate(pairwise(levels), 2):
        lower_contexts, contexts = contexts, np.empty(len(level.word), np.uint32)
        if _link_contexts(level.word, level.begin, lower.word, lower.begin, lower_contexts, contexts) >= 0:
            raise ValueError(f"an n-gram of order {order} has no context of order {order - 1} in the model")
        yield contexts


@export("int64(uint32[::1], uint32[::1], uint32[::1], uint32[::1], uint32[::1], uint32[::1])")
def _link_contexts(word: U32, begin: U32, lower_word: U32, lower_begin: U32, lower_contexts: U32, contexts: U32) -> int:
    """The context of (w1 .. wn) begins with w1 and ends in the context of (w2 .. wn), so it is found by a search in a short
    sorted range.

    Fills in the rows; returns the number of the first n-gram whose context is missing, or -1.
    """
    for suffix in range(len(begin) - 1):
        context = lower_contexts[suffix]
        low, end = np.int64(lower_begin[context]), np.int64(lower_begin[context + 1])
        for row in range(begin[suffix], begin[suffix + 1]):
            target, high = word[row], end
            while low < high:
                middle = (low + high) >> 1
                if lower_word[middle] < target:
                    low = middle + 1
                else:
                    high = middle
            if low == end or lower_word[low] != target:
                return row
            contexts[row] = low
    return -1
