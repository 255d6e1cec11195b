"""Signatures of documents, from the hashes of their words: exact keys, shingles and the hashes of MinHash bands.

A shingle is a sequence of SEED_WORDS words. Its hash has 32 bits, of which each lane of the signature makes another order. The
shingles with the lowest hashes, one of ANCHORS, are anchors: a text that stands in another one has the same anchors there.
"""

import numpy as np

from libc.stdint cimport int64_t, uint32_t, uint64_t

from curricle.c_checks cimport check_columns, check_ranges, check_rows
from curricle.pipelines.decontamination.seeds cimport SEED_WORDS, mixed, rolled

cdef extern from "minhash.h" nogil:
    void minimize "curricle_minimize"(
        const uint32_t* shingles, Py_ssize_t count, const uint32_t* factors, const uint32_t* offsets, uint32_t* minima,
        Py_ssize_t lanes
    ) noexcept

cdef enum:
    BANDS = 14
    ROWS = 8
    LANES = BANDS * ROWS  # a multiple of BLOCK in minhash.h
    ANCHORS = 32  # of so many shingles, one is an anchor
    CHUNK = 1024  # shingles that stay in the processor's cache while all lanes see them

cdef uint64_t GOLDEN = 0x9E3779B97F4A7C15
cdef uint32_t[LANES] FACTORS
cdef uint32_t[LANES] OFFSETS


cdef inline uint64_t scrambled(uint64_t value) noexcept nogil:
    """SplitMix64's last step."""
    value = (value ^ (value >> 30)) * <uint64_t>0xBF58476D1CE4E5B9
    value = (value ^ (value >> 27)) * <uint64_t>0x94D049BB133111EB
    return value ^ (value >> 31)


def _fill_lanes() -> None:
    cdef uint64_t value
    for lane in range(LANES):
        value = scrambled(GOLDEN * <uint64_t>(lane + 1))
        FACTORS[lane] = <uint32_t>value | 1
        OFFSETS[lane] = <uint32_t>(value >> 32)


_fill_lanes()


cdef struct Anchors:
    uint64_t *values
    Py_ssize_t count


cdef inline uint32_t shingle_of(uint64_t total, Anchors *anchors) noexcept nogil:
    """The hash of a shingle, from the sum of its words; it is added to the anchors if it is one."""
    cdef uint64_t value = mixed(total)
    cdef uint32_t shingle = <uint32_t>(value >> 32)
    anchors.values[anchors.count] = value * GOLDEN
    anchors.count += shingle < <uint32_t>0xFFFFFFFF // ANCHORS
    return shingle


cdef inline Py_ssize_t next_shingles(const uint64_t *words, Py_ssize_t *at, Py_ssize_t end, uint64_t *total, uint32_t *out,
                                     Py_ssize_t room, Anchors *anchors) noexcept nogil:
    """Write the shingles that end with words[at:end], at most `room`; returns their number and moves `at`.

    The SEED_WORDS - 1 words before `at` are in `total` already. The anchors need room for one more than there are.
    """
    cdef Py_ssize_t count = 0, i = at[0]
    while i < end and count < room:
        total[0] = rolled(total[0], words[i - SEED_WORDS], words[i])
        out[count] = shingle_of(total[0], anchors)
        count += 1
        i += 1
    at[0] = i
    return count


cdef inline uint64_t first_words(const uint64_t *words) noexcept nogil:
    """The sum over the first SEED_WORDS - 1 words of a text, with nothing before them."""
    cdef uint64_t total = 0
    cdef int i
    for i in range(SEED_WORDS - 1):
        total = rolled(total, 0, words[i])
    return total


cdef void sign(const uint64_t *words, Py_ssize_t count, uint64_t *bands, Anchors *anchors) noexcept nogil:
    """The band hashes and the anchors of one text of at least SEED_WORDS words."""
    cdef uint32_t[CHUNK] shingles
    cdef uint32_t[LANES] minima
    cdef Py_ssize_t at = SEED_WORDS, found
    cdef uint64_t total = rolled(first_words(words), 0, words[SEED_WORDS - 1]), state
    cdef int band, row, lane
    for lane in range(LANES):
        minima[lane] = <uint32_t>0xFFFFFFFF
    shingles[0] = shingle_of(total, anchors)
    found = 1 + next_shingles(words, &at, count, &total, shingles + 1, CHUNK - 1, anchors)
    while found:
        minimize(shingles, found, FACTORS, OFFSETS, minima, LANES)
        found = next_shingles(words, &at, count, &total, shingles, CHUNK, anchors)
    for band in range(BANDS):
        state = GOLDEN * <uint64_t>(band + 1)
        for row in range(0, ROWS, 2):
            state = scrambled(state ^ (<uint64_t>minima[band * ROWS + row] << 32 | minima[band * ROWS + row + 1]))
        bands[band] = state


def sign_texts(const uint64_t[::1] words, const int64_t[::1] offsets, const int64_t[::1] counts, uint64_t[:, ::1] bands,
               uint64_t[::1] anchors, int64_t[::1] anchor_offsets):
    """Write the band hashes of texts, shape (texts, BANDS), and their anchors: those of text d are
    anchors[anchor_offsets[d]:anchor_offsets[d + 1]].

    Text d has words[offsets[d]:offsets[d + 1]], of which the first counts[d] are looked at. A text of fewer than SEED_WORDS
    words gets zeros and no anchors. `anchors` needs an element for each word and one more.
    """
    cdef Py_ssize_t texts = offsets.shape[0] - 1, d, count
    cdef Anchors found
    check_ranges("offsets", offsets, words.shape[0])
    check_rows("counts", counts.shape[0], texts)
    check_rows("bands", bands.shape[0], texts)
    check_columns("bands", bands.shape[1], BANDS)
    check_rows("anchors", anchors.shape[0], words.shape[0] + 1)
    check_rows("anchor_offsets", anchor_offsets.shape[0], texts + 1)
    found.values, found.count = &anchors[0], 0
    anchor_offsets[0] = 0
    with nogil:
        for d in range(texts):
            count = min(counts[d], offsets[d + 1] - offsets[d])
            if count >= SEED_WORDS:
                sign(&words[offsets[d]], count, &bands[d, 0], &found)
            else:
                bands[d, :] = 0
            anchor_offsets[d + 1] = found.count


def exact_keys(const uint64_t[::1] words, const int64_t[::1] offsets, uint64_t[:, ::1] keys):
    """Write a hash of 128 bits over all words of each text, shape (texts, 2)."""
    cdef Py_ssize_t texts = offsets.shape[0] - 1, d, i
    cdef uint64_t high, low
    check_ranges("offsets", offsets, words.shape[0])
    check_rows("keys", keys.shape[0], texts)
    check_columns("keys", keys.shape[1], 2)
    with nogil:
        for d in range(texts):
            high, low = GOLDEN, 0
            for i in range(offsets[d], offsets[d + 1]):
                high = (high ^ words[i]) * <uint64_t>0xBF58476D1CE4E5B9
                high ^= high >> 32
                low = ((low << 5 | low >> 59) + words[i]) * GOLDEN
            keys[d, 0] = scrambled(high)
            keys[d, 1] = scrambled(low ^ (low >> 32))


def shingles(const uint64_t[::1] words):
    """Hashes of the shingles of one text, in its order: uint32 (words - SEED_WORDS + 1,), empty for fewer words."""
    cdef Py_ssize_t count = words.shape[0] - SEED_WORDS + 1, i
    cdef uint64_t total
    cdef uint32_t[::1] out
    if count < 1:
        return np.empty(0, np.uint32)
    out = np.empty(count, np.uint32)
    with nogil:
        total = first_words(&words[0])
        for i in range(count):
            total = rolled(total, words[i - 1] if i else 0, words[i + SEED_WORDS - 1])
            out[i] = <uint32_t>(mixed(total) >> 32)
    return np.asarray(out)


def count_shared(const uint32_t[::1] first, const uint32_t[::1] second):
    """How many values two ascending arrays without repetitions share."""
    cdef Py_ssize_t i = 0, j = 0, shared = 0
    cdef uint32_t a, b
    with nogil:
        while i < first.shape[0] and j < second.shape[0]:
            a, b = first[i], second[j]
            shared += a == b
            i += a <= b
            j += b <= a
    return shared
