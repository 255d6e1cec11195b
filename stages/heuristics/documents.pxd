"""Checks of what kernels are given: a wrong length would make them write out of bounds."""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t

from curricle.c_checks cimport check_ranges, check_rows
from curricle.stages.heuristics.characters cimport PAGES, Text
from curricle.stages.heuristics.hash_sets cimport table_bits
from curricle.stages.heuristics.scan cimport count_newlines

cpdef enum:
    SPARE = 16  # bytes after the text that kernels may read: they take eight at a time


cdef inline int check_text(const uint8_t[::1] data, const int64_t[::1] offsets) except -1:
    """Raise ValueError if the documents data[offsets[d]:offsets[d + 1]] are not within `data` with SPARE bytes after them."""
    return check_ranges("offsets", offsets, data.shape[0] - SPARE)


cdef inline int64_t size_line_tables(const uint8_t[::1] data, const int64_t[::1] offsets, int64_t[::1] bits):
    """Set bits[d] to the bits of a hash table for the lines of each document d; returns the most."""
    cdef int64_t most = 0
    cdef Py_ssize_t d
    for d in range(offsets.shape[0] - 1):
        bits[d] = table_bits(2 + count_newlines(&data[0], offsets[d], offsets[d + 1]))
        most = max(most, bits[d])
    return most


cdef inline Text text_of(const uint8_t[::1] data, const uint16_t[::1] pages, const uint32_t[::1] flags) except *:
    """The text with the tables of its characters. Raises ValueError if the tables do not cover every character."""
    cdef Py_ssize_t i, last = 0
    cdef Text text
    if pages.shape[0] != PAGES:
        raise ValueError(f"{pages.shape[0]} pages of characters, {PAGES} are needed")
    for i in range(PAGES):
        last = max(last, pages[i])
    check_rows("flags", flags.shape[0], 256 * (last + 1))
    text.data, text.pages, text.flags = &data[0], &pages[0], &flags[0]
    return text
