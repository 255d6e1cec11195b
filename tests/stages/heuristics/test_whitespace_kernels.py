"""Small cases of the kernels over words of `str.split` and NeMo Curator's lines that need no other library."""

import numpy as np

from curricle.stages.heuristics import dolma_lines, nemo_lines, whitespace_ngrams, whitespace_words
from curricle.stages.heuristics.lexicon import hash_bytes, stop_tables
from curricle.stages.heuristics.texts import SPARE, WORD, Texts
from curricle.stages.heuristics.unicode_tables import tables


def texts(*documents):
    data = np.frombuffer(b"".join(documents) + bytes(SPARE), np.uint8)
    return Texts(data, np.cumsum([0, *map(len, documents)]))


def split(given):
    documents = len(given.offsets) - 1
    words, first = np.zeros(int(given.offsets[-1]) + documents, WORD), np.zeros(documents + 1, np.int64)
    out = np.zeros((documents, whitespace_words.MEASURES), np.int64)
    whitespace_words.split_at_whitespace(given, tables(), stop_tables()[1][0], words, first, out)
    return words[: first[-1]], first


def test_a_word_of_any_length_has_the_hash_of_its_bytes():
    every = [b"abcdefghijklmnopqrst"[:size] for size in range(1, 21)]
    words, _ = split(texts(b" ".join(every) + b" "))
    assert words["hash"].tolist() == [hash_bytes(word) for word in every]


def test_a_copy_that_ends_in_the_next_document_is_none():
    given = texts(b"x y z x y ", b"z")
    words, first = split(given)
    tops = np.zeros((2, whitespace_ngrams.SIZES, whitespace_ngrams.MEASURES), np.int64)
    whitespace_ngrams.count_whitespace_ngrams(words, first, tops)
    assert tops[0, 1].tolist() == [1, 0, 3]
    out = np.zeros((2, whitespace_ngrams.TOP_SIZES), np.int64)
    whitespace_ngrams.count_copies(given.data, words, first, tops, out)
    assert out[0].tolist() == [2, 1, 1]


def test_a_url_inside_another_is_counted_once():
    url = b"http://a.b/https://c.d"
    out = np.zeros((1, nemo_lines.MEASURES), np.int64)
    nemo_lines.measure_nemo(texts(b"see " + url), tables(), out)
    assert out[0, nemo_lines.URL_CHARS] == len(url)


def test_a_url_may_end_in_an_escape():
    out = np.zeros((1, nemo_lines.MEASURES), np.int64)
    nemo_lines.measure_nemo(texts(b"http://a.b/%2F"), tables(), out)
    assert out[0, nemo_lines.URL_CHARS] == 14


def test_lorem_ipsum_does_not_begin_in_the_document_before():
    out = np.zeros((2, dolma_lines.MEASURES), np.int64)
    dolma_lines.measure_dolma(texts(b"l", b"orem ipsum"), tables(), out)
    assert out[:, dolma_lines.LOREM].tolist() == [0, 0]
