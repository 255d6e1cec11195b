"""Kernels reject arguments of the wrong type or size instead of reading or writing out of bounds."""

import numpy as np
import pytest

from curricle.stages.heuristics import dolma_lines, ngrams, segments, whitespace_ngrams, whitespace_words, words
from curricle.stages.heuristics.dolma_lines import measure_dolma
from curricle.stages.heuristics.lexicon import lexicon, stop_tables
from curricle.stages.heuristics.nemo_lines import measure_nemo
from curricle.stages.heuristics.texts import SPARE, WORD, Texts
from curricle.stages.heuristics.unicode_tables import tables
from curricle.stages.heuristics.word_splitter import split_words

TEXT = b"one two three one two three"
DATA = np.frombuffer(TEXT + bytes(SPARE), np.uint8)
SIZE = len(TEXT)
TEXTS = Texts(DATA, np.array([0, SIZE]))
STOPS = stop_tables()[1]


def integers(*shape):
    return np.zeros(shape, np.int64)


def some_words(count):
    return np.zeros(count, WORD)


def split(texts=TEXTS, english=1, room=SIZE, first=2, characters=None):
    split_words(texts, np.ones(english, np.uint8), characters or tables(), lexicon(), some_words(room), integers(first))


def split_at_whitespace(room=SIZE, first=2, columns=whitespace_words.MEASURES, stop_table=STOPS[0]):
    whitespace_words.split_at_whitespace(TEXTS, tables(), stop_table, some_words(room), integers(first), integers(1, columns))


def lines(rows=1, columns=segments.MEASURES, kept=SIZE + 1, cited=SIZE):
    segments.measure_lines(TEXTS, tables(), integers(rows, columns), integers(kept, 3), np.zeros(cited, np.uint8))


def count(first=(0, 2), lists=(0,), columns=words.MEASURES):
    words.count_words(some_words(2), np.array(first), STOPS, np.array(lists), integers(1, columns))


def outside():
    found = some_words(1)
    found["start"], found["size"] = SIZE, 1
    return found


TOO_SMALL = {
    "text without spare bytes": (lambda: split(Texts(DATA[:-1], TEXTS.offsets)), "offsets must be ascending"),
    "descending offsets": (lambda: split(Texts(DATA, np.array([5, 0]))), "offsets must be ascending"),
    "negative offsets": (lambda: split(Texts(DATA, np.array([-1, 5]))), "offsets must be ascending"),
    "no offsets": (lambda: split(Texts(DATA, integers(0))), "offsets must be ascending"),
    "too few pages": (lambda: split(characters=tables()._replace(pages=tables().pages[:-1])), "8191 pages"),
    "too few flags": (lambda: split(characters=tables()._replace(flags=tables().flags[:256])), "flags has 256 rows"),
    "english": (lambda: split(english=0), "english has 0 rows, 1 are needed"),
    "words": (lambda: split(room=SIZE - 1), "words has 26 rows, 27 are needed"),
    "first": (lambda: split(first=1), "first has 1 rows, 2 are needed"),
    "words of str.split": (lambda: split_at_whitespace(room=13), "words has 13 rows, 14 are needed"),
    "first of str.split": (lambda: split_at_whitespace(first=1), "first has 1 rows"),
    "columns of str.split": (lambda: split_at_whitespace(columns=8), "out has 8 columns, 9 are needed"),
    "stop table": (lambda: split_at_whitespace(stop_table=STOPS[0][:63]), "stop_table has 63 rows"),
    "rows of lines": (lambda: lines(rows=0), "out has 0 rows"),
    "columns of lines": (lambda: lines(columns=19), "out has 19 columns"),
    "kept lines": (lambda: lines(kept=27), "kept has 27 rows"),
    "cited lines": (lambda: lines(cited=26), "cited has 26 rows"),
    "NeMo Curator's lines": (lambda: measure_nemo(TEXTS, tables(), integers(1, 18)), "out has 18 columns"),
    "Dolma's lines": (lambda: measure_dolma(TEXTS, tables(), integers(0, dolma_lines.MEASURES)), "out has 0 rows"),
    "words outside `words`": (lambda: count(first=(0, 3)), "first must be ascending, from at least 0 to at most 2"),
    "unknown stop table": (lambda: count(lists=(len(STOPS),)), "there is no stop table"),
    "columns of words": (lambda: count(columns=5), "out has 5 columns"),
    "a word outside the text": (
        lambda: ngrams.count_ngrams(DATA, outside(), integers(2), integers(1, ngrams.SIZES)),
        "the words must be in order",
    ),
    "n-grams": (lambda: ngrams.count_ngrams(DATA, some_words(0), integers(2), integers(1, 8)), "out has 8 columns"),
    "n-grams of str.split": (
        lambda: whitespace_ngrams.count_whitespace_ngrams(some_words(0), integers(2), integers(1, 8, 3)),
        "out has 8 columns",
    ),
    "an n-gram outside its document": (
        lambda: whitespace_ngrams.count_copies(
            DATA, some_words(2), np.array([0, 2]), np.ones((1, 9, 3), np.int64), integers(1, 3)
        ),
        "outside its document",
    ),
    "sentences": (
        lambda: words.count_sentences(DATA, some_words(0), integers(2), integers(2), integers(1)),
        "out has 1 rows, 2 are needed",
    ),
}


@pytest.mark.parametrize(("call", "message"), TOO_SMALL.values(), ids=TOO_SMALL)
def test_an_argument_of_the_wrong_size_is_rejected(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_arguments_of_another_type_are_rejected():
    with pytest.raises(ValueError, match="Buffer dtype mismatch"):
        measure_dolma(TEXTS, tables(), np.zeros((1, dolma_lines.MEASURES)))
    with pytest.raises(ValueError, match="wrong number of dimensions"):
        measure_dolma(TEXTS, tables(), integers(dolma_lines.MEASURES))


def test_bytes_that_are_not_valid_utf_8_are_survived():
    data = np.frombuffer(b"\xff\xff\xff\xff \xf7\xbf\xbf\xbf a" + bytes(SPARE), np.uint8)
    out = integers(1, dolma_lines.MEASURES)
    measure_dolma(Texts(data, np.array([0, 11])), tables(), out)
    assert out[0, dolma_lines.LINES] == 1


def broken_texts():
    """Documents of bytes that are no UTF-8: characters that are cut off, and continuation bytes without a start."""
    random = np.random.default_rng(15)
    pieces = [
        b"\x80",
        b"\xbf\xbf",
        b"\xf0",
        b"\xe2\x80",
        b"\xf0\x9f",
        b"a",
        b"Ab1",
        b" ",
        b"\n",
        b".",
        b"-",
        b"(",
        b"\xc2\xa0",
        b"\xe2\x80\xa6",
    ]
    return [b"".join(pieces[k] for k in random.integers(0, len(pieces), size)) for size in random.integers(1, 9, 4000)]


@pytest.mark.parametrize("split_text", ["spaCy", "str.split"])
def test_words_of_text_that_is_not_utf_8_lie_inside_their_document(split_text):
    for text in broken_texts():
        data = np.frombuffer(b"a\xf0" + text + b"\xa9)'s" + bytes(SPARE), np.uint8)
        texts, first = Texts(data, np.array([2, 2 + len(text)])), integers(2)
        found = some_words(len(text) + 4)
        found["size"] = 99
        if split_text == "spaCy":
            split_words(texts, np.ones(1, np.uint8), tables(), lexicon(), found, first)
        else:
            out = integers(1, whitespace_words.MEASURES)
            whitespace_words.split_at_whitespace(texts, tables(), STOPS[0], found, first, out)
        assert first[1] <= len(text), text
        assert (found["size"][len(text) :] == 99).all(), text
        starts, ends = (found[field][: first[1]].astype(np.int64) for field in ("start", "size"))
        ends += starts
        assert (starts >= 2).all(), text
        assert (ends <= 2 + len(text) + 3).all(), text


def test_lines_of_continuation_bytes_at_the_start_of_the_text_are_measured_alone():
    text = b"\x80\x80\n\xbf\xbf\xbf"
    rows = []
    for before in (b"", b"\xe2\x80"):
        data = np.frombuffer(before + text + bytes(SPARE), np.uint8)
        texts = Texts(data, np.array([len(before), len(before) + len(text)]))
        nemo, dolma, datatrove = integers(1, 19), integers(1, dolma_lines.MEASURES), integers(1, segments.MEASURES)
        measure_nemo(texts, tables(), nemo)
        measure_dolma(texts, tables(), dolma)
        segments.measure_lines(texts, tables(), datatrove, integers(99, 3), np.zeros(99, np.uint8))
        rows.append([*nemo[0], *dolma[0], *datatrove[0]])
    assert rows[0] == rows[1]
