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


def normal_words(texts: pa.StringArray) -> Iterator[Words]:
    """The words of groups of texts; the arrays are those of the next group, too."""
    return word_groups(texts, folding(marks=True))


def short_key(text: str) -> tuple[int, int]:
    """The exact key of a text of few words, in which symbols count too: `C++` is not `C#`. Without any, its bytes are the key."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    kept = "".join(" " if unicodedata.category(character)[0] in "PZ" else character for character in folded)
    form = " ".join(kept.split())
    digest = hashlib.blake2b(form.encode() if form else b"\0" + text.encode(), digest_size=16).digest()
    high, low = np.frombuffer(digest, "<u8").tolist()
    return high, low
