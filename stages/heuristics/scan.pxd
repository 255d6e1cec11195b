"""Searches over the bytes of a line, for kernels. Most loops have no branch, so that the compiler uses vector instructions;
they read up to two bytes past the end.
"""

from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport strlen

from curricle.stages.heuristics.bytes64 cimport EACH_BYTE, HIGH_BITS, first_marked, load_eight
from curricle.stages.heuristics.characters cimport is_continuation

cdef enum:
    CASE_BIT = 0x20  # the difference between a capital and a small ASCII letter
    BLOCK = 128  # bytes that are counted in eight bits: the compiler's vectors have one lane for each byte

cdef struct LineMarks:
    int64_t continuations  # bytes that do not start a character
    int64_t hashes
    bint ellipsis  # there may be one
    bint line_break  # one of str.splitlines


cdef inline int64_t line_end(const uint8_t *data, int64_t start, int64_t end) noexcept nogil:
    """Index of the first newline in data[start:end], else `end`."""
    cdef uint64_t block, found
    while start < end:
        block = load_eight(data + start) ^ EACH_BYTE * c'\n'
        found = (block - EACH_BYTE) & ~block & HIGH_BITS
        if found:
            return min(start + first_marked(found), end)
        start += 8
    return end


cdef inline int64_t count_newlines(const uint8_t *data, int64_t start, int64_t end) noexcept nogil:
    cdef int64_t count = 0, stop, i
    cdef uint8_t in_block
    while start < end:
        stop, in_block = min(start + BLOCK, end), 0
        for i in range(start, stop):
            in_block += data[i] == c'\n'
        count += in_block
        start = stop
    return count


cdef inline bint is_plain(const uint8_t *data, int64_t start, int64_t end) noexcept nogil:
    """Whether data[start:end] is printable ASCII without `#` and without two dots in a row."""
    cdef uint8_t byte, odd = 0
    cdef int64_t i
    for i in range(start, end):
        byte = data[i]
        odd |= (byte < c' ') | (byte >= 0x80) | (byte == c'#') | ((byte == c'.') & (data[i + 1] == c'.'))
    return not odd


cdef inline LineMarks mark_line(const uint8_t *data, int64_t start, int64_t end) noexcept nogil:
    """What there is in the line data[start:end]. U+2026 (an ellipsis) is E2 80 A6; U+2028 and U+2029 (breaks) are E2 80 A8 and
    E2 80 A9; U+0085 (a break) is C2 85.
    """
    cdef LineMarks marks
    cdef uint8_t byte, after, third, general, continuations, hashes, ellipsis = 0, line_break = 0
    cdef int64_t stop, i
    marks.continuations, marks.hashes = 0, 0
    while start < end:
        stop, continuations, hashes = min(start + BLOCK, end), 0, 0
        for i in range(start, stop):
            byte, after, third = data[i], data[i + 1], data[i + 2]
            continuations += is_continuation(byte)
            hashes += byte == c'#'
            general = (byte == 0xE2) & (after == 0x80)  # the block General Punctuation
            ellipsis |= ((byte == c'.') & (after == c'.')) | (general & (third == 0xA6))
            line_break |= (general & ((third | 1) == 0xA9)) | ((byte == 0xC2) & (after == 0x85))
            line_break |= ((byte >= c'\n') & (byte <= c'\r')) | ((byte >= 0x1C) & (byte <= 0x1E))
        marks.continuations += continuations
        marks.hashes += hashes
        start = stop
    marks.ellipsis, marks.line_break = ellipsis, line_break
    return marks


cdef inline bint may_matter(const uint8_t *data, int64_t start, int64_t end) noexcept nogil:
    """Whether data[start:end] has a bracket, or three letters, in any case, without which it holds none of C4's policy phrases,
    `javascript` and `lorem ipsum`: f_u (terms of use), oki (cookie), vac (privacy), jav, psu.
    """
    cdef uint8_t byte, first, second, third, found = 0
    cdef int64_t i
    for i in range(start, end):
        byte = data[i]
        first, second, third = byte | CASE_BIT, data[i + 1] | CASE_BIT, data[i + 2] | CASE_BIT
        found |= (
            (byte == c'[')
            | (byte == c'{')
            | ((first == c'f') & (second == c' ') & (third == c'u'))
            | ((first == c'o') & (second == c'k') & (third == c'i'))
            | ((first == c'v') & (second == c'a') & (third == c'c'))
            | ((first == c'j') & (second == c'a') & (third == c'v'))
            | ((first == c'p') & (second == c's') & (third == c'u'))
        )
    return found


cdef inline bint has_phrase(const uint8_t *data, int64_t at, int64_t end, const char *lower) noexcept nogil:
    """Whether data[at:end] starts with the ASCII string `lower`, in any case."""
    cdef int64_t size = strlen(lower), i
    cdef uint8_t byte
    if at < 0 or at + size > end:
        return False
    for i in range(size):
        byte = data[at + i]
        if c'A' <= byte <= c'Z':
            byte |= CASE_BIT
        if byte != <uint8_t>lower[i]:
            return False
    return True


cdef inline bint is_ellipsis_at(const uint8_t *data, int64_t i) noexcept nogil:
    """Whether the three bytes at i are the character U+2026."""
    return data[i] == 0xE2 and data[i + 1] == 0x80 and data[i + 2] == 0xA6


cdef inline bint ends_in_dots(const uint8_t *data, int64_t start, int64_t end) noexcept nogil:
    """Whether data[start:end] ends in `...`."""
    return end - start >= 3 and data[end - 1] == c'.' and data[end - 2] == c'.' and data[end - 3] == c'.'


cdef inline bint ends_in_ellipsis(const uint8_t *data, int64_t start, int64_t end) noexcept nogil:
    """Whether data[start:end] ends in `...` or U+2026."""
    return ends_in_dots(data, start, end) or (end - start >= 3 and is_ellipsis_at(data, end - 3))
