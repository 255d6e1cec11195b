"""Splits texts into words in their normal form, and hashes them; `folding.py` says what that form is."""

import numpy as np

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from curricle.c_checks cimport check_columns, check_ranges, check_rows

cdef enum:
    SEPARATOR = 0  # as in folding.py
    IGNORED = 1
    LONGEST = 4
    TABLE = 0x20000
    LAST_IDEOGRAPH = 0x3FFFD

cdef uint32_t ALONE = 1 << 30
cdef uint32_t SEVERAL = <uint32_t>1 << 31

cdef uint64_t[256] LETTERS
"""Value of each ASCII letter or digit in a hash; 0 for other bytes."""

cdef struct Output:
    uint64_t *hashes
    uint32_t *starts
    uint32_t *ends
    int64_t count


cdef inline void add_word(Output *out, uint64_t state, int64_t start, int64_t end) noexcept nogil:
    """Note the word whose characters gave this state."""
    state = (state ^ (state >> 32)) * <uint64_t>0xBF58476D1CE4E5B9
    out.hashes[out.count] = state ^ (state >> 29)
    out.starts[out.count], out.ends[out.count] = <uint32_t>start, <uint32_t>end
    out.count += 1


cdef inline uint64_t value_of(uint32_t folded) noexcept nogil:
    """The value of a folded character in a hash; never 0."""
    cdef uint64_t value = (<uint64_t>folded + 1) * <uint64_t>0x9E3779B97F4A7C15
    value = (value ^ (value >> 30)) * <uint64_t>0xBF58476D1CE4E5B9
    return value ^ (value >> 27)


cdef inline uint64_t with_value(uint64_t state, uint64_t value) noexcept nogil:
    return ((state << 11) | (state >> 53)) ^ value


cdef inline uint64_t with_character(uint64_t state, uint32_t folded) noexcept nogil:
    return with_value(state, value_of(folded))


def _fill_letters() -> None:
    for byte in range(128):
        character = chr(byte)
        LETTERS[byte] = value_of(ord(character.lower())) if character.isalnum() else 0


_fill_letters()


cdef inline uint32_t fold_code(uint32_t code, const uint32_t *table) noexcept nogil:
    if code < TABLE:
        return table[code]
    return code | ALONE if code <= LAST_IDEOGRAPH else <uint32_t>SEPARATOR


cdef inline int64_t decode(const uint8_t *data, int64_t i, int64_t end, uint32_t *code) noexcept nogil:
    """The code point at data[i], which is not ASCII; returns where the next one starts. Damaged bytes are separators."""
    cdef uint8_t lead = data[i]
    cdef int64_t width = 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4
    code[0] = 0
    if lead < 0xC0 or i + width > end:
        return i + 1
    if width == 2:
        code[0] = ((lead & 0x1F) << 6) | (data[i + 1] & 0x3F)
    elif width == 3:
        code[0] = ((lead & 0xF) << 12) | ((data[i + 1] & 0x3F) << 6) | (data[i + 2] & 0x3F)
    else:
        code[0] = ((lead & 7) << 18) | ((data[i + 1] & 0x3F) << 12) | ((data[i + 2] & 0x3F) << 6) | (data[i + 3] & 0x3F)
    return i + width


cdef void split_text(const uint8_t *data, int64_t start, int64_t end, const uint32_t *table, const uint32_t *sequences,
                     Output *out) noexcept nogil:
    """Add the words of data[start:end]; their places are counted from `start`."""
    cdef int64_t i = start, word = -1, here, k
    cdef uint64_t state = 0
    cdef uint32_t folded, code
    cdef const uint32_t *sequence
    while i < end:
        here = i
        if LETTERS[data[i]]:
            if word < 0:
                word = i
            while i < end and LETTERS[data[i]]:
                state = with_value(state, LETTERS[data[i]])
                i += 1
            continue
        if data[i] < 0x80:
            folded = table[data[i]]
            i += 1
        else:
            i = decode(data, i, end, &code)
            folded = fold_code(code, table)
        if folded == IGNORED:
            continue
        if folded == SEPARATOR or folded & ALONE:
            if word >= 0:
                add_word(out, state, word - start, here - start)
                word, state = -1, 0
            if folded != SEPARATOR and not folded & SEVERAL:
                add_word(out, with_character(0, folded), here - start, i - start)
            elif folded & SEVERAL and folded & ALONE:
                sequence = sequences + <int64_t>(folded & ~(SEVERAL | ALONE)) * LONGEST
                for k in range(LONGEST):
                    if sequence[k]:
                        state = with_character(state, sequence[k])
                add_word(out, state, here - start, i - start)
                state = 0
            continue
        if word < 0:
            word = here
        if folded & SEVERAL:
            sequence = sequences + <int64_t>(folded & ~SEVERAL) * LONGEST
            for k in range(LONGEST):
                if sequence[k]:
                    state = with_character(state, sequence[k])
        else:
            state = with_character(state, folded)
    if word >= 0:
        add_word(out, state, word - start, end - start)


def split_words(texts, folding, uint64_t[::1] hashes, uint32_t[::1] starts, uint32_t[::1] ends, int64_t[::1] offsets):
    """Hash, first byte and end of each word of `texts` (a `Texts`), counted from the start of its text; returns their number.

    The words of text d are those from offsets[d] to offsets[d + 1]. The other arrays need an element for each byte of the texts.
    """
    cdef const uint8_t[::1] data = texts.data
    cdef const int64_t[::1] ranges = texts.offsets
    cdef const uint32_t[::1] table = folding.table
    cdef const uint32_t[:, ::1] sequences = folding.sequences
    cdef Py_ssize_t documents = ranges.shape[0] - 1, d
    cdef int64_t size
    cdef Output out
    check_ranges("offsets of texts", ranges, data.shape[0])
    size = ranges[documents] - ranges[0]
    check_rows("table", table.shape[0], TABLE)
    check_columns("sequences", sequences.shape[1], LONGEST)
    check_rows("hashes", hashes.shape[0], size)
    check_rows("starts", starts.shape[0], size)
    check_rows("ends", ends.shape[0], size)
    check_rows("offsets", offsets.shape[0], documents + 1)
    out.count = 0
    offsets[0] = 0
    if not size:
        offsets[:] = 0
        return 0
    out.hashes, out.starts, out.ends = &hashes[0], &starts[0], &ends[0]
    with nogil:
        for d in range(documents):
            split_text(&data[0], ranges[d], ranges[d + 1], &table[0], &sequences[0, 0], &out)
            offsets[d + 1] = out.count
    return out.count
