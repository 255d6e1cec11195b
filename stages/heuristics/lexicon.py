"""English strings that the word splitter keeps whole or cuts at fixed places, and hashed word lists for kernels.

Source: what spaCy 3.8's English tokenizer does with contractions, abbreviations and emoticons (spacy/lang/en/
tokenizer_exceptions.py); datatrove 0.10.1 counts these tokens. Checked against spaCy in tests where it is installed.
"""

from collections.abc import Iterable
from functools import lru_cache
from itertools import product
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from curricle.schemas.rule_sets import fineweb2_stop_words
from curricle.stages.heuristics.word_splitter import FILTER_BITS, LONGEST_SPECIAL, SPECIAL_SLOTS
from curricle.stages.heuristics.words import STOP_SLOTS

_SPREAD, _MASK = 0xD6E8FEB86659FD93, (1 << 64) - 1

STOP_WORDS = ("the", "be", "to", "of", "and", "that", "have", "with")
"""Gopher's (arXiv 2112.11446, appendix A.1)."""

_ABBREVIATIONS = (
    "Mt. Ak. Ala. Apr. Ariz. Ark. Aug. Calif. Colo. Conn. Dec. Del. Feb. Fla. Ga. Ia. Id. Ill. Ind. Jan. Jul. Jun. Kan. "
    "Kans. Ky. La. Mar. Mass. Mich. Minn. Miss. N.C. N.D. N.H. N.J. N.M. N.Y. Neb. Nebr. Nev. Nov. Oct. Okla. Ore. Pa. "
    "S.C. Sep. Sept. Tenn. Va. Wash. Wis. a.m. Adm. Bros. co. Co. Corp. D.C. Dr. e.g. E.g. E.G. Gen. Gov. i.e. I.e. I.E. "
    "Inc. Jr. Ltd. Md. Messrs. Mo. Mont. Mr. Mrs. Ms. p.m. Ph.D. Prof. Rep. Rev. Sen. St. vs. v.s. C++ and/or w/o o'clock "
    "O'clock ma'am Ma'am ' '' ä. ö. ü."
)
_EMOTICONS = (
    ":) :( :D ;) :P :p :O :o :/ :| :* :3 :0 :1 :X :x :} :] :> ): (: (; (= =) =( =D =| =[ =] =/ =3 [= ]= [: :)) :(( :))) :((( "
    ":-) :-( :-D ;-) :-P :-p :-/ :-| :-* :-O :-o :-0 :-3 :-X :-x :-} :-] :-> :-)) :-(( (-: (-; [-: ;D ;-D 8) 8-) 8D 8-D (-8 "
    ":') :'( :'-) :'-( xD XD xDD XDD <3 <33 <333 </3 >.< >.> <.< >:( >:o ^_^ ^__^ ^___^ (^_^) -_- -__- (-_-) (>_<) (*_*) (._.) "
    "._. o_o O_O o_O O_o o.o O.O o.O O.o 0_0 0.0 o_0 0_o o.0 0.o @_@ v_v V_V v.v V.V ;_; :() (o: :o)"
)
_KEPT_TAILS = "'s 'S ‘s ‘S 're 'll 'd 'em 'nuff 'Cause 'cause 'cos 'Cos 'coz 'Coz 'cuz 'Cuz 'bout ol' Ol'"
_DROPPED_G = "doin goin nothin nuthin somethin lovin havin"
_NEVER_CUT = frozenset(
    [
        "ill",
        "Ill",
        "its",
        "Its",
        "hell",
        "Hell",
        "shell",
        "Shell",
        "shed",
        "Shed",
        "were",
        "Were",
        "well",
        "Well",
        "whore",
        "Whore",
    ]
)

_UNITS = (
    "km km² km³ m m² m³ dm dm² dm³ cm cm² cm³ mm mm² mm³ ha µm nm yd in ft kg g mg µg t lb oz m/s km/h kmh mph hPa Pa mbar mb "
    "MB kb KB gb GB tb TB T G M K % км км² км³ м м² м³ дм дм² дм³ см см² см³ мм мм² мм³ нм кг г мг м/с км/ч кПа Па Кб КБ кб "
    "Мб МБ мб Гб ГБ гб Тб ТБ тб كم كم² كم³ م م² م³ سم سم² سم³ مم مم² مم³ جم كغ ملغ كوب"
)

_PRONOUNS = "i you he she it we they"
_QUESTION_WORDS = "who what when where why how there that this these those"
_NEGATED_MODALS = "ca could do does did had may might must need ought sha should wo would"
_NEGATED = "ai are is was were have has dare"
_HAVE = "could might must should would"
_FIXED = "can|not gon|na got|ta not|'ve i|'m i|'m|a it|'s he|'s she|'s you|'re we|'re they|'re i|'ve you|'ve we|'ve they|'ve"
_WITH_APOSTROPHE = "how|'d|'y c'm|on let|'s °|c|. °|f|. °|k|. °|C|. °|F|. °|K|."


def _stems() -> Iterable[str]:
    """Contractions in lower case, cut with |; with apostrophes and, in a second spelling, without."""
    for word, end in product((*_PRONOUNS.split(), *_QUESTION_WORDS.split()), ("'ll", "'ll|'ve", "'d", "'d|'ve")):
        yield f"{word}|{end}"
    for word, end in product(_QUESTION_WORDS.split(), ("'s", "'re", "'ve")):
        if (word, end) not in {("this", "'re"), ("this", "'ve"), ("that", "'re"), ("that", "'ve")} and not (
            word in {"these", "those"} and end == "'s"
        ):
            yield f"{word}|{end}"
    for word, end in product(_NEGATED_MODALS.split(), ("n't", "n't|'ve")):
        yield f"{word}|{end}"
    yield from (f"{word}|n't" for word in _NEGATED.split())
    yield from (f"{word}|'ve" for word in _HAVE.split())


def special_strings() -> dict[str, tuple[str, ...]]:
    """String -> the words it stands for (one: the string is kept whole)."""
    special: dict[str, tuple[str, ...]] = {}

    def add(cut: str) -> None:
        for spelled in {cut, cut[:1].upper() + cut[1:]}:
            for string in (spelled, spelled.replace("'", "’")):
                special[string.replace("|", "")] = tuple(part for part in string.split("|") if part)

    for cut in (*_stems(), *_FIXED.split()):
        add(cut)
        add(cut.replace("'", ""))
    for cut in _WITH_APOSTROPHE.split():
        add(cut)
    special |= {"y'all": ("y'", "all"), "y’all": ("y’", "all")}
    for word in _NEVER_CUT:
        special.pop(word, None)
    for hour, half in product(range(1, 13), ("a.m.", "am", "p.m.", "pm")):
        special[f"{hour}{half}"] = (str(hour), half)
    kept = [*_ABBREVIATIONS.split(), *_EMOTICONS.split(), *_KEPT_TAILS.split(), *(f"{c}." for c in "abcdefghijklmnopqrstuvwxyz")]
    kept += [spelled for word in _DROPPED_G.split() for spelled in (f"{word}'", f"{word.capitalize()}'")]
    for string in (*kept, *(string.replace("'", "’") for string in kept)):
        special[string] = (string,)
    return {string: parts for string, parts in special.items() if len(string.encode()) <= LONGEST_SPECIAL}


def unit_keys() -> npt.NDArray[np.int64]:
    """Units of measure that are split off after a digit, each as the big-endian integer of its bytes, of which there are at most
    seven.
    """
    return np.array([int.from_bytes(unit.encode()) for unit in _UNITS.split() if len(unit.encode()) < 8], np.int64)


def hash_bytes(data: bytes) -> int:
    """The hash that kernels give `data` (bytes64.pxd)."""
    value = len(data)
    for start in range(0, len(data), 8):
        value = ((value ^ int.from_bytes(data[start : start + 8], "little")) * _SPREAD) & _MASK
        value ^= value >> 32
    return value


def hash_table(entries: dict[int, int], slots: int) -> npt.NDArray[np.uint64]:
    """Open addressing with linear probes from the hash's top bits: uint64 (slots, 2), key and value; value 0 is empty.

    Raises ValueError if the table would be more than half full.
    """
    if 2 * len(entries) > slots:
        raise ValueError(f"{len(entries)} entries in a table of {slots} slots")
    table = np.zeros((slots, 2), np.uint64)
    for key, value in entries.items():
        slot = key >> (64 - (slots - 1).bit_length())
        while table[slot, 1]:
            slot = (slot + 1) % slots
        table[slot] = key, value
    return table


def special_table() -> npt.NDArray[np.uint64]:
    """Hash of a special string -> lengths in bytes of its words, 8 bits each, the first word lowest; uint64 (SPECIAL_SLOTS, 2).

    A filter of 2**FILTER_BITS bits follows, one for each value of a hash's top bits: most words are not special.
    """
    entries: dict[int, int] = {}
    for string, parts in special_strings().items():
        entries[hash_bytes(string.encode())] = sum(len(part.encode()) << (8 * n) for n, part in enumerate(parts))
    table = hash_table(entries, SPECIAL_SLOTS)
    filter_bits = np.zeros(1 << FILTER_BITS, np.uint8)
    filter_bits[[key >> (64 - FILTER_BITS) for key in entries]] = 1
    words = np.packbits(filter_bits, bitorder="little").view("<u8").astype(np.uint64)
    return np.vstack([table, words.reshape(-1, 2)])


class Lexicon(NamedTuple):
    """What the word splitter knows of English."""

    special: npt.NDArray[np.uint64]
    units: npt.NDArray[np.int64]


@lru_cache(maxsize=1)
def lexicon() -> Lexicon:
    """The special strings and units of measure."""
    return Lexicon(special_table(), unit_keys())


@lru_cache(maxsize=1)
def stop_tables() -> tuple[dict[str, int], npt.NDArray[np.uint64]]:
    """Language -> number of its list, and the lists: hash -> 1-based number of the word; uint64 (lists, STOP_SLOTS, 2).

    List 0 is Gopher's English one, the others are FineWeb2's.
    """
    lists = {"en": STOP_WORDS, **fineweb2_stop_words()}
    tables = [
        hash_table({hash_bytes(word.encode()): n for n, word in enumerate(words, 1)}, STOP_SLOTS) for words in lists.values()
    ]
    return {language: n for n, language in enumerate(lists)}, np.stack(tables)
