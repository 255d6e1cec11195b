"""Normalizes rows of UTF-8 by a table, for `models.kenlm.normalizer`."""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t
from libc.string cimport memcpy

from curricle.c_checks cimport check_ranges, check_rows, check_spans

cpdef enum:
    # What a table's entry says of a code point: two bits for what becomes of it, flags, length and offset of its replacement.
    COPY = 0
    REPLACE = 1
    SPACE = 2
    CONTEXT = 1 << 2  # depends on its neighbors: the row is left to the caller
    STRIP = 1 << 3  # removed at both ends of a row
    DIGIT = 1 << 4
    SEPARATOR = 1 << 5  # between two runs of digits, joins them
    LENGTH_SHIFT = 6
    OFFSET_SHIFT = 14
    SLOW = 1 << 8  # in the table of ASCII: not replaced by exactly one byte
    BLOCK_BITS = 8  # code points of a block share one row of `entries`

cdef enum:
    KIND_MASK = 3
    LENGTH_MASK = 255
    BLOCK_MASK = (1 << BLOCK_BITS) - 1
    BLOCKS = 1 << 13  # that four bytes of UTF-8 can encode
    ASCII = 128
    MOST_BYTES = 256  # that one code point becomes
    REPLACEMENT_CHARACTER = 0xFFFD
    NO_ROOM = -1
    NEEDS_CONTEXT = -2


cdef struct Table:
    const uint16_t *blocks
    const uint32_t *entries
    const uint8_t *replacements
    const uint16_t *ascii
    bint strip
    bint number
    bint collapse


cdef struct Point:
    # A code point in the text.
    uint32_t entry
    int64_t length  # bytes


cdef inline uint32_t decode(const uint8_t *text, int64_t length) noexcept nogil:
    """The code point of a UTF-8 sequence of 2 to 4 bytes."""
    if length == 2:
        return <uint32_t> (text[0] & 0x1F) << 6 | text[1] & 0x3F
    if length == 3:
        return <uint32_t> (text[0] & 0x0F) << 12 | <uint32_t> (text[1] & 0x3F) << 6 | text[2] & 0x3F
    return (
        <uint32_t> (text[0] & 0x07) << 18 | <uint32_t> (text[1] & 0x3F) << 12
        | <uint32_t> (text[2] & 0x3F) << 6 | text[3] & 0x3F
    )


cdef inline Point look_up(Table table, const uint8_t *data, int64_t position, int64_t end) noexcept nogil:
    """The code point at `position`, which is before `end`."""
    cdef Point point
    cdef uint8_t first = data[position]
    cdef uint32_t code
    if first < 0x80:
        code = first
        point.length = 1
    else:
        point.length = 2 if first < 0xE0 else 3 if first < 0xF0 else 4
        if point.length > end - position:  # not UTF-8
            point.length = end - position
            code = REPLACEMENT_CHARACTER
        else:
            code = decode(data + position, point.length)
    point.entry = table.entries[(<uint32_t> table.blocks[code >> BLOCK_BITS] << BLOCK_BITS) + (code & BLOCK_MASK)]
    return point


cdef inline int64_t skip_run(Table table, const uint8_t *data, int64_t position, int64_t end, uint32_t flag) noexcept nogil:
    """Where the run of code points with `flag` at `position` ends."""
    cdef Point point
    while position < end:
        point = look_up(table, data, position, end)
        if not point.entry & flag:
            break
        position += point.length
    return position


cdef int64_t skip_number(Table table, const uint8_t *data, int64_t position, int64_t end) noexcept nogil:
    """Where the number at `position` ends: digits, or digits, a separator and digits."""
    cdef Point point
    cdef int64_t after_digits = skip_run(table, data, position, end, DIGIT)
    cdef int64_t fraction
    if after_digits < end:
        point = look_up(table, data, after_digits, end)
        if point.entry & SEPARATOR:
            fraction = after_digits + point.length
            position = skip_run(table, data, fraction, end, DIGIT)
            if position > fraction:
                return position
    return after_digits


cdef int64_t strip_end(Table table, const uint8_t *data, int64_t position, int64_t end) noexcept nogil:
    """Where the row at `position` ends without the code points to strip."""
    cdef int64_t last
    while position < end:
        last = end - 1
        while last > position and data[last] & 0xC0 == 0x80:
            last -= 1
        if not look_up(table, data, last, end).entry & STRIP:
            break
        end = last
    return end


cdef inline int64_t append_space(uint8_t *out, int64_t written, int64_t row_start) noexcept nogil:
    """Append a space, but not at the start of a row and not after another."""
    if written > row_start and out[written - 1] != c' ':
        out[written] = c' '
        return written + 1
    return written


cdef int64_t normalize_row(
    Table table, const uint8_t *data, int64_t position, int64_t end, uint8_t *out, int64_t written, int64_t room
) noexcept nogil:
    """Normalize `data[position:end]` to `out` from `written` on; returns where it ends, NO_ROOM or NEEDS_CONTEXT."""
    cdef int64_t row_start = written
    cdef int64_t i, length
    cdef uint8_t first
    cdef uint16_t simple
    cdef uint32_t kind
    cdef Point point
    cdef const uint8_t *replacement
    if table.strip:
        position = skip_run(table, data, position, end, STRIP)
        end = strip_end(table, data, position, end)
    while position < end:
        if written + MOST_BYTES > room:
            return NO_ROOM
        first = data[position]
        if first < 0x80:
            simple = table.ascii[first]
            if simple < SLOW:
                out[written] = <uint8_t> simple
                written += 1
                position += 1
                continue
        point = look_up(table, data, position, end)
        if point.entry & CONTEXT:
            return NEEDS_CONTEXT
        if table.number and point.entry & DIGIT:
            position = skip_number(table, data, position, end)
            out[written] = c'0'
            written += 1
            continue
        kind = point.entry & KIND_MASK
        if kind == COPY:
            for i in range(point.length):
                out[written + i] = data[position + i]
            written += point.length
        elif kind == SPACE:
            written = append_space(out, written, row_start)
        else:
            replacement = table.replacements + (point.entry >> OFFSET_SHIFT)
            length = point.entry >> LENGTH_SHIFT & LENGTH_MASK
            for i in range(length):
                if table.collapse and replacement[i] == c' ':
                    written = append_space(out, written, row_start)
                else:
                    out[written] = replacement[i]
                    written += 1
        position += point.length
    if table.collapse and written > row_start and out[written - 1] == c' ':
        written -= 1
    return written


cdef int check_table(
    const uint16_t[::1] blocks, const uint32_t[::1] entries, const uint8_t[::1] replacements, const uint16_t[::1] ascii
) except -1:
    """Raise ValueError if a table does not cover all code points, or an entry's replacement is not there."""
    cdef Py_ssize_t i
    cdef int64_t last_block = 0, last_byte = 0
    check_rows("blocks", blocks.shape[0], BLOCKS)
    check_rows("ascii", ascii.shape[0], ASCII)
    for i in range(blocks.shape[0]):
        last_block = max(last_block, blocks[i])
    check_rows("entries", entries.shape[0], (last_block + 1) << BLOCK_BITS)
    for i in range(entries.shape[0]):
        if entries[i] & KIND_MASK == REPLACE:
            last_byte = max(last_byte, <int64_t> (entries[i] >> OFFSET_SHIFT) + (entries[i] >> LENGTH_SHIFT & LENGTH_MASK))
    check_rows("replacements", replacements.shape[0], last_byte)
    return 0


def normalize_rows(
    table,
    const uint8_t[::1] data,
    const int64_t[::1] starts,
    const int64_t[::1] ends,
    uint8_t[::1] out,
    int64_t[::1] offsets,
    uint8_t[::1] context,
):
    """Write the rows `data[starts[i]:ends[i]]` normalized by `table` (a `Table` of `models.kenlm.normalizer`) to `out`.

    Also writes their offsets (rows + 1, the first 0), and 1 to `context` where a row needs its context; such a row is empty.
    Returns the number of bytes written, -1 if `out` is too short.
    """
    cdef const uint16_t[::1] blocks = table.blocks
    cdef const uint32_t[::1] entries = table.entries
    cdef const uint8_t[::1] replacements = table.replacements
    cdef const uint16_t[::1] ascii = table.ascii
    cdef Table lookup = Table(
        &blocks[0], &entries[0], &replacements[0], &ascii[0], table.strip, table.number, table.collapse
    )
    cdef Py_ssize_t row
    cdef int64_t end
    cdef int64_t written = 0
    check_table(blocks, entries, replacements, ascii)
    check_spans(starts, ends, data.shape[0])
    check_rows("offsets", offsets.shape[0], starts.shape[0] + 1)
    check_rows("context", context.shape[0], starts.shape[0])
    with nogil:
        for row in range(starts.shape[0]):
            end = normalize_row(lookup, &data[0], starts[row], ends[row], &out[0], written, out.shape[0])
            if end == NO_ROOM:
                written = NO_ROOM
                break
            if end == NEEDS_CONTEXT:
                context[row] = 1
            else:
                written = end
            offsets[row + 1] = written
    return written


def splice_rows(
    const uint8_t[::1] replaced,
    const uint8_t[::1] data,
    const int64_t[::1] offsets,
    const uint8_t[::1] other,
    const int64_t[::1] other_offsets,
    uint8_t[::1] out,
    const int64_t[::1] out_offsets,
):
    """Write the rows of `data` to `out`, each that is `replaced` taken from `other`, in order."""
    cdef Py_ssize_t row
    cdef Py_ssize_t next_other = 0
    cdef const uint8_t *source
    cdef int64_t size
    check_rows("offsets", offsets.shape[0], replaced.shape[0] + 1)
    check_rows("out_offsets", out_offsets.shape[0], replaced.shape[0] + 1)
    check_ranges("offsets", offsets, data.shape[0])
    check_ranges("other_offsets", other_offsets, other.shape[0])
    check_ranges("out_offsets", out_offsets, out.shape[0])
    for row in range(replaced.shape[0]):
        next_other += replaced[row] != 0
    check_rows("other_offsets", other_offsets.shape[0], next_other + 1)
    next_other = 0
    with nogil:
        for row in range(replaced.shape[0]):
            if replaced[row]:
                source, size = &other[other_offsets[next_other]], other_offsets[next_other + 1] - other_offsets[next_other]
                next_other += 1
            else:
                source, size = &data[offsets[row]], offsets[row + 1] - offsets[row]
            if size != out_offsets[row + 1] - out_offsets[row]:
                with gil:
                    raise ValueError(f"row {row} has {size} bytes, room is for {out_offsets[row + 1] - out_offsets[row]}")
            memcpy(&out[out_offsets[row]], source, size)
