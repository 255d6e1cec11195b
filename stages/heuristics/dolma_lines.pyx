"""Lines as Dolma 1.2.1 counts them: what `str.split("\\n")` gives, blank lines too.

Sources: taggers/gopher.py (tagger gopher_v1) and taggers/c4.py (tagger c4_v2).
"""

import numpy as np

from libc.stdint cimport int64_t, uint8_t, uint64_t

from curricle.c_checks cimport check_columns, check_rows
from curricle.stages.heuristics.bytes64 cimport hash_bytes
from curricle.stages.heuristics.characters cimport Span, Text, has_words, is_continuation, strip
from curricle.stages.heuristics.documents cimport check_text, size_line_tables, text_of
from curricle.stages.heuristics.hash_sets cimport HashSet, clear, nonzero, slot_of
from curricle.stages.heuristics.scan cimport CASE_BIT, has_phrase, is_ellipsis_at

cpdef enum:  # columns of measure_dolma
    CHARS
    LINES
    BULLET_LINES
    ELLIPSIS_LINES
    DUP_LINES
    DUP_LINE_CHARS
    UNENDED_LINES
    SHORT_LINES
    CURLY
    LOREM
    JAVASCRIPT
    MEASURES  # how many columns

cdef enum:
    LINE_WORDS = 3  # a line with fewer words is short

cdef struct LineTable:
    HashSet hashes
    int64_t *copies  # of the line in each slot

cdef uint8_t[256] TELLING
"""1 for the bytes to look at: newline, curly bracket, the j of javascript, the p of ipsum."""


def _fill_telling() -> None:
    for byte in range(256):
        TELLING[byte] = chr(byte) in "\n{jJpP"


_fill_telling()


cdef inline int64_t copies_before(LineTable *table, uint64_t hashed) noexcept nogil:
    """How often a line with this hash was added before; adds it."""
    cdef uint64_t key = nonzero(hashed)
    cdef int64_t slot = slot_of(&table.hashes, key)
    if not table.hashes.keys[slot]:
        table.hashes.keys[slot], table.copies[slot] = key, 0
    table.copies[slot] += 1
    return table.copies[slot] - 1


cdef void count_line(Text text, int64_t start, int64_t end, int64_t chars, LineTable *table, int64_t *row) noexcept nogil:
    """Count the line data[start:end] of that many characters."""
    cdef const uint8_t *data = text.data
    cdef int64_t before = copies_before(table, hash_bytes(data + start, end - start)), added
    cdef uint8_t last = 0
    cdef Span stripped
    row[LINES] += 1
    if before > 0:
        added = 2 if before == 1 else 1  # the first copy too
        row[DUP_LINES] += added
        row[DUP_LINE_CHARS] += added * chars
    if start < end:
        row[BULLET_LINES] += data[start] == c'*' or data[start] == c'-'
        row[ELLIPSIS_LINES] += end - start >= 3 and is_ellipsis_at(data, end - 3)
    stripped = strip(text, start, end)
    if stripped.start < stripped.end:
        last = data[stripped.end - 1]
    row[UNENDED_LINES] += last not in (c'.', c'?', c'!', c'"')
    row[SHORT_LINES] += not has_words(text, stripped, LINE_WORDS)


cdef void measure_document(Text text, int64_t start, int64_t end, LineTable *table, int64_t *row) noexcept nogil:
    cdef const uint8_t *data = text.data
    cdef int64_t line = start, line_chars = 0, chars = 0, i  # characters before byte i, and before the line
    cdef uint8_t byte
    for i in range(start, end):
        byte = data[i]
        chars += not is_continuation(byte)
        if not TELLING[byte]:
            continue
        if byte == c'\n':
            count_line(text, line, i, chars - 1 - line_chars, table, row)
            line, line_chars = i + 1, chars
        elif byte == c'{':
            row[CURLY] = 1
        elif byte | CASE_BIT == c'j':
            if has_phrase(data, i, end, b"javascript"):
                row[JAVASCRIPT] = 1
        elif i - 7 >= start and has_phrase(data, i - 7, end, b"lorem ipsum"):
            row[LOREM] = 1
    if start < end:
        count_line(text, line, end, chars - line_chars, table, row)
    row[CHARS] = chars


def measure_dolma(texts, tables, int64_t[:, ::1] out):
    """Fill out[d] with the measures named above, for each document d of `texts` (a `Texts`); CURLY, LOREM and JAVASCRIPT are 0 or
    1. `tables`: `unicode_tables.tables()`.
    """
    cdef const uint8_t[::1] data = texts.data
    cdef const int64_t[::1] offsets = texts.offsets
    cdef Py_ssize_t documents = offsets.shape[0] - 1, d
    cdef Text text = text_of(data, tables.pages, tables.flags)
    cdef int64_t[::1] bits = np.empty(documents, np.int64)
    cdef int64_t slots
    cdef uint64_t[::1] keys
    cdef int64_t[::1] copies
    cdef LineTable table
    check_text(data, offsets)
    check_rows("out", out.shape[0], documents)
    check_columns("out", out.shape[1], MEASURES)
    out[:] = 0
    slots = 1 << size_line_tables(data, offsets, bits)
    keys, copies = np.empty(slots, np.uint64), np.empty(slots, np.int64)
    table.copies = &copies[0]
    with nogil:
        for d in range(documents):
            clear(&table.hashes, &keys[0], <int>bits[d])
            measure_document(text, offsets[d], offsets[d + 1], &table, &out[d, 0])
