"""Measures texts as NeMo Curator and Dolma do: runs the kernels and turns their counts into columns."""

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from curricle.stages.heuristics import dolma_lines, nemo_lines, whitespace_ngrams, whitespace_words
from curricle.stages.heuristics.lexicon import stop_tables
from curricle.stages.heuristics.texts import WORD, Counts, Texts, Words, ratio, text_groups
from curricle.stages.heuristics.unicode_tables import tables

TOPS, REPEATS = (2, 3, 4), (5, 6, 7, 8, 9, 10)


def measure(texts: pa.StringArray, languages: Sequence[str | None], variants: tuple[str, ...]) -> Mapping[str, pa.Array]:
    """The columns of `schemas.heuristic_columns.VARIANTS` for `nemo-curator` and `dolma`, or one of them.

    `texts` has at least one row and no nulls; `languages` are not used.
    """
    groups = list(text_groups(texts))
    scratch = np.empty(max(len(group.data) // 2 + len(group.offsets) for group in groups), WORD)
    parts = [count(group, variants, scratch) for group in groups]
    counts = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    values: dict[str, pa.Array] = {}
    if "nemo-curator" in variants:
        values |= nemo_columns(counts)
    if "dolma" in variants:
        values |= dolma_columns(counts)
    return values


def count(texts: Texts, variants: tuple[str, ...], scratch: Words) -> dict[str, Counts]:
    """Counts of each document (the first dimension): `words` and `ngrams`; `nemo` and `copies`; `dolma`.

    `scratch` has room for a word for every two bytes and each document.
    """
    rows = len(texts.offsets) - 1
    first = np.empty(rows + 1, np.int64)
    counts = {
        "words": np.empty((rows, whitespace_words.MEASURES), np.int64),
        "ngrams": np.empty((rows, whitespace_ngrams.SIZES, whitespace_ngrams.MEASURES), np.int64),
    }
    english_stop_words = stop_tables()[1][0]
    whitespace_words.split_at_whitespace(texts, tables(), english_stop_words, scratch, first, counts["words"])
    words = scratch[: first[-1]]
    whitespace_ngrams.count_whitespace_ngrams(words, first, counts["ngrams"])
    if "nemo-curator" in variants:
        counts["nemo"] = np.empty((rows, nemo_lines.MEASURES), np.int64)
        nemo_lines.measure_nemo(texts, tables(), counts["nemo"])
        counts["copies"] = np.empty((rows, len(TOPS)), np.int64)
        whitespace_ngrams.count_copies(texts.data, words, first, counts["ngrams"], counts["copies"])
    if "dolma" in variants:
        counts["dolma"] = np.empty((rows, dolma_lines.MEASURES), np.int64)
        dolma_lines.measure_dolma(texts, tables(), counts["dolma"])
    return counts


def nemo_columns(counts: Mapping[str, Counts]) -> dict[str, pa.Array]:
    """The columns of `schemas.heuristic_columns.NEMO`.

    Where a denominator is 0, NeMo Curator either gives 1, as these columns do, or raises an error; those columns are null.
    """
    line, word, ngrams = counts["nemo"].T, counts["words"].T, counts["ngrams"]
    chars, words, lines = line[nemo_lines.CHARS], word[whitespace_words.WORDS], line[nemo_lines.LINES]
    values = {
        "nemo_nonalnum_ratio": _or_one(chars - line[nemo_lines.PLAIN], chars),
        "nemo_symbol_word_ratio": ratio(word[whitespace_words.SYMBOL_WORDS], words),
        "nemo_digit_ratio": _or_one(line[nemo_lines.DIGITS], chars),
        "nemo_url_chars_ratio": _or_one(line[nemo_lines.URL_CHARS], chars),
        "nemo_white_space_ratio": _or_one(line[nemo_lines.WHITE], chars),
        "nemo_bracket_ratio": _or_one(line[nemo_lines.BRACKETS], chars),
        "nemo_boilerplate_paragraph_ratio": pa.array(
            np.where(line[nemo_lines.LOREM_IPSUM] > 0, 1.0, line[nemo_lines.BOILERPLATE_PARAGRAPHS] / line[nemo_lines.PARAGRAPHS])
        ),
        "nemo_unique_line_ratio": ratio(line[nemo_lines.UNIQUE_LINES], lines),
        "nemo_unique_paragraph_ratio": ratio(line[nemo_lines.UNIQUE_PARAGRAPHS], line[nemo_lines.PARAGRAPHS]),
        "nemo_unique_line_chars_ratio": ratio(line[nemo_lines.UNIQUE_LINE_CHARS], line[nemo_lines.LINE_CHARS]),
        "nemo_unique_paragraph_chars_ratio": ratio(line[nemo_lines.UNIQUE_PARAGRAPH_CHARS], line[nemo_lines.PARAGRAPH_CHARS]),
        "nemo_word_count": pa.array(words),
        "nemo_unended_line_ratio": ratio(line[nemo_lines.UNENDED_LINES], lines),
        "nemo_alphabetic_word_ratio": ratio(word[whitespace_words.ALPHABETIC_WORDS], words),
        "nemo_stop_word_count": pa.array(word[whitespace_words.STOP_WORDS]),
        "nemo_mean_word_chars": ratio(word[whitespace_words.CHARS], words),
        "nemo_longest_word_chars": pa.array(word[whitespace_words.LONGEST]),
        "nemo_ellipsis_line_ratio": ratio(line[nemo_lines.ELLIPSIS_LINES], lines),
        "nemo_bullet_line_ratio": ratio(line[nemo_lines.BULLET_LINES], lines),
    }
    for size in TOPS:
        removed = counts["copies"][:, size - 2] * (ngrams[:, size - 2, whitespace_ngrams.TOP_CHARS] + size - 1)
        values[f"nemo_top_{size}gram_chars_ratio"] = _or_one(removed, np.where(words < size, 0, chars))
    for size in REPEATS:
        fresh = ngrams[:, size - 2, whitespace_ngrams.FRESH_CHARS]
        values[f"nemo_dup_{size}gram_chars_ratio"] = _or_one(fresh, np.where(words < size, 0, chars))
    return values


def dolma_columns(counts: Mapping[str, Counts]) -> dict[str, pa.Array]:
    """The columns of `schemas.heuristic_columns.DOLMA`. Dolma gives 0 where a denominator is 0."""
    line, word, ngrams = counts["dolma"].T, counts["words"].T, counts["ngrams"]
    words, lines = word[whitespace_words.WORDS], line[dolma_lines.LINES]
    values = {
        "dolma_word_count": pa.array(words),
        "dolma_median_word_chars": pa.array(word[whitespace_words.MEDIAN_TWICE] / 2),
        "dolma_symbol_word_ratio": _or_zero(word[whitespace_words.HASH_WORDS], words),
        "dolma_alpha_word_ratio": _or_zero(word[whitespace_words.LETTER_WORDS], words),
        "dolma_stop_word_count": pa.array(word[whitespace_words.STOP_WORDS]),
        "dolma_bullet_line_ratio": _or_zero(line[dolma_lines.BULLET_LINES], lines),
        "dolma_ellipsis_line_ratio": _or_zero(line[dolma_lines.ELLIPSIS_LINES], lines),
        "dolma_dup_line_ratio": _or_zero(line[dolma_lines.DUP_LINES], lines),
        "dolma_dup_line_chars_ratio": _or_zero(line[dolma_lines.DUP_LINE_CHARS], word[whitespace_words.CHARS]),
        "dolma_c4_unended_line_ratio": ratio(line[dolma_lines.UNENDED_LINES], lines),
        "dolma_c4_short_line_ratio": ratio(line[dolma_lines.SHORT_LINES], lines),
        "dolma_c4_curly_bracket": pa.array(line[dolma_lines.CURLY]),
        "dolma_c4_lorem_ipsum": pa.array(line[dolma_lines.LOREM]),
        "dolma_c4_javascript": pa.array(line[dolma_lines.JAVASCRIPT]),
    }
    for size in TOPS:
        top = ngrams[:, size - 2, whitespace_ngrams.COUNT] * ngrams[:, size - 2, whitespace_ngrams.TOP_CHARS]
        values[f"dolma_top_{size}gram_chars_ratio"] = ratio(top, np.where(words < size, 0, word[whitespace_words.CHARS]))
    for size in REPEATS:
        repeated, whole = ngrams[:, size - 2, whitespace_ngrams.REPEATED_CHARS], ngrams[:, size - 2, whitespace_ngrams.ALL_CHARS]
        values[f"dolma_dup_{size}gram_chars_ratio"] = ratio(repeated, whole)
    return values


def _or_one(part: Counts, whole: Counts) -> pa.Array:
    return pa.array(np.where(whole > 0, part / np.maximum(whole, 1), 1.0))


def _or_zero(part: Counts, whole: Counts) -> pa.Array:
    return pa.array(part / np.maximum(whole, 1))
