"""Measures texts as datatrove does: runs the kernels over batches of texts and turns their counts into columns."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from curricle.stages.heuristics import ngrams, segments, words
from curricle.stages.heuristics.documents import SPARE
from curricle.stages.heuristics.lexicon import lexicon, stop_tables
from curricle.stages.heuristics.texts import WORD, Counts, Texts, Words, ratio, text_groups
from curricle.stages.heuristics.unicode_tables import tables
from curricle.stages.heuristics.word_splitter import split_words


class Scratch(NamedTuple):
    """Memory for the kernels' lists, reused for each group of a batch: fresh pages cost a tenth of the time."""

    words: Words  # one for each byte
    lines: Counts  # (bytes + documents, 3)
    text: npt.NDArray[np.uint8]  # (bytes,)


def scratch_for(groups: Sequence[Texts]) -> Scratch:
    """Enough for each of `groups`."""
    size = max(len(group.data) for group in groups)
    rows = max(len(group.offsets) for group in groups)
    return Scratch(np.empty(size, WORD), np.empty((size + rows, 3), np.int64), np.empty(size, np.uint8))


class KeptLines(NamedTuple):
    """The lines that C4 keeps."""

    plain: Counts  # rows of start, end and document, in the texts
    cited: Texts  # the lines with brackets, without their citations
    owners: Counts  # the document of each of `cited`


def count_lines(texts: Texts, out: Counts, scratch: Scratch) -> KeptLines:
    """Fill out[d] with the measures of `segments`; returns the lines that C4 keeps."""
    plain, bracketed, size = segments.measure_lines(texts, tables(), out, scratch.lines, scratch.text)
    rows = scratch.lines[len(scratch.lines) - bracketed :][::-1]
    ends = np.concatenate([np.zeros(1, np.int64), rows[:, 1]])
    cited = Texts(np.append(scratch.text[:size], np.zeros(SPARE, np.uint8)), ends)
    return KeptLines(scratch.lines[:plain], cited, rows[:, 2])


def split(texts: Texts, english: npt.NDArray[np.uint8], scratch: Scratch) -> tuple[Words, Counts]:
    """Split texts by our own splitter; returns the words, which are in `scratch`, and the number of each document's first word.

    `english`: 1 for documents in which contractions like `im` are cut.
    """
    first = np.empty(len(texts.offsets), np.int64)
    split_words(texts, english, tables(), lexicon(), scratch.words, first)
    return scratch.words[: first[-1]], first


class Measured(NamedTuple):
    """Counts of each document, shape (documents, measures)."""

    lines: Counts  # columns: `segments`
    words: Counts  # columns: `words`
    ngrams: Counts  # columns: top 2- to 4-grams, then repeated 5- to 10-grams
    sentences: Counts  # shape (documents,): in the lines that C4 keeps


def count(texts: pa.StringArray, languages: Sequence[str | None]) -> Measured:
    """Counts of `texts` (no nulls); `languages[d]` chooses the stop words and whether English contractions are cut."""
    numbers, lists = stop_tables()
    which = np.array([numbers.get(language or "", -1) for language in languages], np.int64)
    english = np.array([language == "en" for language in languages], np.uint8)
    groups = list(text_groups(texts))
    if not groups:
        return _no_counts(0)
    scratch, parts, start = scratch_for(groups), [], 0
    for group in groups:
        end = start + len(group.offsets) - 1
        parts.append(_count(group, english[start:end], which[start:end], lists, scratch))
        start = end
    return Measured(*(np.concatenate(part) for part in zip(*parts, strict=True)))


def _no_counts(documents: int) -> Measured:
    return Measured(
        np.zeros((documents, segments.MEASURES), np.int64),
        np.zeros((documents, words.MEASURES), np.int64),
        np.zeros((documents, ngrams.SIZES), np.int64),
        np.zeros(documents, np.int64),
    )


def _count(
    texts: Texts, english: npt.NDArray[np.uint8], which: Counts, lists: npt.NDArray[np.uint64], scratch: Scratch
) -> Measured:
    out = _no_counts(len(texts.offsets) - 1)
    kept = count_lines(texts, out.lines, scratch)
    found, first = split(texts, english, scratch)
    words.count_words(found, first, lists, which, out.words)
    ngrams.count_ngrams(texts.data, found, first, out.ngrams)
    starts, ends, owners = kept.plain.T
    _count_sentences(texts.data, found, starts, ends, owners, out.sentences)
    found, _ = split(kept.cited, english[kept.owners], scratch)
    _count_sentences(kept.cited.data, found, kept.cited.offsets[:-1], kept.cited.offsets[1:], kept.owners, out.sentences)
    return out


def _count_sentences(
    data: npt.NDArray[np.uint8], found: Words, starts: Counts, ends: Counts, owners: Counts, out: Counts
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
    line, word = counts.lines.T, counts.words.T
    known = stop_tables()[0]
    no_list = np.array([language not in known for language in languages], bool)
    values = {
        "char_count": pa.array(line[segments.CHARS]),
        "word_count": pa.array(word[words.WORDS]),
        "nonsymbol_word_count": pa.array(word[words.NOT_SYMBOLS]),
        "mean_word_chars": ratio(word[words.NOT_SYMBOL_CHARS], word[words.NOT_SYMBOLS]),
        "hash_per_word": ratio(line[segments.HASHES], word[words.WORDS]),
        "ellipsis_per_word": ratio(line[segments.ELLIPSES], word[words.WORDS]),
        "alpha_word_ratio": ratio(word[words.ALPHA_WORDS], word[words.WORDS]),
        "stop_word_kinds": pa.array(word[words.STOP_KINDS]),
        "language_stop_word_kinds": pa.array(word[words.LANGUAGE_STOP_KINDS], mask=no_list),
        "bullet_line_ratio": ratio(line[segments.BULLET_LINES], line[segments.LINES]),
        "ellipsis_line_ratio": ratio(line[segments.ELLIPSIS_LINES], line[segments.LINES]),
        "terminal_line_ratio": ratio(line[segments.TERMINAL_LINES], line[segments.FULL_LINES]),
        "short_line_ratio": ratio(line[segments.SHORT_LINES], line[segments.FULL_LINES]),
        "dup_text_line_chars_ratio": ratio(
            line[segments.DUP_FULL_LINE_CHARS],
            np.where(line[segments.FULL_LINES] > 0, line[segments.CHARS] - line[segments.NEWLINES], 0),
        ),
        "newline_per_word": ratio(line[segments.NEWLINES], word[words.WORDS]),
        "dup_paragraph_ratio": ratio(line[segments.DUP_PARAGRAPHS], line[segments.PARAGRAPHS]),
        "dup_paragraph_chars_ratio": ratio(line[segments.DUP_PARAGRAPH_CHARS], line[segments.CHARS]),
        "dup_line_ratio": ratio(line[segments.DUP_RUN_LINES], line[segments.RUN_LINES]),
        "dup_line_chars_ratio": ratio(line[segments.DUP_RUN_LINE_CHARS], line[segments.CHARS]),
        "c4_kept_lines": pa.array(line[segments.KEPT_LINES]),
        "c4_sentences": pa.array(counts.sentences),
        "c4_lorem_lines": pa.array(line[segments.LOREM_LINES]),
        "c4_curly_lines": pa.array(line[segments.CURLY_LINES]),
    }
    for n, chars in zip((2, 3, 4, 5, 6, 7, 8, 9, 10), counts.ngrams.T, strict=True):
        values[f"{'top' if n < 5 else 'dup'}_{n}gram_chars_ratio"] = ratio(chars, line[segments.CHARS])
    return values
