"""Runs the kernels over batches of texts and turns their counts into columns."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from curricle.stages.heuristics import ngrams, segments, words
from curricle.stages.heuristics import word_splitter as tokens
from curricle.stages.heuristics.lexicon import special_table, stop_tables
from curricle.stages.heuristics.texts import SPARE, Counts, Texts, ratio, text_groups
from curricle.stages.heuristics.unicode_tables import tables


class Scratch(NamedTuple):
    """Memory for the kernels' lists, used again for each group of a batch: fresh pages cost a tenth of the time."""

    words: npt.NDArray[np.uint64]  # (bytes, 3)
    lines: Counts  # (bytes + documents, 3)
    text: npt.NDArray[np.uint8]  # (bytes,)


def scratch_for(groups: Sequence[Texts]) -> Scratch:
    """Enough for each of `groups`."""
    size = max(len(group.data) for group in groups)
    rows = max(len(group.offsets) for group in groups)
    return Scratch(np.empty((size, 3), np.uint64), np.empty((size + rows, 3), np.int64), np.empty(size, np.uint8))


def count_lines(texts: Texts, out: Counts, scratch: Scratch) -> tuple[Counts, Texts, Counts]:
    """Fill out[d] with the measures of `segments`; returns the lines that C4 keeps: (start, end, document) rows in
    `texts.data`, then the lines without their citations and the document of each.
    """
    kept, cited, state = scratch.lines, scratch.text, np.empty(3, np.int64)
    segments.measure_lines(texts.data, texts.offsets, *tables(), out, kept, cited, state)
    plain = kept[: state[0]]
    bracketed = kept[len(kept) - state[1] :][::-1]
    ends = np.concatenate([np.zeros(1, np.int64), bracketed[:, 1]])
    return plain, Texts(np.append(cited[: state[2]], np.zeros(SPARE, np.uint8)), ends), bracketed[:, 2]


def split(texts: Texts, english: npt.NDArray[np.uint8], scratch: Scratch) -> tuple[npt.NDArray[np.uint64], Counts]:
    """(words, first word of each document) by our own splitter, the words in `scratch`; `english`: 1 where contractions like `im`
    are cut.
    """
    first = np.empty(len(texts.offsets), np.int64)
    tokens.split_words(texts.data, texts.offsets, english, *tables(), special_table(), scratch.words, first)
    return scratch.words[: first[-1]], first


NGRAMS = 9
"""Top 2- to 4-grams, then repeated 5- to 10-grams."""


class Measured(NamedTuple):
    """Counts of each document, shape (documents, measures)."""

    lines: Counts  # columns: `segments`
    words: Counts  # columns: `words`
    ngrams: Counts  # columns: NGRAMS
    sentences: Counts  # shape (documents,): in the lines that C4 keeps


def count(texts: pa.StringArray, languages: Sequence[str | None]) -> Measured:
    """Counts of `texts` (no nulls); `languages[d]` chooses the stop words and whether English contractions are cut."""
    numbers, lists = stop_tables()
    which = np.array([numbers.get(language or "", -1) for language in languages], np.int64)
    english = np.array([language == "en" for language in languages], np.uint8)
    groups = list(text_groups(texts))
    if not groups:
        empty = np.zeros((0, 1), np.int64)
        return Measured(empty.repeat(segments.MEASURES, 1), empty.repeat(6, 1), empty.repeat(NGRAMS, 1), empty[:, 0])
    scratch, parts, start = scratch_for(groups), [], 0
    for group in groups:
        end = start + len(group.offsets) - 1
        parts.append(_count(group, english[start:end], which[start:end], lists, scratch))
        start = end
    return Measured(*(np.concatenate(part) for part in zip(*parts, strict=True)))


def _count(
    texts: Texts, english: npt.NDArray[np.uint8], which: Counts, lists: npt.NDArray[np.uint64], scratch: Scratch
) -> Measured:
    rows = len(texts.offsets) - 1
    out = Measured(
        np.zeros((rows, segments.MEASURES), np.int64),
        np.zeros((rows, 6), np.int64),
        np.zeros((rows, NGRAMS), np.int64),
        np.zeros(rows, np.int64),
    )
    plain, cited, owners = count_lines(texts, out.lines, scratch)
    found, first = split(texts, english, scratch)
    words.count_words(found, first, lists, which, out.words)
    ngrams.count_ngrams(texts.data, found, first, out.ngrams)
    _count_sentences(texts.data, found, plain[:, 0], plain[:, 1], plain[:, 2], out.sentences)
    found, _ = split(cited, english[owners], scratch)
    _count_sentences(cited.data, found, cited.offsets[:-1], cited.offsets[1:], owners, out.sentences)
    return out


def _count_sentences(
    data: npt.NDArray[np.uint8], found: npt.NDArray[np.uint64], starts: Counts, ends: Counts, owners: Counts, out: Counts
) -> None:
    """Add the sentences of the lines data[starts[r]:ends[r]] to out[owners[r]]."""
    sentences = np.empty(len(owners), np.int64)
    words.count_sentences(data, found, np.ascontiguousarray(starts), np.ascontiguousarray(ends), sentences)
    np.add.at(out, owners, sentences)


def measure(texts: pa.StringArray, languages: Sequence[str | None]) -> Mapping[str, pa.Array]:
    """The columns of `schemas.heuristic_columns.DATATROVE` for `texts`, which has no nulls."""
    return columns(count(texts, languages), languages)


def columns(counts: Measured, languages: Sequence[str | None]) -> Mapping[str, pa.Array]:
    """The columns of `schemas.heuristic_columns.DATATROVE`; a ratio whose denominator is 0 is null."""
    s, w = segments, words
    line, word = counts.lines.T, counts.words.T
    known = stop_tables()[0]
    no_list = np.array([language not in known for language in languages], bool)
    values = {
        "char_count": pa.array(line[s.CHARS]),
        "word_count": pa.array(word[w.WORDS]),
        "nonsymbol_word_count": pa.array(word[w.NOT_SYMBOLS]),
        "mean_word_chars": ratio(word[w.NOT_SYMBOL_CHARS], word[w.NOT_SYMBOLS]),
        "hash_per_word": ratio(line[s.HASHES], word[w.WORDS]),
        "ellipsis_per_word": ratio(line[s.ELLIPSES], word[w.WORDS]),
        "alpha_word_ratio": ratio(word[w.ALPHA_WORDS], word[w.WORDS]),
        "stop_word_kinds": pa.array(word[w.STOP_KINDS]),
        "language_stop_word_kinds": pa.array(word[w.LANGUAGE_STOP_KINDS], mask=no_list),
        "bullet_line_ratio": ratio(line[s.BULLET_LINES], line[s.LINES]),
        "ellipsis_line_ratio": ratio(line[s.ELLIPSIS_LINES], line[s.LINES]),
        "terminal_line_ratio": ratio(line[s.TERMINAL_LINES], line[s.FULL_LINES]),
        "short_line_ratio": ratio(line[s.SHORT_LINES], line[s.FULL_LINES]),
        "dup_text_line_chars_ratio": ratio(
            line[s.DUP_FULL_LINE_CHARS], np.where(line[s.FULL_LINES] > 0, line[s.CHARS] - line[s.NEWLINES], 0)
        ),
        "newline_per_word": ratio(line[s.NEWLINES], word[w.WORDS]),
        "dup_paragraph_ratio": ratio(line[s.DUP_PARAGRAPHS], line[s.PARAGRAPHS]),
        "dup_paragraph_chars_ratio": ratio(line[s.DUP_PARAGRAPH_CHARS], line[s.CHARS]),
        "dup_line_ratio": ratio(line[s.DUP_RUN_LINES], line[s.RUN_LINES]),
        "dup_line_chars_ratio": ratio(line[s.DUP_RUN_LINE_CHARS], line[s.CHARS]),
        "c4_kept_lines": pa.array(line[s.KEPT_LINES]),
        "c4_sentences": pa.array(counts.sentences),
        "c4_lorem_lines": pa.array(line[s.LOREM_LINES]),
        "c4_curly_lines": pa.array(line[s.CURLY_LINES]),
    }
    for n, chars in zip((2, 3, 4, 5, 6, 7, 8, 9, 10), counts.ngrams.T, strict=True):
        values[f"{'top' if n < 5 else 'dup'}_{n}gram_chars_ratio"] = ratio(chars, line[s.CHARS])
    return values
