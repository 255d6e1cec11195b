"""N-gram counts of a corpus: packed into 64-bit keys, radix-sorted and summed, in sorted runs on disk if memory is short.

Only the n-grams of the highest order are counted, with the beginning of each sentence filled up by <s>; all shorter ones follow
from them (Heafield et al. 2013, "Scalable Modified Kneser-Ney Language Model Estimation", section 3).
"""

import mmap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import IO

import numpy as np
from numpy.typing import NDArray

from curricle.models.kenlm.ngrams import BOS, EOS, U32
from curricle.models.kenlm.spill import Spill
from curricle.models.kenlm.train.counting_kernels import (
    count_digits,
    make_heap,
    merge_runs,
    pack_rows,
    scatter_rows,
    sum_equal_rows,
)

U64 = NDArray[np.uint64]
RADIX_BITS = 11
FEED_TOKENS = 1 << 18  # sentences are gathered into arrays of about this many tokens
MERGE_ROWS = 1 << 20


@dataclass(frozen=True)
class Layout:
    """How an n-gram becomes a row of 64-bit keys whose numeric order is suffix order: the last word in the highest bits."""

    order: int
    bits: int  # of one word id

    @property
    def per_key(self) -> int:
        """Words in one key."""
        return 64 // self.bits

    @property
    def keys(self) -> int:
        """Keys in one row."""
        return -(-self.order // self.per_key)


def sort_rows(rows: U64, bits: list[int]) -> U64:
    """`rows` (n, keys), which are overwritten, in lexicographic order; `bits[k]` is the width of key k.

    A radix sort from the least significant digit up.
    """
    out = np.empty_like(rows)
    for key in reversed(range(rows.shape[1])):
        for shift in range(0, bits[key], RADIX_BITS):
            counts = np.zeros(1 << RADIX_BITS, np.int64)
            count_digits(rows, key, shift, counts)
            if counts.max() < len(rows):
                scatter_rows(rows, out, key, shift, np.cumsum(counts) - counts)
                rows, out = out, rows
    return rows


def feed(sentences: Iterable[U32]) -> Iterator[U32]:
    """The sentences in longer arrays in which EOS ends every sentence. An array that ends in EOS may hold several sentences."""
    end = np.array([EOS], np.uint32)
    arrays: list[U32] = []
    size = 0
    for sentence in sentences:
        arrays.append(sentence)
        if not len(sentence) or sentence[-1] != EOS:
            arrays.append(end)
        size += len(sentence) + 1
        if size >= FEED_TOKENS:
            yield np.concatenate(arrays).astype(np.uint32, copy=False)
            arrays, size = [], 0
    if arrays:
        yield np.concatenate(arrays).astype(np.uint32, copy=False)


@dataclass
class NgramCounts:
    """Result of `count_ngrams`: `blocks` yields (rows, counts) once, in suffix order, each n-gram once."""

    layout: Layout
    blocks: Iterator[tuple[U64, U32]]
    numbers: U32  # new id of each word of the caller's vocabulary, 0 where it does not occur
    tokens: int  # without sentence ends
    sentences: int


def count_ngrams(sentences: Iterable[U32], vocabulary: int, order: int, memory_bytes: int, spill: Spill) -> NgramCounts:
    """Count all n-grams of the highest order. Ids are below `vocabulary`; sentences hold neither <unk> nor <s>.

    memory_bytes bounds the sort's two buffers. Raises ValueError for an id outside the vocabulary and SpillError.
    """
    layout = Layout(order, max(2, (vocabulary - 1).bit_length()))
    capacity = max(1024, memory_bytes // (16 * layout.keys + 4))
    rows = np.empty((capacity, layout.keys), np.uint64)  # not touched, so not in memory, until filled
    numbers = np.zeros(vocabulary, np.uint32)
    numbers[EOS], used = EOS, EOS + 1
    history = np.full(order, BOS, np.uint32)
    filled = tokens = ends = 0
    runs = Runs(layout, spill)
    for fed in feed(sentences):
        if fed.max() >= vocabulary or fed.min() < EOS:
            wrong = int(fed.max() if fed.max() >= vocabulary else fed.min())
            raise ValueError(f"word id {wrong} in a sentence; ids must be in 2..{vocabulary - 1}")
        if len(fed) >= 1 << 31 or tokens + ends + len(fed) >= 1 << 32:
            raise ValueError("over 4 billion tokens, the most that can be counted")
        ends += int(np.count_nonzero(fed == EOS))
        tokens += int(np.count_nonzero(fed != EOS))
        while len(fed):
            taken = fed[: capacity - filled]
            used = pack_rows(taken, numbers, used, history, layout.bits, layout.per_key, rows[filled : filled + len(taken)])
            filled, fed = filled + len(taken), fed[len(taken) :]
            if filled == capacity:
                runs.add(rows)
                filled = 0
    if not runs.lengths:
        blocks = iter([_count(rows[:filled], layout)])
    else:
        if filled:
            runs.add(rows[:filled])
        blocks = runs.merged()
    return NgramCounts(layout, blocks, numbers, tokens, ends)


def _count(rows: U64, layout: Layout) -> tuple[U64, U32]:
    bits = [min(layout.per_key, layout.order - key * layout.per_key) * layout.bits for key in range(layout.keys)]
    rows = sort_rows(rows, bits)
    counts = np.empty(len(rows), np.uint32)
    distinct = sum_equal_rows(rows, counts)
    return rows[:distinct], counts[:distinct]


class Runs:
    """Sorted runs in two temporary files."""

    def __init__(self, layout: Layout, spill: Spill) -> None:
        self.layout, self.spill = layout, spill
        self.lengths: list[int] = []
        self.files: list[IO[bytes]] = []

    def add(self, rows: U64) -> None:
        """Sort `rows` (overwritten) and append them as one run."""
        if not self.files:
            self.files = [self.spill.open(), self.spill.open()]
            self.spill.active = True
        keys, counts = _count(rows, self.layout)
        self.spill.write(self.files[0], keys)
        self.spill.write(self.files[1], counts)
        self.lengths.append(_rows_in(self.files[1]) - sum(self.lengths))

    def merged(self) -> Iterator[tuple[U64, U32]]:
        """All runs as one, in blocks; the system may drop the pages that were read."""
        total = sum(self.lengths)
        maps = [mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY) for file in self.files]
        for file in self.files:
            file.close()
        rows = np.frombuffer(maps[0], np.uint64).reshape(total, self.layout.keys)
        counts = np.frombuffer(maps[1], np.uint32)
        ends = np.cumsum(np.array(self.lengths, np.int64))
        heads = ends - np.array(self.lengths, np.int64)
        heap = np.arange(len(ends), dtype=np.int64)
        make_heap(rows, heads, heap)
        size = len(ends)
        while size:
            out, sums = np.empty((MERGE_ROWS, self.layout.keys), np.uint64), np.empty(MERGE_ROWS, np.uint32)
            filled = merge_runs(rows, counts, heads, ends, heap, size, out, sums)
            size = int(np.count_nonzero(heads < ends))
            yield out[:filled], sums[:filled]
            for mapped in maps:
                mapped.madvise(mmap.MADV_DONTNEED)


def _rows_in(counts: IO[bytes]) -> int:
    return counts.tell() // 4
