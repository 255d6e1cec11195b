"""Bytes eight at a time, for compiled functions: a hash, the length of a run of letters."""

import numpy as np
from curricle.models.compiled.memory import load64, trailing_zeros
from curricle.stages.heuristics.compiled import inner

ONE, EACH, HIGH = np.uint64(1), np.uint64(0x0101010101010101), np.uint64(0x8080808080808080)
SPREAD, HALF = np.uint64(0xD6E8FEB86659FD93), np.uint64(32)
CASE, FROM_A, PAST_Z = EACH * np.uint64(0x20), EACH * np.uint64(0x80 - 0x61), EACH * np.uint64(0x80 - 0x7B)


@inner
def step(h, block):
    """Mix eight bytes into a hash."""
    h = (h ^ block) * SPREAD
    return h ^ (h >> HALF)


@inner
def low_bytes(block, n):
    """The block with all but its first n bytes (0 < n < 8) cleared."""
    return block & ((ONE << np.uint64(8 * n)) - ONE)


@inner
def hash_range(data, a, b):
    """Hash of data[a:b]; up to seven bytes after it are read and masked out. `hash_bytes` of lexicon.py is the same."""
    h = np.uint64(b - a)
    while b - a >= 8:
        h = step(h, load64(data, a))
        a += 8
    return step(h, low_bytes(load64(data, a), b - a)) if b > a else h


@inner
def letters(block):
    """How many of the eight bytes, from the first on, are ASCII letters: 0 to 8."""
    folded = (block | CASE) & ~HIGH
    inside = ((folded + FROM_A) ^ (folded + PAST_Z)) & ~block & HIGH
    return np.int64(trailing_zeros(~inside & HIGH) >> np.uint64(3))
