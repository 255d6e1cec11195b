"""What the student reads of a document: hashed n-grams and statistics of its cut text, from Arrow's UTF-8 buffers.

A document longer than `LIMIT` code points is cut as the training documents were: to its first `HEAD` code points, ` [...] ` and
its last `TAIL`. Only these are decoded, so 100 MB cost what 2 KB cost.
"""

import unicodedata

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from curricle.models.raters.document import CharacterClass, CutLimits
from curricle.models.raters.feature_kernels import cut, featurize
from curricle.models.raters.statistics import Statistic

LIMIT, HEAD, TAIL = int(CutLimits.LIMIT), int(CutLimits.HEAD), int(CutLimits.TAIL)
STATISTICS = int(Statistic.STATISTICS)

Bytes = npt.NDArray[np.uint8]
Table = npt.NDArray[np.uint16]


def cut_texts(texts: pa.Array) -> pa.Array:
    """The cut texts (large_string); a null becomes an empty text."""
    data, offsets = utf8(texts)
    ends = np.zeros(len(texts) + 1, dtype=np.int64)
    out = np.empty(int(np.minimum(np.diff(offsets), 4 * LIMIT).sum()), dtype=np.uint8)
    cut(data, offsets, out, ends)
    return pa.Array.from_buffers(pa.large_string(), len(texts), [None, pa.py_buffer(ends), pa.py_buffer(out)])


def utf8(texts: pa.Array) -> tuple[Bytes, npt.NDArray[np.int64]]:
    """Bytes and offsets (rows + 1) of a string array, without copying the bytes; a null has no bytes."""
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
    """`indptr`, `indices`, `values` (CSR, SLOTS wide) and statistics (rows, STATISTICS) of every text; a null counts as empty."""
    data, offsets = utf8(texts)
    rows = len(texts)
    room = int(np.minimum(np.diff(offsets), 4 * LIMIT).sum()) * 3 + 16
    indptr = np.zeros(rows + 1, dtype=np.int64)
    indices = np.empty(room, dtype=np.int32)
    values = np.empty(room, dtype=np.float32)
    stats = np.zeros((rows, STATISTICS), dtype=np.float32)
    filled = featurize(data, offsets, characters, indptr, indices, values, stats)
    if filled < 0:
        raise AssertionError("a byte gave more than three features")
    return indptr, indices[:filled], values[:filled], stats


def character_table() -> Table:
    """Class and simple lower case of the 65,536 characters of the basic plane, shape (2, 65536), from Python's Unicode data.

    A model ships its own table, so that its words stay the same under another version of Python.
    """
    ranges = ((0x3040, 0x30FF), (0x3400, 0x9FFF), (0xF900, 0xFAFF), (0x0E00, 0x0FFF), (0x1000, 0x109F), (0x1780, 0x17FF))
    by_category = {
        "L": CharacterClass.LETTER,
        "M": CharacterClass.LETTER,
        "N": CharacterClass.DIGIT,
        "P": CharacterClass.PUNCTUATION,
        "S": CharacterClass.SYMBOL,
    }
    table = np.zeros((2, 65536), dtype=np.uint16)
    for code in range(65536):
        character = chr(code)
        category = unicodedata.category(character)
        if character in "\n\r\x0b\x0c\x85\u2028\u2029":
            kind = CharacterClass.NEWLINE
        elif character.isspace():
            kind = CharacterClass.SPACE
        elif category == "Lo" and any(low <= code <= high for low, high in ranges):
            kind = CharacterClass.IDEOGRAPH
        else:
            kind = by_category.get(category[0], CharacterClass.OTHER)
        lowered = character.lower()
        table[:, code] = kind, ord(lowered) if len(lowered) == 1 and ord(lowered) < 65536 else code
    return table
