"""What each Unicode code point means to the heuristics: 32 bits of flags (characters.pxd), in a two-level table for kernels.

Sources: the interpreter's `unicodedata` for categories, `str.isspace` and `str.splitlines` for white space; the sets of
punctuation, quotation marks and currency signs that spaCy 3.8's English tokenizer splits off (`spacy/lang/char_classes.py`);
datatrove 0.10.1's symbol and terminal punctuation sets (`datatrove/utils/text.py`).
"""

import sys
import unicodedata
from collections import defaultdict
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from curricle.stages.heuristics.characters import (
    ACTIVE,
    AFFIX,
    ALPHA,
    ALPHABETIC,
    BEFORE_STOP,
    BREAK,
    CURRENCY,
    DECIMAL,
    DIGIT,
    HAN,
    ICON,
    KANA,
    KHMER,
    LOWER,
    MARK,
    PAGES,
    PREFIX,
    PUNCTUATION,
    QUOTE,
    SPACE,
    SYMBOL,
    TERMINAL,
    THAI,
    UPPER,
)

_SPACY_PUNCTUATION = "…,:;!?¿؟¡()[]{}<>_#*&。？！，、；：～·।،۔؛٪"
_SPACY_QUOTES = "'\"”“`‘´’‚,„»«「」『』（）〔〕【】《》〈〉〈〉⟦⟧"
_SPACY_CURRENCY = "$£€¥฿₽﷼₴₠₡₢₣₤₥₦₧₨₩₪₫₭₮₯₰₱₲₳₵₶₷₸₹₺₻₼₾₿"
_JOINERS = ".-+*^:<>=/~—–"

_DATATROVE_SYMBOLS = "!/—”:％１〈&(、━\\【#%「」，】；+^]~“《„';’{|∶´[=-`*．（–？！：$～«〉,><》)?）。…@_.\"}►»"
_CONTROLS = (range(0, 9), range(11, 13), range(13, 32), range(127, 160))

# Sentence terminals of 90 scripts (Unicode Sentence_Terminal as datatrove and spaCy list them), as ranges of code points.
_TERMINALS = (
    "21 2e 3f 589 61d-61f 6d4 700-702 7f9 837 839 83d-83e 964-965 104a-104b 1362 1367-1368 166e 1735-1736 17d4-17d6 "
    "17d9-17da 1803 1809 1944-1945 1aa8-1aab 1b5a-1b5b 1b5e-1b5f 1b7d-1b7e 1c3b-1c3c 1c7e-1c7f 203c-203d 2047-2049 2e2e "
    "2e3c 2e53-2e54 3002 a4ff a60e-a60f a6f3 a6f7 a876-a877 a8ce-a8cf a92f a9c8-a9c9 aa5d-aa5f aaf0-aaf1 abeb fe52 "
    "fe56-fe57 ff01 ff0e ff1f ff61 10a56-10a57 10f55-10f59 10f86-10f89 11047-11048 110be-110c1 11141-11143 111c5-111c6 "
    "111cd 111de-111df 11238-11239 1123b-1123c 112a9 1144b-1144c 115c2-115c3 115c9-115d7 11641-11642 1173c-1173e 11944 "
    "11946 11a42-11a43 11a9b-11a9c 11c41-11c42 11ef7-11ef8 11f43-11f44 16a6e-16a6f 16af5 16b37-16b38 16b44 16e98 1bc9f 1da88"
)

# Blocks of the scripts that are written without spaces between words.
_UNSPACED_BLOCKS = (
    (HAN, "3005-3007 3021-3029 3400-4dbf 4e00-9fff f900-faff 20000-323af"),
    (KANA, "3041-3096 309d-309f 30a1-30fa 30fc-30ff 31f0-31ff ff66-ff9f"),
    (THAI, "e01-e3a e40-e4e e81-ecf"),
    (KHMER, "1780-17d3 1000-1049 1050-109d"),
)


_CIRCLED_LETTERS = "24b6-24e9 1f130-1f149 1f150-1f169 1f170-1f189"
# Accents, variation selectors and other marks without that property; the rest of the marks have it, except most viramas, nuktas
# and tone marks, which matter only in a word without any letter.
_PLAIN_MARKS = "300-344 346-362 483-487 1ab0-1abe 1dc0-1dd2 1df5-1dff 20d0-20f0 302a-302f fe00-fe0f fe20-fe2f e0100-e01ef"


class Tables(NamedTuple):
    """`flags[pages[c >> 8] * 256 + (c & 255)]` are the flags of code point c; pages uint16 (PAGES,), flags uint32."""

    pages: npt.NDArray[np.uint16]
    flags: npt.NDArray[np.uint32]


def _ranges(text: str) -> list[int]:
    """Code points of a list such as "21 2e 61d-61f"."""
    points: list[int] = []
    for part in text.split():
        first, _, last = part.partition("-")
        points.extend(range(int(first, 16), int(last or first, 16) + 1))
    return points


def _category_flags() -> npt.NDArray[np.uint32]:
    """Flags that follow from the category, for all code points; planes 4 to 13 are unassigned and are skipped."""
    meaning = {"Ll": ALPHA | LOWER, "Lu": ALPHA | UPPER, "So": ICON | AFFIX, "Nd": DECIMAL, "Nl": ALPHABETIC}
    meaning |= dict.fromkeys(("Lt", "Lm", "Lo"), ALPHA | LOWER | UPPER)
    meaning |= {"Me": MARK | LOWER | UPPER, **dict.fromkeys(("Mn", "Mc"), MARK | LOWER | UPPER | ALPHABETIC)}
    meaning |= dict.fromkeys(("Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po"), PUNCTUATION)
    categories = sorted(meaning)
    numbers = defaultdict(lambda: len(categories), {category: n for n, category in enumerate(categories)})
    values = np.array([*(meaning[category] for category in categories), 0], np.uint32)
    flags = np.zeros(sys.maxunicode + 1, np.uint32)
    for start, end in ((0, 0x40000), (0xE0000, 0xE1000)):
        codes = bytes(map(numbers.__getitem__, map(unicodedata.category, map(chr, range(start, end)))))
        flags[start:end] = values[np.frombuffer(codes, np.uint8)]
    return flags


@lru_cache(maxsize=1)
def tables() -> Tables:
    """The table of this interpreter's Unicode version; takes about 60 ms on the first call."""
    flags = _category_flags()

    def mark(characters: str | list[int], flag: int) -> None:
        points = [ord(c) for c in characters] if isinstance(characters, str) else characters
        flags[points] |= np.uint32(flag)

    mark([c for c in range(0x3001) if chr(c).isspace()], SPACE)
    mark([c for c in range(0x202A) if chr(c) in "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"], BREAK)
    mark(_ranges(_TERMINALS), TERMINAL | SYMBOL)
    mark(_DATATROVE_SYMBOLS, SYMBOL)
    mark([c for block in _CONTROLS for c in block], SYMBOL)
    mark(_SPACY_PUNCTUATION + _SPACY_QUOTES + "—–", AFFIX)
    mark(_SPACY_QUOTES, QUOTE)
    mark(_SPACY_CURRENCY, CURRENCY | PREFIX)
    mark("§%=", PREFIX)
    mark("0123456789", DIGIT)
    mark("0123456789%²-+|?:()" + _SPACY_PUNCTUATION + _SPACY_QUOTES, BEFORE_STOP)
    flags[0x590:0xE00][(flags[0x590:0xE00] & MARK) != 0] |= np.uint32(LOWER | UPPER)  # vowel signs inside a word
    flags[[ord("ª"), ord("º")]] = ALPHA
    mark(_ranges(_CIRCLED_LETTERS), ALPHABETIC)
    flags[_ranges(_PLAIN_MARKS)] &= ~np.uint32(ALPHABETIC)
    flags[(flags & LOWER) != 0] |= np.uint32(BEFORE_STOP)
    mark(_JOINERS, ACTIVE)
    flags[(flags & (AFFIX | PREFIX | CURRENCY)) != 0] |= np.uint32(ACTIVE)
    for script, blocks in _UNSPACED_BLOCKS:
        mark(_ranges(blocks), script)
    numbers: dict[bytes, int] = {}  # a distinct block of 256 code points -> its page
    pages = [numbers.setdefault(block.tobytes(), len(numbers)) for block in flags.reshape(-1, 256)]
    pages += [0] * (PAGES - len(pages))  # for bytes that are not valid UTF-8
    return Tables(np.array(pages, np.uint16), np.frombuffer(b"".join(numbers), np.uint32))
