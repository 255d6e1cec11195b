"""The normal form of texts for comparisons, as a table of characters: case, accents, width, punctuation and spaces do not matter.

A word is a run of letters and digits; each character of a script that is written without spaces is a word. A character counts as
the letters and digits of its compatibility decomposition (NFKD), case-folded and without marks; on request, with its marks.
"""

import sys
import unicodedata
from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

SEPARATOR, IGNORED = 0, 1  # values in the table; any other is a code point
ALONE = 1 << 30  # added to a character that is a word of its own
SEVERAL = 1 << 31  # added to the index of a sequence of LONGEST code points, filled with zeros
LONGEST = 4
TABLE = 0x20000
"""Characters from here on are words of their own (ideographs) or separators; `fold_code` in word_hashes.pyx."""

ALONE_RANGES = (
    *((0x0E00, 0x0EFF), (0x0F00, 0x0FFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x2E80, 0x2FDF), (0x3005, 0x3007)),
    *((0x3040, 0x30FF), (0x31F0, 0x31FF), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0xFF66, 0xFF9F)),
)
"""Thai, Lao, Tibetan, Burmese, Khmer, Chinese and Japanese."""

VARIATION_SELECTORS = range(0xFE00, 0xFE10)
"""Marks that choose between two drawings of one character."""


class Folding(NamedTuple):
    """Table of characters, and the sequences that it refers to, shape (n, LONGEST)."""

    table: npt.NDArray[np.uint32]
    sequences: npt.NDArray[np.uint32]


@cache
def folding(*, marks: bool = False) -> Folding:
    """The table of this Python's Unicode version; with `marks`, accents and vowel signs are part of a word."""
    table = np.zeros(TABLE, np.uint32)
    sequences: list[tuple[int, ...]] = []
    counted = "LNM" if marks else "LN"
    for code in range(min(TABLE, sys.maxunicode + 1)):
        category = unicodedata.category(chr(code))
        if category == "Cf" or (category[0] == "M" and (not marks or code in VARIATION_SELECTORS)):
            table[code] = IGNORED
        elif category[0] in counted:
            table[code] = _folded(code, counted, sequences)
    for first, last in ALONE_RANGES:
        letters = table[first : last + 1]
        letters[letters > IGNORED] |= ALONE
    return Folding(table, np.array(sequences or [(0,) * LONGEST], np.uint32))


def _folded(code: int, counted: str, sequences: list[tuple[int, ...]]) -> int:
    character = chr(code)
    if character.isascii():
        return ord(character.lower())
    parts = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", character).casefold())
    kept = [ord(part) for part in parts if unicodedata.category(part)[0] in counted][:LONGEST]
    if len(kept) == 1:
        return kept[0]
    if not kept:
        return code
    sequences.append((*kept, *[0] * (LONGEST - len(kept))))
    return SEVERAL | (len(sequences) - 1)
