"""The word splitter: spaCy's words where its rules apply, and consistent words everywhere."""

from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curricle.stages.heuristics.characters import ALPHA, PUNCTUATION, SYMBOL, TERMINAL
from curricle.stages.heuristics.lexicon import hash_bytes, lexicon
from curricle.stages.heuristics.measures import scratch_for, split
from curricle.stages.heuristics.texts import SPARE, WORD, Texts, text_groups
from curricle.stages.heuristics.unicode_tables import tables
from curricle.stages.heuristics.word_splitter import split_words

NOT_SYMBOL, HAS_ALPHA, IS_PUNCTUATION, IS_STOP = 1, 2, 4, 8


def words_of(text: str, english: bool = True) -> list[tuple[str, int, int, int]]:
    """(word, hash, characters, flags) of each word."""
    [group] = text_groups(pa.array([text]))
    words, first = split(group, np.array([english], np.uint8), scratch_for([group]))
    assert first.tolist() == [0, len(words)]
    data = text.encode()
    return [(data[start : start + size].decode(), hashed, chars, flags) for hashed, chars, flags, start, size in words.tolist()]


def strings(text: str, english: bool = True) -> list[str]:
    return [word for word, *_ in words_of(text, english)]


RULES = {
    "sentence": "The fox, quick as it was, jumped.",
    "brackets and quotes at both ends": "(“Is this it?”) she asked [twice] {or more}",
    "contractions": "I'm sure they don't know it's ours; we’ll see, y'all shouldn't've. Let's!",
    "contractions without an apostrophe": "im dont cant wont lets its hell gonna",
    "genitives": "the fox's tail, the FOX'S tail, the fox’s tail, the foxes' tails",
    "abbreviations": "Mr. Smith vs. Dr. Jones, e.g. at 5 p.m. in N.Y. or Calif. etc.",
    "full stops after capitals": "in the USA. or the UK. or at B. A. Baracus",
    "full stops after digits and marks": "in 1999. at 5%. (so). 20°C. and 7°F.",
    "single letters": "a. b. A. z.",
    "units": "5km 10kg 3.5GB 20% 7m² 12ft 5xyz km",
    "currencies": "$5 5$ US$5 5US$ A$3 C$4 £20 20€ B$5",
    "plus signs": "+5 +a 5+ a+ C++ 3+4 3*-4 5^2",
    "hyphens": "well-known a--b a---b a----b -a a- 1-2 a-1 mother–child mother—child mother——child",
    "ellipses": "wait... what..is this.... well…no……yes",
    "commas and colons between letters": "a,b A,b 1,000 a:b 1:2 a/b a=b a<b a>b 1/2",
    "full stops between words": 'end.Start end.start End.Start it."He 3.5 a.b.',
    "addresses": "http://example.com/a?b=c www.example.co.uk me@example.org example.com:8080/x example.com:1 -x.com http://x",
    "addresses with marks": "(see https://example.org/a_b.) mailto:me@example.com, a..b.com x.Com",
    "emoticons": ":) :-( 8) 8-) <3 ^_^ (:",
    "emoji": "nice😀 😀😀 ok🎉done",
    "tildes": "a~b 1~2",
}


@pytest.fixture(scope="module")
def spacy_words():
    spacy = pytest.importorskip("spacy", reason="compares with spaCy's tokenizer")
    tokenizer = spacy.blank("en").tokenizer
    return lambda text: [token.text for token in tokenizer(text) if not token.text.isspace()]


@pytest.mark.parametrize("text", RULES.values(), ids=RULES)
def test_words_are_those_of_spacy(spacy_words, text):
    assert strings(text) == spacy_words(text)


def test_contractions_without_an_apostrophe_are_cut_in_english_only():
    text = "im dont, cant."
    assert strings(text) == ["i", "m", "do", "nt", ",", "ca", "nt", "."]
    assert strings(text, english=False)[:2] == ["im", "do"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("今天天气很好，我们在家看书。", "今 天 天气很好 ， 我 们在 家看书 。", id="Han"),
        pytest.param("これはとてもよいものです", "こ れは とて もよい も の で す", id="kana"),
        pytest.param("เมื่อวานเราไปห้องสมุด", "เมื่ อว านเราไปห้ องสมุ ด", id="Thai"),
        pytest.param("ភាសាខ្មែរ", "ភាសាខ្មែរ", id="Khmer"),
        pytest.param("使用Python語言", "使 用 Python 語言", id="Latin between Han"),
    ],
)
def test_scripts_without_spaces_are_cut_into_pseudo_words(text, words):
    assert strings(text) == words.split()


PIECES = [
    *"aA1.,-'’()$€%+:/#…—é字ひกក\u0301 \n\t😀",
    *("n't", "im", "Mr.", "http://", "x.com", "km", "US$", "the", "...", "--", "℃", "°C.", "8)", "words", "International"),
]
texts = st.lists(st.sampled_from(PIECES), max_size=40).map("".join) | st.text(st.characters(codec="utf-8"), max_size=60)


@settings(max_examples=300, deadline=None)
@given(texts, st.booleans())
def test_the_words_are_the_text_without_white_space_and_know_their_hash_length_and_kind(text, english):
    words = words_of(text, english)
    pages, flags = tables()
    assert "".join(word for word, *_ in words) == "".join(text.split())
    for word, hashed, chars, kind in words:
        each = [int(flags[int(pages[ord(c) >> 8]) * 256 + (ord(c) & 255)]) for c in word]
        assert (hashed, chars) == (hash_bytes(word.encode()), len(word))
        assert kind == (
            NOT_SYMBOL * (not all(f & SYMBOL for f in each))
            | HAS_ALPHA * any(f & ALPHA for f in each)
            | IS_PUNCTUATION * all(f & PUNCTUATION for f in each)
            | IS_STOP * (len(word) == 1 and each[0] & TERMINAL > 0)
        )


@settings(max_examples=100, deadline=None)
@given(st.lists(texts, min_size=1, max_size=4))
def test_words_do_not_depend_on_the_documents_around(documents):
    data = "".join(documents).encode() + b"\xff" * SPARE
    ends = np.cumsum([0, *(len(document.encode()) for document in documents)])
    words, first = np.empty(len(data), WORD), np.empty(len(ends), np.int64)
    english = np.ones(len(documents), np.uint8)
    split_words(Texts(np.frombuffer(data, np.uint8), ends), english, tables(), lexicon(), words, first)
    found = [data[word["start"] : word["start"] + word["size"]].decode() for word in words[: first[-1]]]
    assert [found[a:b] for a, b in pairwise(first)] == [strings(document) for document in documents]
