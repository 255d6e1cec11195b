"""N-gram counts of a corpus: packed into 64-bit keys, radix-sorted, summed; sorted runs go to disk where memory is short, and
are merged back.

Of each sentence only the n-grams of the highest order are counted, with the beginning filled up by <s>; all shorter ones
follow from them
(Heafield et al. 2013, "Scalable Modified Kneser-Ney Language Model Estimation", section 3).
"""

import mmap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import IO

import numpy as np
from curricle.models.kenlm.compiled import export, inner
from curricle.models.kenlm.ngrams import BOS, EOS, U32
from curricle.models.kenlm.spill import Spill
from numpy.typing import NDArray

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


@export("int64(uint32[::1], uint32[::1], int64, uint32[::1], int64, int64, uint64[:, ::1])")
def _pack(tokens: U32, numbers: U32, used: int, history: U32, bits: int, per_key: int, rows: U64) -> int:
    """One row per token; words are renumbered in order of first appearance. `history`: the last words, latest first, kept
    between calls.
    """
    order = len(history)
    for row in range(len(tokens)):
        token = tokens[row]
        if numbers[token] == 0:
            numbers[token] = used
            used += 1
        for back in range(order - 1, 0, -1):
            history[back] = history[back - 1]
        history[0] = numbers[token]
        back = 0
        for key in range(rows.shape[1]):
            packed = np.uint64(0)
            for _ in range(min(per_key, order - back)):
                packed = (packed << np.uint64(bits)) | np.uint64(history[back])
                back += 1
            rows[row, key] = packed
        if token == EOS:
            for back in range(order):
                history[back] = BOS
    return used


@export("void(uint64[:, ::1], uint64[:, ::1], int64, int64, int64[::1])")
def _scatter(rows: U64, out: U64, key: int, shift: int, starts: NDArray[np.int64]) -> None:
    mask = np.uint64(len(starts) - 1)
    for row in range(len(rows)):
        digit = (rows[row, key] >> np.uint64(shift)) & mask
        to = starts[digit]
        starts[digit] = to + 1
        for column in range(rows.shape[1]):
            out[to, column] = rows[row, column]


@export("void(uint64[:, ::1], int64, int64, int64[::1])")
def _digit_counts(rows: U64, key: int, shift: int, counts: NDArray[np.int64]) -> None:
    mask = np.uint64(len(counts) - 1)
    for row in range(len(rows)):
        counts[(rows[row, key] >> np.uint64(shift)) & mask] += 1


def sort_rows(rows: U64, bits: list[int]) -> U64:
    """`rows` (n, keys) sorted lexicographically by a least-significant-digit radix sort; `bits[k]` is the width of key k.
    Overwrites `rows`.
    """
    out = np.empty_like(rows)
    for key in reversed(range(rows.shape[1])):
        for shift in range(0, bits[key], RADIX_BITS):
            counts = np.zeros(1 << RADIX_BITS, np.int64)
            _digit_counts(rows, key, shift, counts)
            if counts.max() < len(rows):
                _scatter(rows, out, key, shift, np.cumsum(counts) - counts)
                rows, out = out, rows
    return rows


@export("int64(uint64[:, ::1], uint32[::1])")
def _sum_equal(rows: U64, counts: U32) -> int:
    """Squeeze equal neighbours of sorted `rows` into one, in place; `counts` gets how many there were. Returns how many are
    left.
    """
    if len(rows) == 0:
        return 0
    last = 0
    counts[0] = 1
    for row in range(1, len(rows)):
        equal = True
        for key in range(rows.shape[1]):
            equal &= rows[row, key] == rows[last, key]
        if equal:
            counts[last] += 1
        else:
            last += 1
            counts[last] = 1
            for key in range(rows.shape[1]):
                rows[last, key] = rows[row, key]
    return last + 1


@inner
def _less(rows: U64, a: int, b: int) -> bool:
    for key in range(rows.shape[1]):
        if rows[a, key] != rows[b, key]:
            return rows[a, key] < rows[b, key]
    return False


@export("void(uint64[:, ::1], int64[::1], int64[::1], int64, int64)")
def _sink(rows: U64, heads: NDArray[np.int64], heap: NDArray[np.int64], size: int, at: int) -> None:
    """Restore the heap of run numbers, least head first, below place `at`."""
    while True:
        child = 2 * at + 1
        if child >= size:
            return
        if child + 1 < size and _less(rows, heads[heap[child + 1]], heads[heap[child]]):
            child += 1
        if not _less(rows, heads[heap[child]], heads[heap[at]]):
            return
        heap[at], heap[child] = heap[child], heap[at]
        at = child


@export("int64(uint64[:, ::1], uint32[::1], int64[::1], int64[::1], int64[::1], int64, uint64[:, ::1], uint32[::1])")
def _merge(
    rows: U64,
    counts: U32,
    heads: NDArray[np.int64],
    ends: NDArray[np.int64],
    heap: NDArray[np.int64],
    size: int,
    out: U64,
    sums: U32,
) -> int:
    """Next merged rows of all runs, as many as `out` holds; returns how many. `size`: runs that have rows left."""
    filled = 0
    while size:
        run = heap[0]
        head = heads[run]
        same = filled > 0
        for key in range(rows.shape[1]):
            same = same and out[filled - 1, key] == rows[head, key]
        if same:
            sums[filled - 1] += counts[head]
        elif filled == len(out):
            break
        else:
            for key in range(rows.shape[1]):
                out[filled, key] = rows[head, key]
            sums[filled] = counts[head]
            filled += 1
        heads[run] += 1
        if heads[run] == ends[run]:
            size -= 1
            heap[0] = heap[size]
        _sink(rows, heads, heap, size, 0)
    return filled


def feed(sentences: Iterable[U32]) -> Iterator[U32]:
    """The sentences as longer arrays in which EOS ends every sentence. An array that holds EOS already may carry several
    sentences.
    """
    end = np.array([EOS], np.uint32)
    parts: list[U32] = []
    size = 0
    for sentence in sentences:
        parts.append(sentence)
        if not len(sentence) or sentence[-1] != EOS:
            parts.append(end)
        size += len(sentence) + 1
        if size >= FEED_TOKENS:
            yield np.concatenate(parts).astype(np.uint32, copy=False)
            parts, size = [], 0
    if parts:
        yield np.concatenate(parts).astype(np.uint32, copy=False)


@dataclass
class Counts:
    """Result of `count_ngrams`: `blocks` yields (rows, counts) once, in suffix order, without repeats."""

    layout: Layout
    blocks: Iterator[tuple[U64, U32]]
    numbers: U32  # new id of each word of the caller's vocabulary, 0 where it was not seen
    tokens: int  # without sentence ends
    sentences: int


def count_ngrams(sentences: Iterable[U32], vocabulary: int, order: int, memory_bytes: int, spill: Spill) -> Counts:
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
            raise ValueError(f"word id {wrong} in a sentence: only 2..{vocabulary - 1} may stand there")
        if len(fed) >= 1 << 31 or tokens + ends + len(fed) >= 1 << 32:
            raise ValueError("over 4 billion tokens: counts here have 32 bits")
        ends += int(np.count_nonzero(fed == EOS))
        tokens += int(np.count_nonzero(fed != EOS))
        while len(fed):
            taken = fed[: capacity - filled]
            used = _pack(taken, numbers, used, history, layout.bits, layout.per_key, rows[filled : filled + len(taken)])
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
    return Counts(layout, blocks, numbers, tokens, ends)


def _count(rows: U64, layout: Layout) -> tuple[U64, U32]:
    bits = [min(layout.per_key, layout.order - key * layout.per_key) * layout.bits for key in range(layout.keys)]
    rows = sort_rows(rows, bits)
    counts = np.empty(len(rows), np.uint32)
    distinct = _sum_equal(rows, counts)
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
        """All runs as one, in blocks; pages that were read are given back to the system."""
        total = sum(self.lengths)
        maps = [mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY) for file in self.files]
        for file in self.files:
            file.close()
        rows = np.frombuffer(maps[0], np.uint64).reshape(total, self.layout.keys)
        counts = np.frombuffer(maps[1], np.uint32)
        ends = np.cumsum(np.array(self.lengths, np.int64))
        heads = ends - np.array(self.lengths, np.int64)
        heap = np.arange(len(ends))
        for at in reversed(range(len(ends))):
            _sink(rows, heads, heap, len(ends), at)
        size = len(ends)
        while size:
            out, sums = np.empty((MERGE_ROWS, self.layout.keys), np.uint64), np.empty(MERGE_ROWS, np.uint32)
            filled = _merge(rows, counts, heads, ends, heap, size, out, sums)
            size = int(np.count_nonzero(heads < ends))
            yield out[:filled], sums[:filled]
            for mapped in maps:
                mapped.madvise(mmap.MADV_DONTNEED)


def _rows_in(counts: IO[bytes]) -> int:
    return counts.tell() // 4
