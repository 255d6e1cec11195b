"""The counts of all orders as a trie of suffixes, built in one pass over the sorted counts of the highest order."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np
from curricle.models.kenlm.compiled import export
from curricle.models.kenlm.ngrams import BOS, U32, Level, context_rows
from curricle.models.kenlm.smoothing import context_sums
from curricle.models.kenlm.spill import Column, Spill
from curricle.models.kenlm.train.counting import Layout
from numpy.typing import NDArray

I64 = NDArray[np.int64]
BLOCK_ROWS = 1 << 19


@export(
    "int64(uint64[:, ::1], uint32[::1], int64, int64, uint32[::1], int64, int64[::1], "
    "uint32[:, ::1], uint32[:, ::1], uint32[:, ::1], int64[::1])"
)
def _grow(
    rows: NDArray[np.uint64],
    counts: U32,
    bits: int,
    per_key: int,
    last: U32,
    last_length: int,
    sizes: I64,
    word: U32,
    begin: U32,
    count: U32,
    added: I64,
) -> int:
    """New trie nodes of all orders for sorted `rows`; node k of order n goes to word[n - 1, k] etc. `last`, `sizes`: kept
    between calls. added[n - 1]: how many nodes of order n. Returns the length of the last n-gram.
    """
    order = len(last)
    added[:] = 0
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
        for back in range(order):
            last[back] = words[back]
        last_length = length
    return last_length


@export("void(uint32[::1], uint32[::1], uint32[::1])")
def _add_extensions(begin: U32, longer: U32, count: U32) -> None:
    """Add the counts of all left extensions to an n-gram's own count."""
    for row in range(len(count)):
        for extension in range(begin[row], begin[row + 1]):
            count[row] += longer[extension]


def build_levels(blocks: Iterable[tuple[NDArray[np.uint64], U32]], layout: Layout, spill: Spill) -> tuple[list[Level], int]:
    """Levels of order 1 to `layout.order` with plain counts (0 for <unk> and <s> alone), and the length of the last n-gram in
    suffix order.

    Every word id up to the largest must occur, so that a unigram's row is its id. Raises ValueError where an order has over 4
    billion n-grams.
    """
    order = layout.order
    word, begin, count = ([Column(spill) for _ in range(order)] for _ in range(3))
    specials = np.array([0, 1], np.uint32)
    for column, values in zip((word, begin, count), (specials, specials * 0, specials * 0), strict=True):
        column[0].append(values)
    sizes = np.array([2] + [0] * (order - 1), np.int64)
    last, length = np.zeros(order, np.uint32), 0
    new, added = np.empty((3, order, BLOCK_ROWS), np.uint32), np.empty(order, np.int64)
    for rows, counts in _pieces(blocks):
        length = _grow(rows, counts, layout.bits, layout.per_key, last, length, sizes, *new, added)
        if sizes.max() >= 1 << 32:
            raise ValueError("over 4 billion n-grams of one order: rows here have 32 bits")
        for column, values in zip((word, begin, count), new, strict=True):
            for depth, block in enumerate(added):
                column[depth].append(values[depth, :block])
    for lower, size in zip(begin, sizes[1:], strict=False):
        lower.append(np.array([size], np.uint32))
    begins = [np.array([0, sizes[0]], np.uint32), *(lower.finish() for lower in begin[:-1])]
    plain = count[-1].finish()
    levels = [Level(word[-1].finish(), begins[-1], plain, plain[:0])]
    for depth in reversed(range(order - 1)):
        longer, plain = plain, np.array(count[depth].finish())
        _add_extensions(begins[depth + 1], longer, plain)
        plain = spill.keep(plain)
        levels.insert(0, Level(word[depth].finish(), begins[depth], plain, plain[:0]))
    return levels, length


def prune_levels(levels: list[Level], adjusted: list[U32], thresholds: Sequence[int]) -> list[Level]:
    """Levels without the n-grams that occur `thresholds` times or less, with adjusted counts and, where any were left out,
    totals.
    """
    if not any(thresholds):
        return [replace(level, count=count) for level, count in zip(levels, adjusted, strict=True)]
    pruned: list[Level] = []
    above = np.ones(1, np.bool_)
    totals = [adjusted[0][:0]] * len(levels)
    for n, (contexts, threshold) in enumerate(zip(context_rows(levels), thresholds[1:], strict=True)):
        if threshold:
            totals[n] = context_sums(contexts, adjusted[n + 1], len(levels[n].word))[:, 0]
    for level, count, total, threshold in zip(levels, adjusted, totals, thresholds, strict=True):
        kept = level.count > threshold if threshold else np.ones(len(level.word), np.bool_)
        before = np.zeros(len(kept) + 1, np.uint32)
        np.cumsum(kept, out=before[1:])
        begin = np.append(
            before[level.begin[:-1][above]], before[-1:]
        )  # thresholds rise, so the children of a pruned row are pruned
        pruned.append(Level(level.word[kept], begin, count[kept], total[kept] if len(total) else total))
        above = kept
    return pruned


def _pieces(blocks: Iterable[tuple[NDArray[np.uint64], U32]]) -> Iterator[tuple[NDArray[np.uint64], U32]]:
    for rows, counts in blocks:
        for start in range(0, len(rows), BLOCK_ROWS):
            yield rows[start : start + BLOCK_ROWS], counts[start : start + BLOCK_ROWS]
