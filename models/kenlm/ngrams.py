"""A back-off n-gram model in memory: each order is one level of a trie that starts from the last word.

An n-gram is stored as its first word; its position gives its suffix (the n-gram without the first word). This takes 4 bytes of
ids per n-gram of any order, and it is the order of lmplz's ARPA files. The three relatives that Kneser-Ney and KenLM's tables
need are easy to find: the suffix (the level above), the left extensions (a range of the level below) and the context
(`context_rows`: a search among the left extensions of the suffix's context).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curricle.models.kenlm.ngram_kernels import link_contexts

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
    fallback: bool  # the closed form failed, and these are the fallback values


@dataclass(frozen=True)
class Level:
    """Counts of all n-grams of one order, in suffix order, as lmplz writes them: by last word, then the word before it, etc."""

    word: U32  # (n,) id of the first word; for unigrams 0..n-1
    begin: U32  # (m + 1,) rows begin[i]:begin[i + 1] end in row i of the order below (m rows there); (0, n) for unigrams
    count: U32  # (n,) Kneser-Ney's adjusted count
    total: U32  # (n,) sum of the adjusted counts of the n-grams that begin with this one, before pruning; empty: nothing pruned


@dataclass(frozen=True)
class NgramOrder(Level):
    """A level with its probabilities."""

    log10_prob: F32  # (n,) <= 0
    log10_backoff: F32  # (n,), or empty for the highest order


@dataclass(frozen=True)
class NgramModel:
    """`words[id]` is the text of a word; <unk> is 0, <s> 1, </s> 2, as in KenLM. `orders[0]` are the unigrams."""

    words: pa.StringArray
    orders: tuple[NgramOrder, ...]
    discounts: tuple[Discount, ...]  # per order
    tokens: int  # words of the corpus without <s> and </s>
    vocabulary: int  # the argument of `estimate`

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
    """`words` as one Arrow string array, after checking that KenLM's text formats can hold them.

    Raises ValueError unless the list starts with <unk>, <s>, </s> and all words differ, are not empty and have none of the
    characters that separate words in lmplz and in ARPA files (NUL, tab, line feed, carriage return, space).
    """
    surfaces = pa.array(words, pa.string()) if not isinstance(words, pa.Array) else words.cast(pa.string())
    if tuple(surfaces[:3].to_pylist()) != SPECIALS:
        raise ValueError(f"a vocabulary must start with {', '.join(SPECIALS)}; this one starts with {surfaces[:3].to_pylist()}")
    bad = pc.or_(pc.equal(pc.binary_length(surfaces), 0), pc.match_substring_regex(surfaces, "[\\x00\\t\\n\\r ]"))
    if surfaces.null_count or pc.any(bad).as_py():
        raise ValueError(f"{surfaces.filter(pc.fill_null(bad, True))[0].as_py()!r} is not a word: it is empty or has white space")
    if len(surfaces.unique()) != len(surfaces):
        raise ValueError("the vocabulary has a word twice")
    return surfaces


def context_rows(levels: Sequence[Level]) -> Iterator[U32]:
    """For each order from 2 on, the row of each n-gram's context (the n-gram without its last word) in the order below.

    Raises ValueError where a context is not in the model.
    """
    contexts = np.zeros(len(levels[0].word), np.uint32)  # of unigrams: the empty n-gram
    for order, (lower, level) in enumerate(pairwise(levels), 2):
        lower_contexts, contexts = contexts, np.empty(len(level.word), np.uint32)
        if link_contexts(level.word, level.begin, lower.word, lower.begin, lower_contexts, contexts) >= 0:
            raise ValueError(f"an n-gram of order {order} has no context of order {order - 1} in the model")
        yield contexts
