"""The counts of all orders as a trie of suffixes, built in one pass over the sorted counts of the highest order."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from curricle.models.kenlm.ngrams import U32, Level, context_rows
from curricle.models.kenlm.smoothing import context_sums
from curricle.models.kenlm.spill import GrowingArray, Spill
from curricle.models.kenlm.train.counting import Layout
from curricle.models.kenlm.train.levels_kernels import add_extensions, grow_levels

BLOCK_ROWS = 1 << 19


def build_levels(blocks: Iterable[tuple[NDArray[np.uint64], U32]], layout: Layout, spill: Spill) -> tuple[list[Level], int]:
    """Levels of order 1 to `layout.order` with plain counts (0 for the unigrams <unk> and <s>), and the last n-gram's length.

    Every word id up to the largest must occur, so that a unigram's row is its id. "Last" is meant in suffix order. Raises
    ValueError where an order has over 4 billion n-grams.
    """
    order = layout.order
    word, begin, count = ([GrowingArray(spill) for _ in range(order)] for _ in range(3))
    specials = np.array([0, 1], np.uint32)
    for column, values in zip((word, begin, count), (specials, specials * 0, specials * 0), strict=True):
        column[0].append(values)
    sizes = np.array([2] + [0] * (order - 1), np.int64)
    last, length, scratch = np.zeros(order, np.uint32), 0, np.empty(order, np.uint32)
    new_word, new_begin, new_count = (np.empty((order, BLOCK_ROWS), np.uint32) for _ in range(3))
    added = np.empty(order, np.int64)
    for rows, counts in _split_blocks(blocks):
        length = grow_levels(
            rows, counts, layout.bits, layout.per_key, last, length, scratch, sizes, new_word, new_begin, new_count, added
        )
        if sizes.max() >= 1 << 32:
            raise ValueError("over 4 billion n-grams of one order, the most that can be counted")
        for column, values in zip((word, begin, count), (new_word, new_begin, new_count), strict=True):
            for depth, block in enumerate(added):
                column[depth].append(values[depth, :block])
    for lower, size in zip(begin, sizes[1:], strict=False):
        lower.append(np.array([size], np.uint32))
    begins = [np.array([0, sizes[0]], np.uint32), *(lower.finish() for lower in begin[:-1])]
    plain = count[-1].finish()
    levels = [Level(word[-1].finish(), begins[-1], plain, plain[:0])]
    for depth in reversed(range(order - 1)):
        longer, plain = plain, np.array(count[depth].finish())
        add_extensions(begins[depth + 1], longer, plain)
        plain = spill.keep(plain)
        levels.insert(0, Level(word[depth].finish(), begins[depth], plain, plain[:0]))
    return levels, length


def prune_levels(levels: list[Level], adjusted: list[U32], thresholds: Sequence[int]) -> list[Level]:
    """Levels without the n-grams that occur `thresholds` times or less; adjusted counts and, where any were removed, totals."""
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
        # thresholds never decrease, so the children of a pruned row are pruned too
        begin = np.append(before[level.begin[:-1][above]], before[-1:])
        pruned.append(Level(level.word[kept], begin, count[kept], total[kept] if len(total) else total))
        above = kept
    return pruned


def _split_blocks(blocks: Iterable[tuple[NDArray[np.uint64], U32]]) -> Iterator[tuple[NDArray[np.uint64], U32]]:
    for rows, counts in blocks:
        for start in range(0, len(rows), BLOCK_ROWS):
            yield rows[start : start + BLOCK_ROWS], counts[start : start + BLOCK_ROWS]
