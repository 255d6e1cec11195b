"""Runs the kernels of NeMo Curator's and Dolma's ways of counting and turns their counts into columns."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from curricle.stages.heuristics import dolma_lines, nemo_lines
from curricle.stages.heuristics import whitespace_ngrams as spaced_ngrams
from curricle.stages.heuristics import whitespace_words as spaced_words
from curricle.stages.heuristics.lexicon import stop_tables
from curricle.stages.heuristics.texts import Counts, Texts, ratio, text_groups
from curricle.stages.heuristics.unicode_tables import tables

TOPS, REPEATS = (2, 3, 4), (5, 6, 7, 8, 9, 10)


def measure(texts: pa.StringArray, languages: Sequence[str | None], variants: tuple[str, ...]) -> Mapping[str, pa.Array]:
    """The columns of `schemas.heuristic_columns.VARIANTS` for those of `nemo-curator` and `dolma` that are in `variants`; `texts`
    has a row and no nulls. `languages` are not asked for.
    """
    groups = list(text_groups(texts))
    scratch = np.empty((max(len(group.data) // 2 + len(group.offsets) for group in groups), 3), np.uint64)
    parts = [count(group, variants, scratch) for group in groups]
    counts = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    values: dict[str, pa.Array] = {}
    if "nemo-curator" in variants:
        values |= nemo_columns(counts)
    if "dolma" in variants:
        values |= dolma_columns(counts)
    return values


def count(texts: Texts, variants: tuple[str, ...], scratch: npt.NDArray[np.uint64]) -> dict[str, Counts]:
    """Counts of each document, first dimension documents: `words`, `ngrams`; `nemo` and `copies`; `dolma`. `scratch` has a row
    for every two bytes and document.
    """
    rows = len(texts.offsets) - 1
    first = np.empty(rows + 1, np.int64)
    counts = {
        "words": np.empty((rows, spaced_words.MEASURES), np.int64),
        "ngrams": np.empty((rows, spaced_ngrams.SIZES, 3), np.int64),
    }
    spaced_words.split_spaced(texts.data, texts.offsets, *tables(), stop_tables()[1][0], scratch, first, counts["words"])
    words = scratch[: first[-1]]
    spaced_ngrams.count_spaced_ngrams(words, first, counts["ngrams"])
    if "nemo-curator" in variants:
        counts["nemo"] = np.empty((rows, nemo_lines.MEASURES), np.int64)
        settings = (*tables(), nemo_lines.byte_lanes(), nemo_lines.url_bytes(), *nemo_lines.phrases())
        nemo_lines.measure_nemo(texts.data, texts.offsets, *settings, counts["nemo"])
        counts["copies"] = np.empty((rows, len(TOPS)), np.int64)
        spaced_ngrams.count_copies(texts.data, words, first, counts["ngrams"], counts["copies"])
    if "dolma" in variants:
        counts["dolma"] = np.empty((rows, dolma_lines.MEASURES), np.int64)
        dolma_lines.measure_dolma(texts.data, texts.offsets, *tables(), counts["dolma"])
    return counts


def nemo_columns(counts: Mapping[str, Counts]) -> dict[str, pa.Array]:
    """The columns of `schemas.heuristic_columns.NEMO`. NeMo Curator scores an empty text 1 where it guards the division, and
    raises where it does not: null here.
    """
    n, w, s = nemo_lines, spaced_words, spaced_ngrams
    line, word, ngrams = counts["nemo"].T, counts["words"].T, counts["ngrams"]
    chars, words, lines = line[n.CHARS], word[w.WORDS], line[n.LINES]
    values = {
        "nemo_nonalnum_ratio": _or_one(chars - line[n.PLAIN], chars),
        "nemo_symbol_word_ratio": ratio(word[w.SYMBOL_WORDS], words),
        "nemo_digit_ratio": _or_one(line[n.DIGITS], chars),
        "nemo_url_chars_ratio": _or_one(line[n.URL_CHARS], chars),
        "nemo_white_space_ratio": _or_one(line[n.WHITE], chars),
        "nemo_bracket_ratio": _or_one(line[n.BRACKETS], chars),
        "nemo_boilerplate_paragraph_ratio": pa.array(
            np.where(line[n.LOREM_IPSUM] > 0, 1.0, line[n.BOILERPLATE_PARAGRAPHS] / line[n.PARAGRAPHS])
        ),
        "nemo_unique_line_ratio": ratio(line[n.UNIQUE_LINES], lines),
        "nemo_unique_paragraph_ratio": ratio(line[n.UNIQUE_PARAGRAPHS], line[n.PARAGRAPHS]),
        "nemo_unique_line_chars_ratio": ratio(line[n.UNIQUE_LINE_CHARS], line[n.LINE_CHARS]),
        "nemo_unique_paragraph_chars_ratio": ratio(line[n.UNIQUE_PARAGRAPH_CHARS], line[n.PARAGRAPH_CHARS]),
        "nemo_word_count": pa.array(words),
        "nemo_unended_line_ratio": ratio(line[n.UNENDED_LINES], lines),
        "nemo_alphabetic_word_ratio": ratio(word[w.ALPHABETIC_WORDS], words),
        "nemo_stop_word_count": pa.array(word[w.STOP_WORDS]),
        "nemo_mean_word_chars": ratio(word[w.CHARS], words),
        "nemo_longest_word_chars": pa.array(word[w.LONGEST]),
        "nemo_ellipsis_line_ratio": ratio(line[n.ELLIPSIS_LINES], lines),
        "nemo_bullet_line_ratio": ratio(line[n.BULLET_LINES], lines),
    }
    for size in TOPS:
        removed = counts["copies"][:, size - 2] * (ngrams[:, size - 2, s.TOP_CHARS] + size - 1)
        values[f"nemo_top_{size}gram_chars_ratio"] = _or_one(removed, np.where(words < size, 0, chars))
    for size in REPEATS:
        fresh = ngrams[:, size - 2, s.FRESH_CHARS]
        values[f"nemo_dup_{size}gram_chars_ratio"] = _or_one(fresh, np.where(words < size, 0, chars))
    return values


def dolma_columns(counts: Mapping[str, Counts]) -> dict[str, pa.Array]:
    """The columns of `schemas.heuristic_columns.DOLMA`. Dolma gives 0 where a denominator is 0."""
    n, w, s = dolma_lines, spaced_words, spaced_ngrams
    line, word, ngrams = counts["dolma"].T, counts["words"].T, counts["ngrams"]
    words, lines = word[w.WORDS], line[n.LINES]
    values = {
        "dolma_word_count": pa.array(words),
        "dolma_median_word_chars": pa.array(word[w.MEDIAN_TWICE] / 2),
        "dolma_symbol_word_ratio": _or_zero(word[w.HASH_WORDS], words),
        "dolma_alpha_word_ratio": _or_zero(word[w.LETTER_WORDS], words),
        "dolma_stop_word_count": pa.array(word[w.STOP_WORDS]),
        "dolma_bullet_line_ratio": _or_zero(line[n.BULLET_LINES], lines),
        "dolma_ellipsis_line_ratio": _or_zero(line[n.ELLIPSIS_LINES], lines),
        "dolma_dup_line_ratio": _or_zero(line[n.DUP_LINES], lines),
        "dolma_dup_line_chars_ratio": _or_zero(line[n.DUP_LINE_CHARS], word[w.CHARS]),
        "dolma_c4_unended_line_ratio": ratio(line[n.UNENDED_LINES], lines),
        "dolma_c4_short_line_ratio": ratio(line[n.SHORT_LINES], lines),
        "dolma_c4_curly_bracket": pa.array(line[n.CURLY]),
        "dolma_c4_lorem_ipsum": pa.array(line[n.LOREM]),
        "dolma_c4_javascript": pa.array(line[n.JAVASCRIPT]),
    }
    for size in TOPS:
        top = ngrams[:, size - 2, s.COUNT] * ngrams[:, size - 2, s.TOP_CHARS]
        values[f"dolma_top_{size}gram_chars_ratio"] = ratio(top, np.where(words < size, 0, word[w.CHARS]))
    for size in REPEATS:
        repeated, whole = ngrams[:, size - 2, s.REPEATED_CHARS], ngrams[:, size - 2, s.ALL_CHARS]
        values[f"dolma_dup_{size}gram_chars_ratio"] = ratio(repeated, whole)
    return values


def _or_one(part: Counts, whole: Counts) -> pa.Array:
    return pa.array(np.where(whole > 0, part / np.maximum(whole, 1), 1.0))


def _or_zero(part: Counts, whole: Counts) -> pa.Array:
    return pa.array(part / np.maximum(whole, 1))
