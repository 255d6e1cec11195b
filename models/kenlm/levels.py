"""The counts of all orders as a trie of suffixes, built in one pass over the sorted counts of the highest order."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

from models.kenlm.counting import Layout
from models.kenlm.ngrams import BOS, U32
from models.kenlm.spill import Column, Spill

I64 = NDArray[np.int64]
BLOCK_ROWS = 1 << 19


@dataclass
class Level:
    """Counts of one order, in suffix order."""

    word: U32  # first word
    begin: U32  # rows begin[i]:begin[i + 1] of the next order extend row i to the left; empty for the highest order
    count: U32  # occurrences in the corpus; 0 for <unk> and <s> alone


@numba.njit(cache=True)
def _grow(
    rows: NDArray[np.uint64], counts: U32, bits: int, per_key: int, last: U32, last_length: int, sizes: I64, word: U32, begin: U32, count: U32
) -> tuple[int, I64]:
    """New trie nodes of all orders for sorted `rows`; node k of order n goes to word[n - 1, k] etc. `last`, `sizes`: kept between calls."""
    order = len(last)
    added = np.zeros(order, np.int64)
    words = np.empty(order, np.uint32)
    mask = np.uint64((1 << bits) - 1)
    for row in range(len(rows)):
        back = 0
        for key in range(rows.shape[1]):
            here = min(per_key, order - back)
            for place in range(here):
                words[back] = (rows[row, key] >> np.uint64((here - 1 - place) * bits)) & mask
                back += 1
        length = 1  # the n-gram ends at the first <s>
        while length < order and words[length - 1] != BOS:
            length += 1
        same = 0
        while same < min(length, last_length) and words[same] == last[same]:
            same += 1
        for depth in range(same, length):
            at = added[depth]
            word[depth, at] = words[depth]
            begin[depth, at] = sizes[depth + 1] if depth + 1 < order else 0
            count[depth, at] = counts[row] if depth == length - 1 else 0
            added[depth] = at + 1
            sizes[depth] += 1
        last[:] = words
        last_length = length
    return last_length, added


@numba.njit(cache=True)
def _with_extensions(begin: U32, count: U32, longer: U32) -> U32:
    """Own count plus the counts of all left extensions."""
    total = count.copy()
    for row in range(len(count)):
        for extension in range(begin[row], begin[row + 1]):
            total[row] += longer[extension]
    return total


def build_levels(blocks: Iterable[tuple[NDArray[np.uint64], U32]], layout: Layout, spill: Spill) -> tuple[list[Level], int]:
    """Levels of order 1 to `layout.order`, and the length of the last n-gram in suffix order.

    Every word id up to the largest must occur, so that a unigram's row is its id. Raises ValueError where an order has over 4 billion n-grams.
    """
    order = layout.order
    columns = [(Column(spill), Column(spill), Column(spill)) for _ in range(order)]
    specials = np.array([0, 1], np.uint32)
    for column, values in zip(columns[0], (specials, specials * 0, specials * 0), strict=True):
        column.append(values)
    last, length = np.zeros(order, np.uint32), 0
    sizes = np.array([2] + [0] * (order - 1), np.int64)
    word, begin, count = (np.empty((order, BLOCK_ROWS), np.uint32) for _ in range(3))
    for rows, counts in _pieces(blocks):
        length, added = _grow(rows, counts, layout.bits, layout.per_key, last, length, sizes, word, begin, count)
        if sizes.max() >= 1 << 32:
            raise ValueError("over 4 billion n-grams of one order: rows here have 32 bits")
        for depth, block in enumerate(added):
            for column, values in zip(columns[depth], (word, begin, count), strict=True):
                column.append(values[depth, :block])
    levels: list[Level] = []
    for depth in reversed(range(order)):
        words, begins, own = columns[depth]
        if depth + 1 == order:
            begin_here = np.empty(0, np.uint32)
            counts_here = own.finish(np.uint32)
        else:
            begins.append(np.array([sizes[depth + 1]], np.uint32))
            begin_here = begins.finish(np.uint32)
            counts_here = spill.keep(_with_extensions(begin_here, own.finish(np.uint32), levels[0].count))
        levels.insert(0, Level(words.finish(np.uint32), begin_here, counts_here))
    return levels, length


def _pieces(blocks: Iterable[tuple[NDArray[np.uint64], U32]]) -> Iterator[tuple[NDArray[np.uint64], U32]]:
    for rows, counts in blocks:
        for start in range(0, len(rows), BLOCK_ROWS):
            yield rows[start : start + BLOCK_ROWS], counts[start : start + BLOCK_ROWS]
