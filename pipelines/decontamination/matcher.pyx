"""Finds stretches of documents that stand in evaluation items, word for word.

Every n-gram of SEED_WORDS words of a document is looked up: first in a bit map that fits in a cache, then in a table of the seeds
of all items. A hit is extended both ways as far as the words agree. A document keeps only the stretches of those parts of items
that they cover to a good share; most documents keep none. [method: allenai/decon, which looks up every tenth n-gram only]
"""

import numpy as np

from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t

from curricle.c_bytes cimport prefetch
from curricle.c_checks cimport check_below, check_ranges, check_rows
from curricle.pipelines.decontamination.seeds cimport SEED_WORDS, mixed, rolled

cdef enum:
    PERCENT = 50  # of the words of a part that must be in stretches of SEED_WORDS or more words
    SHORT_WORDS = 12  # a shorter part must be there almost whole: verdict.py
    SHORT_PERCENT = 80
    MOST_COPIES = 256  # of a part in one document; further stretches are left out
    MOST_STRETCHES = 1 << 18  # of one document
    AHEAD = 8  # n-grams between the prefetch of a slot of the table and its use


def seed_hashes(const uint64_t[::1] words):
    """Hash of each n-gram of SEED_WORDS words: uint64 (words - SEED_WORDS + 1,), empty for fewer words."""
    cdef Py_ssize_t count = max(0, words.shape[0] - SEED_WORDS + 1), i
    cdef uint64_t[::1] out = np.empty(count, np.uint64)
    cdef uint64_t total = 0
    for i in range(words.shape[0]):
        total = rolled(total, words[i - SEED_WORDS] if i >= SEED_WORDS else 0, words[i])
        if i >= SEED_WORDS - 1:
            out[i - SEED_WORDS + 1] = mixed(total)
    return np.asarray(out)


def fill_table(const uint64_t[::1] seeds, uint64_t[::1] slots, int32_t[::1] numbers, uint8_t[::1] bits):
    """Put distinct seeds into an open table and a bit map whose sizes are powers of two: numbers[slot] is the seed's index."""
    cdef uint64_t mask = slots.shape[0] - 1, bit_mask = bits.shape[0] * 8 - 1, slot, bit
    cdef Py_ssize_t i
    check_rows("numbers", numbers.shape[0], slots.shape[0])
    if slots.shape[0] & mask or slots.shape[0] <= seeds.shape[0] or bits.shape[0] & (bits.shape[0] - 1) or not bits.shape[0]:
        raise ValueError("the table and the bit map must have a power of two of slots, and the table one empty slot")
    for i in range(seeds.shape[0]):
        slot = (seeds[i] >> 20) & mask
        while slots[slot]:
            slot = (slot + 1) & mask
        slots[slot], numbers[slot] = seeds[i], <int32_t>i
        bit = (seeds[i] >> 1) & bit_mask
        bits[bit >> 3] |= 1 << (bit & 7)


cdef struct Index:
    const uint64_t *slots
    const int32_t *numbers
    uint64_t mask
    const uint8_t *bits
    uint64_t bit_mask
    const int64_t *postings  # of seed s: postings[s] to postings[s + 1]
    const int32_t *parts
    const int32_t *positions
    const uint64_t *words  # of all parts
    const int64_t *starts  # of part p: words[starts[p]] to words[starts[p + 1]]

cdef struct Found:  # a stretch, in words
    int32_t part
    int32_t position
    int32_t at
    int32_t length

cdef struct Scratch:
    uint64_t *seeds  # n-grams of the current document that may be seeds, and where they begin
    int32_t *places
    Found *found  # of the current document
    int64_t room
    int64_t count
    int32_t *covered  # words of each part that the current document's stretches cover
    int32_t *ends  # end in the document of the last stretch of each part
    int32_t *shifts  # its position in the document less that in the part


cdef void add_stretch(Index *index, const uint64_t *words, int64_t count, int64_t at, int32_t part, int32_t position,
                      Scratch *scratch) noexcept nogil:
    """Extend a hit both ways and note the stretch, unless the last stretch of this part holds it."""
    cdef const uint64_t *own = index.words + index.starts[part]
    cdef int64_t size = index.starts[part + 1] - index.starts[part]
    cdef int64_t start = at, end = at, first = position, last = position
    cdef int32_t shift = <int32_t>(at - position)
    cdef Found *found
    if scratch.covered[part] and scratch.shifts[part] == shift and at < scratch.ends[part]:
        return
    if scratch.covered[part] > MOST_COPIES * size:
        return
    while start > 0 and first > 0 and words[start - 1] == own[first - 1]:
        start, first = start - 1, first - 1
    while end < count and last < size and words[end] == own[last]:
        end, last = end + 1, last + 1
    if end - start < SEED_WORDS or scratch.count == scratch.room:  # two n-grams with one hash, or no room
        return
    found = &scratch.found[scratch.count]
    found.part, found.position, found.at, found.length = part, <int32_t>first, <int32_t>start, <int32_t>(end - start)
    scratch.count += 1
    scratch.covered[part] += found.length
    scratch.ends[part], scratch.shifts[part] = <int32_t>end, shift


cdef void look_up(Index *index, uint64_t seed, const uint64_t *words, int64_t count, int64_t at, Scratch *scratch) noexcept nogil:
    cdef uint64_t slot = (seed >> 20) & index.mask
    cdef int64_t i
    cdef int32_t number
    while index.slots[slot]:
        if index.slots[slot] == seed:
            number = index.numbers[slot]
            for i in range(index.postings[number], index.postings[number + 1]):
                add_stretch(index, words, count, at, index.parts[i], index.positions[i], scratch)
            return
        slot = (slot + 1) & index.mask


cdef void scan_document(Index *index, const uint64_t *words, int64_t count, Scratch *scratch) noexcept nogil:
    """Fill scratch.found with the stretches of one document of SEED_WORDS words or more.

    All n-grams are looked up in the bit map first, without a branch, then those that may be seeds in the table.
    """
    cdef uint64_t total = 0, seed
    cdef int64_t i, hits = 0
    scratch.count = 0
    for i in range(SEED_WORDS - 1):
        total = rolled(total, 0, words[i])
    total = rolled(total, 0, words[SEED_WORDS - 1])
    for i in range(count - SEED_WORDS + 1):
        if i:
            total = rolled(total, words[i - 1], words[i + SEED_WORDS - 1])
        seed = mixed(total)
        scratch.seeds[hits], scratch.places[hits] = seed, <int32_t>i
        hits += index.bits[((seed >> 1) & index.bit_mask) >> 3] >> ((seed >> 1) & 7) & 1
    for i in range(hits):
        if i + AHEAD < hits:
            prefetch(&index.slots[(scratch.seeds[i + AHEAD] >> 20) & index.mask])
        look_up(index, scratch.seeds[i], words, count, scratch.places[i], scratch)


cdef int64_t keep_covered(Scratch *scratch, Index *index, int32_t document, int32_t[:, ::1] out, int64_t row) noexcept nogil:
    """Move the stretches of parts that are covered well to `out`; forget the others. Returns the next free row."""
    cdef int64_t i, size, percent
    cdef Found *found
    for i in range(scratch.count):
        found = &scratch.found[i]
        size = index.starts[found.part + 1] - index.starts[found.part]
        percent = SHORT_PERCENT if size < SHORT_WORDS else PERCENT
        if <int64_t>scratch.covered[found.part] * 100 >= percent * size:
            out[row, 0], out[row, 1], out[row, 2] = document, found.part, found.position
            out[row, 3], out[row, 4] = found.at, found.length
            row += 1
    for i in range(scratch.count):
        scratch.covered[scratch.found[i].part] = 0
    return row


cdef class Matcher:
    """Looks for the parts of one `ItemIndex`, which is checked once."""

    cdef object held  # the arrays
    cdef Index table
    cdef Py_ssize_t parts
    cdef int32_t[:, ::1] touched

    def __init__(self, index):
        cdef const uint64_t[::1] slots = index.slots, words = index.words
        cdef const int32_t[::1] numbers = index.numbers, parts = index.parts, positions = index.positions
        cdef const uint8_t[::1] bits = index.bits
        cdef const int64_t[::1] postings = index.postings, starts = index.starts
        cdef Py_ssize_t i
        check_ranges("postings", postings, parts.shape[0])
        check_ranges("starts", starts, words.shape[0])
        check_rows("positions", positions.shape[0], parts.shape[0])
        check_rows("numbers", numbers.shape[0], slots.shape[0])
        check_rows("slots", slots.shape[0], 1)
        check_rows("bits", bits.shape[0], 1)
        check_below("numbers", numbers, max(1, postings.shape[0] - 1))
        check_below("parts", parts, starts.shape[0] - 1)
        for i in range(parts.shape[0]):
            if positions[i] < 0 or positions[i] + SEED_WORDS > starts[parts[i] + 1] - starts[parts[i]]:
                raise ValueError("a position is outside its part")
        self.parts = parts.shape[0] and starts.shape[0] - 1
        if not self.parts:
            return
        self.held = (slots, words, numbers, parts, positions, bits, postings, starts)
        self.table.slots, self.table.numbers, self.table.mask = &slots[0], &numbers[0], slots.shape[0] - 1
        self.table.bits, self.table.bit_mask = &bits[0], bits.shape[0] * 8 - 1
        self.table.postings, self.table.parts, self.table.positions = &postings[0], &parts[0], &positions[0]
        self.table.words, self.table.starts = &words[0], &starts[0]
        self.touched = np.zeros((3, self.parts), np.int32)

    def find(self, const uint64_t[::1] words, const int64_t[::1] offsets):
        """Stretches of SEED_WORDS or more words that a document shares with a part: int32 (stretches, 5), with the columns
        document, part, position in the part, position in the document, length; all but the first two in words.

        Document d is words[offsets[d]:offsets[d + 1]], hashes of words. A part whose stretches in a document add up to less than
        PERCENT of its words is left out, and so is one of few words unless they add up to SHORT_PERCENT.
        """
        cdef Py_ssize_t documents = offsets.shape[0] - 1, d
        cdef int64_t most = 0, row = 0, size
        cdef Scratch scratch
        check_ranges("offsets", offsets, words.shape[0])
        for d in range(documents):
            most = max(most, offsets[d + 1] - offsets[d])
        if not self.parts or most < SEED_WORDS:
            return np.empty((0, 5), np.int32)
        cdef int32_t[:, ::1] found = np.empty((min(4 * most + 64, MOST_STRETCHES), 4), np.int32)
        cdef int32_t[:, ::1] out = np.empty((found.shape[0], 5), np.int32)
        cdef uint64_t[::1] seeds = np.empty(most, np.uint64)
        cdef int32_t[::1] places = np.empty(most, np.int32)
        scratch.found, scratch.room = <Found *>&found[0, 0], found.shape[0]
        scratch.seeds, scratch.places = &seeds[0], &places[0]
        scratch.covered, scratch.ends, scratch.shifts = &self.touched[0, 0], &self.touched[1, 0], &self.touched[2, 0]
        kept = []
        for d in range(documents):
            size = offsets[d + 1] - offsets[d]
            if size >= SEED_WORDS:
                with nogil:
                    scan_document(&self.table, &words[offsets[d]], size, &scratch)
                    row = keep_covered(&scratch, &self.table, <int32_t>d, out, 0)
                if row:
                    kept.append(np.array(out[:row]))
        return np.concatenate(kept) if kept else np.empty((0, 5), np.int32)
