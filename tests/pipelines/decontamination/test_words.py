"""The normal form of words: what does not matter, what does, and the kernel against a plain twin."""

import unicodedata

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curricle.pipelines.decontamination.folding import ALONE_RANGES, TABLE
from curricle.pipelines.decontamination.words import find_words


def hashes(text: str) -> list[int]:
    return find_words(pa.array([text])).hashes.tolist()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param("The sky, is blue.", "the  sky\nis BLUE", id="case, spaces, punctuation"),
        pytest.param("café", "cafe\u0301", id="composed or not"),
        pytest.param("café", "CAFE", id="accents"),
        pytest.param("ﬁne", "fine", id="ligature"),
        pytest.param("ｆｕｌｌ １２", "full 12", id="width"),
        pytest.param("Straße", "STRASSE", id="sharp s"),
        pytest.param("exam\u00adple", "example", id="soft hyphen"),
        pytest.param("don't", "don’t", id="apostrophe"),
        pytest.param("İstanbul", "istanbul", id="dotted I"),
        pytest.param("漢字", "漢 字", id="ideographs are words"),
    ],
)
def test_what_does_not_matter(one, other):
    assert hashes(one) == hashes(other)


@pytest.mark.parametrize(("one", "other"), [("12", "21"), ("ab cd", "abc d"), ("word", "words"), ("漢字", "字漢"), ("x", "𠀀")])
def test_what_matters(one, other):
    assert hashes(one) != hashes(other)


def words_of(text: str) -> list[tuple[str, int, int]]:
    """The words of a text, folded, with first byte and end: the plain twin of the kernel."""
    found: list[tuple[str, int, int]] = []
    word, start, position, end = "", -1, 0, 0
    for character in text:
        size = len(character.encode())
        category = unicodedata.category(character)
        code = ord(character)
        if category in ("Mn", "Me", "Mc", "Cf") and code < TABLE:
            position += size
            continue
        letter = category[0] in "LN" if code < TABLE else code <= 0x3FFFD
        alone = code >= TABLE or any(first <= code <= last for first, last in ALONE_RANGES)
        if word and (not letter or alone):
            found.append((word, start, position))
            word = ""
        if letter:
            parts = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", character).casefold())
            folded = "".join(part for part in parts if unicodedata.category(part)[0] in "LN")[:4] or character
            folded = folded if code < TABLE else character
            if alone:
                found.append((folded, position, position + size))
            else:
                start = start if word else position
                word += folded
        position += size
        end = position
    return [*found, (word, start, len(text.encode()))] if word else found if end >= 0 else []


ALPHABET = st.sampled_from("aB1 ,.-\n'éßİﬁ½ñ\u0301\u00ad\u200d漢かﾊท๐يका𠀀😀Ω²")


@given(st.lists(st.text(ALPHABET, max_size=30), max_size=6))
def test_the_kernel_splits_as_its_twin_does(texts):
    found = find_words(pa.array(texts, pa.string()))
    known: dict[int, str] = {}
    for number, text in enumerate(texts):
        own = slice(found.offsets[number], found.offsets[number + 1])
        expected = words_of(text)
        places = list(zip(found.starts[own].tolist(), found.ends[own].tolist(), strict=True))
        assert [word[1:] for word in expected] == places
        for (word, _, _), hashed in zip(expected, found.hashes[own].tolist(), strict=True):
            assert known.setdefault(hashed, word) == word


def test_empty_texts_and_nulls_have_no_words():
    found = find_words(pa.array(["", None, "a b", " "]))
    assert found.offsets.tolist() == [0, 0, 0, 2, 2]
    assert find_words(pa.array([], pa.string())).offsets.tolist() == [0]


def test_a_text_does_not_depend_on_its_neighbors():
    long = "word " * 100_000
    found = find_words(pa.array([long, "one two", long]))
    assert found.of(1).tolist() == hashes("one two")
