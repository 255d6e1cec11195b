"""Lines as Dolma 1.2.1 counts them (Numba): `str.split("\\n")`, blank ones too.

Sources: taggers/gopher.py (tagger gopher_v1) and taggers/c4.py (tagger c4_v2).
"""

import numpy as np
from curricle.models.compiled.memory import pointer
from curricle.stages.heuristics.bytes64 import hash_range
from curricle.stages.heuristics.compiled import export, inner
from curricle.stages.heuristics.scan import line_table_bits
from curricle.stages.heuristics.segments import ONE, SPREAD, has, has_words, strip

(
    CHARS,
    LINES,
    BULLET_LINES,
    ELLIPSIS_LINES,
    DUP_LINES,
    DUP_LINE_CHARS,
    UNENDED_LINES,
    SHORT_LINES,
    CURLY,
    LOREM,
    JAVASCRIPT,
) = range(11)
MEASURES = 11


@inner
def copies_before(h, keys, counts, mask, shift):
    """How often h has been added to the table before; adds it."""
    h = h if h else ONE
    slot = np.int64((h * SPREAD) >> shift)
    while keys[slot] and keys[slot] != h:
        slot = (slot + 1) & mask
    if not keys[slot]:
        keys[slot], counts[slot] = h, 0
    counts[slot] += 1
    return counts[slot] - 1


@inner
def count_line(data, a, b, chars, pages, flags, keys, counts, mask, shift, out):
    """Count the line data[a:b] of that many characters."""
    out[LINES] += 1
    before = copies_before(hash_range(data, a, b), keys, counts, mask, shift)
    if before > 0:
        added = 2 if before == 1 else 1
        out[DUP_LINES] += added
        out[DUP_LINE_CHARS] += added * chars
    if a < b:
        out[BULLET_LINES] += data[a] == 42 or data[a] == 45
        out[ELLIPSIS_LINES] += b - a >= 3 and data[b - 3] == 0xE2 and data[b - 2] == 0x80 and data[b - 1] == 0xA6
    x, y = strip(data, a, b, pages, flags)
    last = data[y - 1] if x < y else np.uint8(0)
    out[UNENDED_LINES] += not (last == 46 or last == 63 or last == 33 or last == 34)
    out[SHORT_LINES] += not has_words(data, x, y, 3, pages, flags)


@export("void(uint8[::1], int64[::1], uint16[::1], uint32[::1], int64[:, ::1])")
def measure_dolma(data, offsets, pages, flags, out):
    """out[d] = the measures named above of document data[offsets[d]:offsets[d + 1]]; CURLY, LOREM and JAVASCRIPT are 0 or 1."""
    keys, counts, look = np.empty(16, np.uint64), np.empty(16, np.int64), np.zeros(256, np.uint8)
    for c in (10, 74, 106, 80, 112, 123):  # newline, j of javascript, p of ipsum, curly bracket
        look[c] = 1
    data, pages, flags = pointer(data), pointer(pages), pointer(flags)
    out[:] = 0
    for d in range(len(offsets) - 1):
        a, b = offsets[d], offsets[d + 1]
        row = pointer(out[d])
        bits = line_table_bits(data, a, b)
        if len(keys) < 1 << bits:
            keys, counts = np.empty(1 << bits, np.uint64), np.empty(1 << bits, np.int64)
        mask, shift = (1 << bits) - 1, np.uint64(64 - bits)
        keys[: mask + 1] = 0
        line, high, line_high = a, np.int64(0), np.int64(0)
        for i in range(a, b):
            c = data[i]
            high += (c & 0xC0) == 0x80
            if not look[c]:
                continue
            if c == 10:
                count_line(data, line, i, i - line - (high - line_high), pages, flags, keys, counts, mask, shift, row)
                line, line_high = i + 1, high
            elif c == 123:
                row[CURLY] = 1
            elif c | 32 == 106:
                if has(data, i, b, b"javascript"):
                    row[JAVASCRIPT] = 1
            elif i - 7 >= a and has(data, i - 7, b, b"lorem ipsum"):
                row[LOREM] = 1
        if a < b:
            count_line(data, line, b, b - line - (high - line_high), pages, flags, keys, counts, mask, shift, row)
        row[CHARS] = b - a - high
