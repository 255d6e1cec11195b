"""What the student reads of a document: hashed n-grams of its cut text, straight from Arrow's UTF-8 buffers.

A document longer than `LIMIT` code points is cut as the training documents were: its first `HEAD` code points, ` [...] `, its
last `TAIL`. Only these are decoded, so 100 MB cost what 2 KB cost.
"""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from curricle.models.compiled.memory import pointer
from curricle.models.raters.compiled import export, inner
from curricle.models.raters.ngrams import (
    BITS,
    DIGIT,
    IDEOGRAPH,
    LETTER,
    NEWLINE,
    OTHER,
    PUNCTUATION,
    SLOTS,
    SPACE,
    SYMBOL,
    emit,
    weigh,
    weights_of_counts,
)
from curricle.models.raters.statistics import STATISTICS, describe

LIMIT, HEAD, TAIL = 2100, 1400, 650
GAP = np.frombuffer(b" [...] ", dtype=np.uint8).astype(np.uint32)

_MAX_FEATURES = 6 * LIMIT
Bytes = npt.NDArray[np.uint8]
Table = npt.NDArray[np.uint16]


@inner
def _decode(data, start, stop, codes, at, most):
    """Decode up to `most` code points of valid UTF-8 to codes[at:]; returns their number and where the bytes end."""
    n = 0
    while start < stop and n < most:
        b = np.uint32(data[start])
        if b < 0x80:
            c, size = b, 1
        elif b < 0xE0:
            c, size = b & 0x1F, 2
        elif b < 0xF0:
            c, size = b & 0x0F, 3
        else:
            c, size = b & 0x07, 4
        for k in range(1, size):
            c = (c << np.uint32(6)) | np.uint32(data[start + k] & 0x3F)
        codes[at + n] = c
        start += size
        n += 1
    return n, start


@inner
def cut_codes(data, start, stop, gap, codes):
    """Write the cut document's code points to `codes` (LIMIT long); returns how many."""
    n, end = _decode(data, start, stop, codes, 0, LIMIT)
    if end == stop:
        return n
    tail = stop
    for _ in range(TAIL):
        tail -= 1
        while data[tail] & 0xC0 == 0x80:
            tail -= 1
    n = HEAD
    for k in range(len(gap)):
        codes[n] = gap[k]
        n += 1
    m, _ = _decode(data, tail, stop, codes, n, TAIL)
    return n + m


@inner
def fold(codes, n, characters, classes, lower):
    """Class and lower case of every code point, by the table of 65,536 entries (class * 1) and its second row."""
    for i in range(n):
        c = codes[i]
        if c < 65536:
            classes[i] = characters[0, c]
            lower[i] = characters[1, c]
        else:
            classes[i] = IDEOGRAPH if 0x20000 <= c < 0x40000 else SYMBOL
            lower[i] = c


@export("int64(uint8[::1], int64[::1], uint16[:, ::1], uint32[::1], int64[::1], int32[::1], float32[::1], float32[:, ::1])")
def featurise(data, offsets, characters, gap, indptr, indices, values, stats):
    """All documents' features: CSR arrays of n-grams (`indptr` etc. are filled) and a row of statistics each.

    Returns how many entries of `indices` are filled, or -1 if they might not fit.
    """
    codes = np.empty(LIMIT + 1, dtype=np.uint32)
    lower = np.empty(LIMIT + 1, dtype=np.uint32)
    classes = np.empty(LIMIT + 1, dtype=np.uint8)
    word = np.empty(LIMIT + 2, dtype=np.uint32)
    slots = np.empty(_MAX_FEATURES, dtype=np.uint32)
    groups = np.empty(_MAX_FEATURES, dtype=np.uint8)
    counts = np.zeros(SLOTS, dtype=np.int16)
    weights = np.empty(LIMIT + 1, dtype=np.float64)
    norms = np.empty(len(BITS), dtype=np.float64)
    weights_of_counts(weights)
    filled = 0
    for row in range(len(offsets) - 1):
        n = cut_codes(data, offsets[row], offsets[row + 1], gap, codes)
        fold(codes, n, characters, classes, lower)
        m = emit(pointer(classes), pointer(lower), n, pointer(word), pointer(slots), pointer(groups))
        if filled + m > len(indices):
            return -1
        filled += weigh(
            pointer(slots),
            pointer(groups),
            m,
            pointer(counts),
            pointer(weights),
            pointer(norms),
            pointer(values[filled:]),
            pointer(indices[filled:]),
        )
        indptr[row + 1] = filled
        describe(codes, classes, lower, n, characters, stats[row])
    return filled


@inner
def _skip(data, i, stop, codes):
    """Where the `codes` code points from `i` on end, `stop` at the latest."""
    while codes > 0 and i < stop:
        end = min(i + codes, stop)
        for k in range(i, end):
            codes -= data[k] & 0xC0 != 0x80
        i = end
    while i < stop and data[i] & 0xC0 == 0x80:
        i += 1
    return i


@export("void(uint8[::1], int64[::1], uint32[::1], uint8[::1], int64[::1])")
def _cut(data, offsets, gap, out, ends):
    """Write the cut texts' bytes to `out`, and where each ends (rows + 1)."""
    n = 0
    for row in range(len(offsets) - 1):
        start, stop = offsets[row], offsets[row + 1]
        head = _skip(data, start, stop, HEAD)
        if _skip(data, head, stop, LIMIT - HEAD) < stop:
            tail = stop
            for _ in range(TAIL):
                tail -= 1
                while data[tail] & 0xC0 == 0x80:
                    tail -= 1
            for k in range(start, head):
                out[n] = data[k]
                n += 1
            for k in range(len(gap)):
                out[n] = gap[k]
                n += 1
            start = tail
        for k in range(start, stop):
            out[n] = data[k]
            n += 1
        ends[row + 1] = n


def cut_texts(texts: pa.Array) -> pa.Array:
    """The texts (large_string) as the n-grams read them; a null is empty."""
    data, offsets = utf8(texts)
    ends = np.zeros(len(texts) + 1, dtype=np.int64)
    out = np.empty(int(np.minimum(np.diff(offsets), 4 * LIMIT).sum()), dtype=np.uint8)
    _cut(data, offsets, GAP, out, ends)
    return pa.Array.from_buffers(pa.large_string(), len(texts), [None, pa.py_buffer(ends), pa.py_buffer(out)])


def utf8(texts: pa.Array) -> tuple[Bytes, npt.NDArray[np.int64]]:
    """Bytes and offsets (rows + 1) of a string array, without a copy of the bytes; a null has no bytes."""
    texts = texts.cast(pa.large_string())
    _, offsets, data = texts.buffers()
    at = (
        np.frombuffer(offsets, dtype=np.int64)[texts.offset : texts.offset + len(texts) + 1]
        if len(texts)
        else np.zeros(1, np.int64)
    )
    return np.frombuffer(data, dtype=np.uint8) if data is not None else np.zeros(0, dtype=np.uint8), at


Features = tuple[npt.NDArray[np.int64], npt.NDArray[np.int32], npt.NDArray[np.float32], npt.NDArray[np.float32]]


def extract(texts: pa.Array, characters: Table) -> Features:
    """`indptr`, `indices`, `values` (CSR, SLOTS wide) and statistics (rows, STATISTICS) of every text; a null is empty."""
    data, offsets = utf8(texts)
    rows = len(texts)
    room = int(np.minimum(np.diff(offsets), 4 * LIMIT).sum()) * 3 + 16
    indptr = np.zeros(rows + 1, dtype=np.int64)
    indices = np.empty(room, dtype=np.int32)
    values = np.empty(room, dtype=np.float32)
    stats = np.zeros((rows, STATISTICS), dtype=np.float32)
    filled = featurise(data, offsets, characters, GAP, indptr, indices, values, stats)
    if filled < 0:
        raise AssertionError("more features than three for every byte")
    return indptr, indices[:filled], values[:filled], stats


def character_table() -> Table:
    """Class and simple lower case of the 65,536 characters of the basic plane, shape (2, 65536), from Python's Unicode data.

    A model ships its own, so that its words stay the same under another Python.
    """
    import unicodedata

    ranges = ((0x3040, 0x30FF), (0x3400, 0x9FFF), (0xF900, 0xFAFF), (0x0E00, 0x0FFF), (0x1000, 0x109F), (0x1780, 0x17FF))
    by_category = {"L": LETTER, "M": LETTER, "N": DIGIT, "P": PUNCTUATION, "S": SYMBOL}
    table = np.zeros((2, 65536), dtype=np.uint16)
    for code in range(65536):
        character = chr(code)
        category = unicodedata.category(character)
        if character in "\n\r\x0b\x0c\x85\u2028\u2029":
            kind = NEWLINE
        elif character.isspace():
            kind = SPACE
        elif category == "Lo" and any(low <= code <= high for low, high in ranges):
            kind = IDEOGRAPH
        else:
            kind = by_category.get(category[0], OTHER)
        lowered = character.lower()
        table[:, code] = kind, ord(lowered) if len(lowered) == 1 and ord(lowered) < 65536 else code
    return table
