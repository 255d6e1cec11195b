"""The script of a text: ISO 15924's code of the one that most of its letters belong to.

Source: ranges of Unicode's Scripts.txt, joined where what lies between holds no letters.
"""

from typing import Final

import numpy as np

COMMON = "Zyyy"
"""ISO 15924's code for text without letters of a script."""

RIGHT_TO_LEFT: Final = frozenset({"Adlm", "Arab", "Hebr", "Mand", "Nkoo", "Rohg", "Samr", "Syrc", "Thaa", "Yezi"})

_RANGES: Final = (
    ("Latn", 0x41, 0x5A), ("Latn", 0x61, 0x7A), ("Latn", 0xAA, 0xAA), ("Latn", 0xBA, 0xBA), ("Latn", 0xC0, 0xD6),
    ("Latn", 0xD8, 0xF6), ("Latn", 0xF8, 0x2B8), ("Latn", 0x1D00, 0x1D25), ("Latn", 0x1E00, 0x1EFF), ("Latn", 0x2C60, 0x2C7F),
    ("Latn", 0xA722, 0xA7FF), ("Latn", 0xAB30, 0xAB64), ("Latn", 0xFB00, 0xFB06), ("Latn", 0xFF21, 0xFF3A),
    ("Latn", 0xFF41, 0xFF5A), ("Grek", 0x370, 0x373), ("Grek", 0x376, 0x377), ("Grek", 0x37B, 0x37D), ("Grek", 0x37F, 0x37F),
    ("Grek", 0x386, 0x386), ("Grek", 0x388, 0x3E1), ("Grek", 0x3F0, 0x3FF), ("Grek", 0x1F00, 0x1FFE), ("Copt", 0x2C80, 0x2CFF),
    ("Cyrl", 0x400, 0x52F), ("Cyrl", 0x1C80, 0x1C88), ("Cyrl", 0x2DE0, 0x2DFF), ("Cyrl", 0xA640, 0xA69F),
    ("Armn", 0x531, 0x58A), ("Armn", 0xFB13, 0xFB17), ("Hebr", 0x591, 0x5F4), ("Hebr", 0xFB1D, 0xFB4F), ("Arab", 0x610, 0x61A),
    ("Arab", 0x620, 0x63F), ("Arab", 0x641, 0x65F), ("Arab", 0x66E, 0x6DC), ("Arab", 0x6DE, 0x6FF), ("Arab", 0x750, 0x77F),
    ("Arab", 0x8A0, 0x8FF), ("Arab", 0xFB50, 0xFDFF), ("Arab", 0xFE70, 0xFEFC), ("Syrc", 0x700, 0x74F), ("Syrc", 0x860, 0x86A),
    ("Thaa", 0x780, 0x7B1), ("Nkoo", 0x7C0, 0x7FF), ("Samr", 0x800, 0x83E), ("Mand", 0x840, 0x85E), ("Deva", 0x900, 0x963),
    ("Deva", 0x966, 0x97F), ("Deva", 0xA8E0, 0xA8FF), ("Beng", 0x980, 0x9FE), ("Guru", 0xA01, 0xA76), ("Gujr", 0xA81, 0xAFF),
    ("Orya", 0xB01, 0xB77), ("Taml", 0xB82, 0xBFA), ("Telu", 0xC00, 0xC7F), ("Knda", 0xC80, 0xCF3), ("Mlym", 0xD00, 0xD7F),
    ("Sinh", 0xD81, 0xDF4), ("Thai", 0xE01, 0xE3A), ("Thai", 0xE40, 0xE5B), ("Laoo", 0xE81, 0xEDF), ("Tibt", 0xF00, 0xFDA),
    ("Mymr", 0x1000, 0x109F), ("Mymr", 0xA9E0, 0xA9FE), ("Mymr", 0xAA60, 0xAA7F), ("Geor", 0x10A0, 0x10FF),
    ("Geor", 0x1C90, 0x1CBF), ("Geor", 0x2D00, 0x2D2D), ("Hang", 0x1100, 0x11FF), ("Hang", 0x3131, 0x318E),
    ("Hang", 0xA960, 0xA97C), ("Hang", 0xAC00, 0xD7FB), ("Ethi", 0x1200, 0x139F), ("Ethi", 0x2D80, 0x2DDE),
    ("Ethi", 0xAB01, 0xAB2E), ("Cher", 0x13A0, 0x13FD), ("Cher", 0xAB70, 0xABBF), ("Cans", 0x1400, 0x167F),
    ("Cans", 0x18B0, 0x18F5), ("Khmr", 0x1780, 0x17F9), ("Khmr", 0x19E0, 0x19FF), ("Mong", 0x1810, 0x18AA),
    ("Tfng", 0x2D30, 0x2D7F), ("Hira", 0x3041, 0x309F), ("Kana", 0x30A1, 0x30FF), ("Kana", 0x31F0, 0x31FF),
    ("Kana", 0xFF66, 0xFF9D), ("Bopo", 0x3105, 0x312F), ("Hani", 0x3005, 0x3007), ("Hani", 0x3021, 0x3029),
    ("Hani", 0x3400, 0x4DBF), ("Hani", 0x4E00, 0x9FFF), ("Hani", 0xF900, 0xFAD9), ("Hani", 0x20000, 0x323AF),
    ("Yiii", 0xA000, 0xA4C6), ("Vaii", 0xA500, 0xA62B), ("Java", 0xA980, 0xA9DF), ("Olck", 0x1C50, 0x1C7F),
    ("Adlm", 0x1E900, 0x1E95F),
)  # fmt: skip

SCRIPTS: Final = (COMMON, *sorted({script for script, _, _ in _RANGES}), "Jpan")
"""Every code that `script_of` gives. `Jpan`: kana with or without Han."""

_KANA: Final = (SCRIPTS.index("Hira"), SCRIPTS.index("Kana"))
_HAN: Final = SCRIPTS.index("Hani")
_KANA_SHARE: Final = 20
"""Japanese text has more than one kana among so many ideographs."""


def _edges() -> tuple[np.ndarray, np.ndarray]:
    """First code points of stretches, and the number of the script of each."""
    starts, codes = [0], [0]
    for script, first, last in sorted(_RANGES, key=lambda one: one[1]):
        if starts[-1] == first:
            codes[-1] = SCRIPTS.index(script)
        else:
            starts.append(first)
            codes.append(SCRIPTS.index(script))
        starts.append(last + 1)
        codes.append(0)
    return np.array(starts, np.uint32), np.array(codes, np.int64)


_STARTS, _CODES = _edges()


def script_of(text: str) -> str:
    """ISO 15924's code of the script of most letters of the text; `Zyyy` if it has none of a known script."""
    if text.isascii():
        return "Latn" if any(map(str.isalpha, text)) else COMMON
    points = np.frombuffer(text.encode("utf-32-le", "replace"), np.uint32)
    counts = np.bincount(_CODES[np.searchsorted(_STARTS, points, "right") - 1], minlength=len(SCRIPTS))
    counts[0] = 0
    kana = int(counts[_KANA[0]] + counts[_KANA[1]])
    if kana * _KANA_SHARE > counts[_HAN]:
        counts[-1] = kana + counts[_HAN]
        counts[[*_KANA, _HAN]] = 0
    best = int(np.argmax(counts))
    return SCRIPTS[best] if counts[best] else COMMON
