"""Hashed n-grams of a document's code points. Each group of features has its own range of slots.

The groups: words; pairs of neighboring words on a line; pieces, which are 4 characters of a word with its edges marked; shapes,
which are the other characters with the classes of their neighbors; and triples of neighboring ideographs.
"""

from itertools import accumulate

from libc.math cimport sqrt
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t

from curricle.c_checks cimport check_below, check_columns, check_ranges, check_rows
from curricle.c_math cimport log
from curricle.models.raters.document cimport DIGIT, IDEOGRAPH, LETTER, NEWLINE, PUNCTUATION, SPACE, Document, in_word

BITS = (16, 16, 16, 12, 14)
STARTS = tuple(accumulate((1 << bits for bits in BITS), initial=0))
SLOTS = sum(1 << bits for bits in BITS)

cdef uint32_t[<int>GROUPS] group_start
cdef uint32_t[<int>GROUPS] group_mask
cdef int _group
for _group, _bits in enumerate(BITS):
    group_start[_group] = STARTS[_group]
    group_mask[_group] = (1 << _bits) - 1

cdef enum:
    PIECE_CHARACTERS = 4
    LONGEST_NUMBER = 5  # longer numbers are alike
    EDGE = 0x2581  # stands for both ends of a word, as in SentencePiece
    NO_NEIGHBOR = 9  # the class before the first and after the last character

cdef uint64_t FNV_BASIS = 2166136261
cdef uint64_t FNV_PRIME = 16777619
cdef uint64_t PAIR_FACTOR = 0x9E3779B1
cdef uint64_t TRIPLE_FACTOR = 0x85EBCA6B


cdef inline uint64_t mix(uint64_t bits) noexcept nogil:
    """The finalizer of the hash lowbias32, in 64 bits."""
    bits ^= bits >> 16
    bits *= <uint64_t>0x7FEB352D
    bits ^= bits >> 15
    bits *= <uint64_t>0x846CA68B
    return bits ^ (bits >> 16)


cdef inline void add_occurrence(NgramScratch* scratch, Py_ssize_t* occurrences, FeatureGroup group, uint64_t hashed) noexcept nogil:
    scratch.groups[occurrences[0]] = group
    scratch.slots[occurrences[0]] = group_start[<int>group] + <uint32_t>(hashed & group_mask[<int>group])
    occurrences[0] += 1


cdef Py_ssize_t find_ngrams(const Document* document, NgramScratch* scratch) noexcept nogil:
    """Write slot and group of every occurrence of a feature; return how many there are, at most three per code point."""
    cdef const uint8_t* classes = document.classes
    cdef const uint32_t* lower = document.lower
    cdef uint32_t* word = scratch.word
    cdef Py_ssize_t size = document.size, occurrences = 0, start = 0, end, length, first, place
    cdef uint64_t previous = 0, before_previous = 0, hashed, piece  # 0: no word before on this line
    cdef uint32_t character
    cdef uint8_t kind, left, right
    while start < size:
        kind = classes[start]
        if in_word(kind):
            end = start
            word[0] = EDGE
            length = 1
            hashed = FNV_BASIS
            while end < size and classes[end] == kind:
                character = c'0' if kind == DIGIT else lower[end]
                hashed = (hashed ^ character) * FNV_PRIME
                word[length] = character
                length += 1
                end += 1
                if kind == IDEOGRAPH:
                    break
                if kind == DIGIT and end - start == LONGEST_NUMBER:
                    while end < size and classes[end] == DIGIT:
                        end += 1
            word[length] = EDGE
            length += 1
            hashed = mix(hashed)
            add_occurrence(scratch, &occurrences, WORDS, hashed)
            if previous:
                add_occurrence(scratch, &occurrences, PAIRS, mix(previous * PAIR_FACTOR + hashed))
                if kind == IDEOGRAPH and before_previous:
                    add_occurrence(
                        scratch,
                        &occurrences,
                        TRIPLES,
                        mix((before_previous * PAIR_FACTOR + previous) * TRIPLE_FACTOR + hashed),
                    )
            before_previous = previous
            previous = hashed
            if kind == LETTER:
                for first in range(length - PIECE_CHARACTERS + 1):
                    piece = FNV_BASIS
                    for place in range(first, first + PIECE_CHARACTERS):
                        piece = (piece ^ word[place]) * FNV_PRIME
                    add_occurrence(scratch, &occurrences, PIECES, mix(piece))
            start = end
            continue
        left = classes[start - 1] if start > 0 else <uint8_t>NO_NEIGHBOR
        right = classes[start + 1] if start + 1 < size else <uint8_t>NO_NEIGHBOR
        if not (kind == SPACE and right == LETTER and (left == LETTER or left == PUNCTUATION)):
            hashed = <uint64_t>lower[start] * 128 + left * 10 + right
            add_occurrence(scratch, &occurrences, SHAPES, mix(hashed * PAIR_FACTOR + 7))
        if kind == NEWLINE:
            previous = 0
            before_previous = 0
        start += 1
    return occurrences


cdef void fill_count_weights(double* weights, Py_ssize_t size) noexcept nogil:
    """weights[count] = 1 + ln(count)."""
    cdef Py_ssize_t count
    for count in range(1, size):
        weights[count] = 1.0 + log(<double>count)


cdef Py_ssize_t weigh_ngrams(NgramScratch* scratch, Py_ssize_t occurrences, Features features) noexcept nogil:
    """Write the distinct features of all occurrences in the order of their first; return how many there are.

    A value is (1 + ln count), divided by the length of the vector of its group's values.
    """
    cdef double[<int>GROUPS] norms
    cdef Py_ssize_t distinct = 0, place
    cdef uint32_t slot
    cdef int count, group
    cdef double weight
    for place in range(occurrences):
        slot = scratch.slots[place]
        count = scratch.counts[slot]
        scratch.counts[slot] = count + 1
        features.slots[distinct] = slot
        scratch.groups[distinct] = scratch.groups[place]
        distinct += count == 0
    for group in range(GROUPS):
        norms[group] = 0.0
    for place in range(distinct):
        weight = scratch.count_weights[scratch.counts[features.slots[place]]]
        norms[scratch.groups[place]] += weight * weight
    for group in range(GROUPS):
        norms[group] = sqrt(norms[group])
    for place in range(distinct):
        slot = features.slots[place]
        features.values[place] = <float>(scratch.count_weights[scratch.counts[slot]] / norms[scratch.groups[place]])
        scratch.counts[slot] = 0
    return distinct


def count_words(const int64_t[::1] indptr, const int32_t[::1] indices, const uint8_t[::1] known, int64_t[:, ::1] out):
    """Fill `out` (rows, 2): how many distinct words a row of features has, and how many of them are `known` (0 or 1 by slot)."""
    cdef Py_ssize_t row, place, words = known.shape[0]
    cdef int64_t seen, remembered
    check_columns("out", out.shape[1], 2)
    check_rows("indptr", indptr.shape[0], out.shape[0] + 1)
    check_ranges("indptr", indptr, indices.shape[0])
    check_below("indices", indices, <Py_ssize_t>SLOTS)
    with nogil:
        for row in range(out.shape[0]):
            seen = remembered = 0
            for place in range(indptr[row], indptr[row + 1]):
                if indices[place] < words:
                    seen += 1
                    remembered += known[indices[place]]
            out[row, 0] = seen
            out[row, 1] = remembered
