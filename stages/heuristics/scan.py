"""Loops over the bytes of a line, for compiled functions, in a form that the compiler turns into vector instructions: unsigned
indices, which Numba does not wrap around, no branch, and a few bytes read past the end.
"""

import numpy as np
from curricle.models.compiled.memory import load64, trailing_zeros
from curricle.stages.heuristics.bytes64 import EACH, HIGH
from curricle.stages.heuristics.compiled import inner

NEXT, AFTER_NEXT = np.uint64(1), np.uint64(2)
CASE, HIGH_BITS = np.uint8(0x20), np.uint8(0xC0)


@inner
def line_end(data, i, b):
    """Index of the first newline in data[i:b], else b."""
    while i < b:
        block = load64(data, i) ^ EACH * np.uint64(10)
        found = (block - EACH) & ~block & HIGH
        if found:
            return min(i + np.int64(trailing_zeros(found) >> np.uint64(3)), b)
        i += 8
    return b


@inner
def line_table_bits(data, a, b):
    """Binary logarithm of the size of a hash table for the lines of data[a:b], at most half full; 4 or more."""
    lines = np.int64(2)
    for i in range(np.uint64(a), np.uint64(b)):
        lines += data[i] == 10
    bits = 4
    while (1 << bits) < 2 * lines:
        bits += 1
    return bits


@inner
def is_plain(data, a, b):
    """Whether data[a:b] is ASCII from the space up, without `#` and without a dot that another follows."""
    odd = False
    for i in range(np.uint64(a), np.uint64(b)):
        c = data[i]
        odd |= (c < 32) | (c >= 128) | (c == 35) | ((c == 46) & (data[i + NEXT] == 46))
    return not odd


@inner
def line_marks(data, a, b):
    """(continuation bytes, hashes, whether it may hold an ellipsis, whether it holds a break of str.splitlines) of the line
    data[a:b].
    """
    high, hashes, dots, breaks = np.int64(0), np.int64(0), False, False
    for i in range(np.uint64(a), np.uint64(b)):
        c, y, z = data[i], data[i + NEXT], data[i + AFTER_NEXT]
        high += (c & HIGH_BITS) == 0x80
        hashes += c == 35
        wide = (c == 0xE2) & (y == 0x80)
        dots |= ((c == 46) & (y == 46)) | (wide & (z == 0xA6))
        breaks |= (wide & ((z | 1) == 0xA9)) | ((c == 0xC2) & (y == 0x85))
        breaks |= ((c >= 10) & (c < 14)) | ((c >= 28) & (c < 31))
    return high, hashes, dots, breaks


@inner
def may_matter(data, a, b):
    """Whether data[a:b] has a bracket, or three letters that stand in no line of C4's policy phrases, `javascript` and `lorem
    ipsum` alone: f_u (terms of use), oki (cookie), vac (privacy), jav, psu, in any case.
    """
    found = False
    for i in range(np.uint64(a), np.uint64(b)):
        c = data[i]
        x, y, z = c | CASE, data[i + NEXT] | CASE, data[i + AFTER_NEXT] | CASE
        found |= (
            (c == 91)
            | (c == 123)
            | ((x == 102) & (y == 32) & (z == 117))
            | ((x == 111) & (y == 107) & (z == 105))
            | ((x == 118) & (y == 97) & (z == 99))
            | ((x == 106) & (y == 97) & (z == 118))
            | ((x == 112) & (y == 115) & (z == 117))
        )
    return found
