"""The normal form in which texts are compared: case, punctuation, spaces, line ends and the Unicode form do not matter.

Words are those of decontamination, but accents and vowel signs count: texts that differ in them say different things.
"""

import hashlib
import unicodedata
from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from curricle.pipelines.decontamination.folding import folding
from curricle.pipelines.decontamination.words import Words, word_groups

SHINGLE_WORDS = 5
"""Words of a shingle; shorter texts are only compared as a whole (`SEED_WORDS` in decontamination/seeds.pxd)."""


LOOSE_MARKS = ("\u3099", "\u309a", "\uff9e", "\uff9f", "\u102e")
"""Marks of scripts whose characters are words of their own: voiced kana, also of half width, and the Burmese vowel ii. Where one
can be part of the character before it, it must not be a word beside it."""


def composed(texts: pa.StringArray) -> pa.StringArray:
    """The texts without nulls; those with loose marks in the form NFKC, in which marks are part of their characters."""
    texts = texts.fill_null("")
    loose = _with_loose_marks(texts)
    if not loose:
        return texts
    values = texts.to_pylist()
    for number in loose:
        values[number] = unicodedata.normalize("NFKC", values[number])
    return pa.array(values, pa.string())


def _with_loose_marks(texts: pa.StringArray) -> list[int]:
    """Numbers of the texts that hold a loose mark. All of the marks have three bytes."""
    _, starts, data = texts.buffers()
    if data is None or not len(texts):
        return []
    offsets = np.frombuffer(starts, np.int32)[texts.offset : texts.offset + len(texts) + 1]
    text = np.frombuffer(data, np.uint8)[offsets[0] : offsets[-1]]
    marks = [mark.encode() for mark in LOOSE_MARKS]
    found = []
    for lead in sorted({mark[0] for mark in marks}):
        places = np.flatnonzero(text[:-2] == lead)
        rest = text[places + 1].astype(np.uint16) << 8 | text[places + 2]
        found.append(places[np.isin(rest, [int.from_bytes(mark[1:], "big") for mark in marks if mark[0] == lead])])
    places = np.concatenate(found) + offsets[0]
    return np.unique(np.searchsorted(offsets, places, side="right") - 1).tolist()


def normal_words(texts: pa.StringArray) -> Iterator[Words]:
    """The words of groups of texts, which are `composed`; the arrays are those of the next group, too."""
    return word_groups(texts, folding(marks=True))


def short_key(text: str) -> tuple[int, int]:
    """The exact key of a text of few words, in which symbols count too: `C++` is not `C#`. Without any, its bytes are the key."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    kept = "".join(" " if unicodedata.category(character)[0] in "PZ" else character for character in folded)
    form = " ".join(kept.split())
    digest = hashlib.blake2b(form.encode() if form else b"\0" + text.encode(), digest_size=16).digest()
    high, low = np.frombuffer(digest, "<u8").tolist()
    return high, low
