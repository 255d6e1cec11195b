"""Counts over words, n-grams and sentences: equal to the published formulas in plain Python, over the splitter's own words."""

from collections import Counter
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curricle.schemas.rule_sets import fineweb2_stop_words
from curricle.stages.heuristics.lexicon import STOP_WORDS, stop_tables
from curricle.stages.heuristics.measures import scratch_for, split
from curricle.stages.heuristics.ngrams import SIZES, count_ngrams
from curricle.stages.heuristics.texts import text_groups
from curricle.stages.heuristics.words import MEASURES, count_sentences, count_words

NOT_SYMBOL, HAS_ALPHA, IS_PUNCTUATION, IS_STOP = 1, 2, 4, 8


def split_texts(texts):
    """(bytes, words, first word of each text, the words of each text as strings)."""
    [group] = text_groups(pa.array(texts))
    words, first = split(group, np.ones(len(texts), np.uint8), scratch_for([group]))
    data = bytes(group.data)
    strings = [data[word["start"] : word["start"] + word["size"]].decode() for word in words]
    return group.data, words, first, [strings[a:b] for a, b in pairwise(first)]


def top_chars(words: list[str], n: int) -> int:
    """datatrove's find_top_duplicate: the characters of the most frequent n-gram, joined by spaces, times its count."""
    [(ngram, count)] = Counter(" ".join(words[i : i + n]) for i in range(len(words) - n + 1)).most_common(1) or [("", 0)]
    return len(ngram) * count


def repeated_chars(words: list[str], n: int) -> int:
    """datatrove's find_all_duplicate."""
    seen, repeated, i = set(), 0, 0
    while i < len(words) - n + 1:
        ngram = "".join(words[i : i + n])
        if ngram in seen:
            repeated += len(ngram)
            i += n
        else:
            seen.add(ngram)
            i += 1
    return repeated


def count_by_formulas(words: list[str]) -> list[int]:
    return [top_chars(words, n) for n in (2, 3, 4)] + [repeated_chars(words, n) for n in range(5, 11)]


repetitive = st.lists(st.sampled_from(["a", "b", "the", "International", "é", "字", "."]), max_size=120).map(" ".join)
PROSE = "of all the words in this text some come again and some come again and some do not but all the words in this text do "


@settings(max_examples=300, deadline=None)
@given(st.lists(repetitive, min_size=1, max_size=4))
def test_ngrams_are_those_of_the_formulas(texts):
    data, words, first, strings = split_texts(texts)
    out = np.empty((len(texts), SIZES), np.int64)
    count_ngrams(data, words, first, out)
    assert out.tolist() == [count_by_formulas(each) for each in strings]


@pytest.mark.parametrize(
    "text",
    ["", "one", "one two", "a b a b a b a b a b a b", PROSE, PROSE * 9, "x " * 3000, " ".join(map(str, range(3000))) + PROSE * 2],
    ids=[
        "empty",
        "one word",
        "two words",
        "alternating",
        "prose",
        "prose repeated",
        "one word 3,000 times",
        "numbers, then prose",
    ],
)
def test_ngrams_of_a_text_are_those_of_the_formulas(text):
    data, words, first, [strings] = split_texts([text])
    out = np.empty((1, SIZES), np.int64)
    count_ngrams(data, words, first, out)
    assert out[0].tolist() == count_by_formulas(strings)


MIXED = st.lists(st.sampled_from(["the", "and", "und", "der", "have", "x", "42", "...", "#", "été", "字", "😀"]), max_size=50)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(MIXED.map(" ".join), st.sampled_from(["en", "deu_Latn", None])), min_size=1, max_size=4))
def test_words_are_counted_by_kind(rows):
    numbers, tables = stop_tables()
    german = next(language for language in fineweb2_stop_words() if language != "en")
    languages = [german if language == "deu_Latn" else language for _, language in rows]
    lists = np.array([-1 if language is None else numbers[language] for language in languages], np.int64)
    _, words, first, strings = split_texts([text for text, _ in rows])
    out = np.empty((len(rows), MEASURES), np.int64)
    count_words(words, first, tables, lists, out)
    expected = []
    for d, (each, language) in enumerate(zip(strings, languages, strict=True)):
        kinds = words[first[d] : first[d + 1]]["flags"]
        solid = [word for word, flags in zip(each, kinds, strict=True) if flags & NOT_SYMBOL]
        stops = fineweb2_stop_words()[language] if language not in (None, "en") else STOP_WORDS
        expected.append(
            [
                len(each),
                len(solid),
                sum(map(len, solid)),
                sum(any(map(str.isalpha, word)) for word in each),
                len(set(each) & set(STOP_WORDS)),
                len(set(each) & set(stops)),
            ]
        )
    assert out.tolist() == expected


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("", 0),
        ("One", 1),
        ("One. Two", 2),
        ("One. Two. ", 2),
        ("One?! Two!", 2),
        ('He said "no." Then he left.', 2),
        ("One.  Two", 2),
        ("One.\tTwo", 2),
        ("One . ) Two", 2),
        ("One .  )", 2),
        ("字。字", 2),
    ],
)
def test_sentences_are_counted_as_spacy_does(text, sentences):
    data, words, _, _ = split_texts([text])
    out = np.empty(1, np.int64)
    count_sentences(data, words, np.zeros(1, np.int64), np.array([len(text.encode())]), out)
    assert out.tolist() == [sentences]


def test_sentences_are_counted_line_by_line():
    text = "One. Two. Three.\nFour\nFive! Six"
    data, words, _, _ = split_texts([text])
    out = np.empty(2, np.int64)
    count_sentences(data, words, np.array([0, 22]), np.array([16, len(text)]), out)
    assert out.tolist() == [3, 2]
