"""Columns of the stage `heuristics`: what the published quality and repetition rules need, one group for each way of counting.

Sources: datatrove 0.10.1, NeMo Curator 1.4.0 and Dolma 1.2.1, whose "Gopher rules" (Rae et al. 2021, arXiv 2112.11446,
appendix A.1) count different things. A ratio whose denominator is 0 is null.
"""

import pyarrow as pa

from curricle.schemas.column import Column

_NO_TEXT = "no text"


def _count(name: str, doc: str, null: str = _NO_TEXT) -> Column:
    return Column(name=name, dtype=pa.int32(), doc=doc, null=null)


def _ratio(name: str, doc: str, null: str = _NO_TEXT) -> Column:
    return Column(name=name, dtype=pa.float64(), doc=doc, null=null)


_NO_WORDS = "no text, or no words"
_NO_LINES = "no text, or no line"

WORDS = (
    _count("char_count", "Unicode code points of `text`"),
    _count("word_count", "words, punctuation marks included (spaCy's idea of a word)"),
    _count("nonsymbol_word_count", "words with a character that is no symbol or punctuation mark (datatrove's set)"),
    _ratio("mean_word_chars", "mean length of those words, code points", "no text, or no such word"),
    _ratio("hash_per_word", "`#` characters per word", _NO_WORDS),
    _ratio("ellipsis_per_word", "`...` and `…` per word", _NO_WORDS),
    _ratio("alpha_word_ratio", "share of words with a letter, 0..1", _NO_WORDS),
    _count("stop_word_kinds", "distinct words out of: the be to of and that have with (case counts), 0..8"),
    _count(
        "language_stop_word_kinds",
        "the same with the stop words of the row's language (FineWeb2's list)",
        "no text, or no list for the language",
    ),
)

LINES = (
    _ratio("bullet_line_ratio", "share of lines (`str.splitlines`) that start with `-` or `•`, 0..1", _NO_LINES),
    _ratio("ellipsis_line_ratio", "share of lines (`str.splitlines`) that end in `...` or `…`, 0..1", _NO_LINES),
    _ratio("terminal_line_ratio", "share of lines with text that end in a sentence terminal, 0..1", "no line with text"),
    _ratio("short_line_ratio", "share of lines with text that have at most 30 code points, 0..1", "no line with text"),
    _ratio(
        "dup_text_line_chars_ratio",
        "code points in lines with text that occurred before, per code point that is no newline, 0..1",
        "no line with text",
    ),
    _ratio("newline_per_word", "newlines per word", _NO_WORDS),
)

REPETITION = (
    _ratio("dup_paragraph_ratio", "share of paragraphs (two newlines or more between them) that occurred before", "empty text"),
    _ratio("dup_paragraph_chars_ratio", "code points in those, per code point of the text", "empty text"),
    _ratio("dup_line_ratio", "share of lines (one newline or more between them) that occurred before", "empty text"),
    _ratio("dup_line_chars_ratio", "code points in those, per code point of the text", "empty text"),
    *(
        _ratio(
            f"top_{n}gram_chars_ratio",
            f"length of the most frequent {n}-gram of words (with spaces) times its count, per code point of the text; "
            "0 if there are too few words",
            "empty text",
        )
        for n in (2, 3, 4)
    ),
    *(
        _ratio(
            f"dup_{n}gram_chars_ratio",
            f"code points (without spaces) in {n}-grams of words that occurred before, found by a walk that jumps over each, "
            "per code point of the text",
            "empty text",
        )
        for n in (5, 6, 7, 8, 9, 10)
    ),
)

C4 = (
    _count("c4_kept_lines", "lines that C4's line rules keep"),
    _count("c4_sentences", "sentences in those lines"),
    _count("c4_lorem_lines", "lines with `lorem ipsum` that pass C4's rules on length and ending"),
    _count("c4_curly_lines", "lines with `{` that pass C4's rules on length, ending and javascript"),
)

DATATROVE = (*WORDS, *LINES, *REPETITION, *C4)
"""Counted as datatrove counts: what a plain `heuristics: {}` writes."""

_NEMO_LINE = "no text, or no line that is not blank"
_NEMO_GUARDED = "1 for an empty text"

NEMO = (
    _ratio("nemo_nonalnum_ratio", f"share of characters outside a-z A-Z 0-9 newline `?!,.`; {_NEMO_GUARDED}"),
    _ratio("nemo_symbol_word_ratio", "share of words that are an ellipsis or, over half, runs of `#`, 0..1", _NO_WORDS),
    _ratio("nemo_digit_ratio", f"share of characters 0-9; {_NEMO_GUARDED}"),
    _ratio("nemo_url_chars_ratio", f"share of characters inside http and https addresses; {_NEMO_GUARDED}"),
    _ratio("nemo_white_space_ratio", f"share of tabs, newlines, returns, backspaces and spaces; {_NEMO_GUARDED}"),
    _ratio("nemo_bracket_ratio", f"share of `{{}}[]()⟨⟩` among the characters; {_NEMO_GUARDED}"),
    _ratio(
        "nemo_boilerplate_paragraph_ratio",
        "share of paragraphs (two newlines between them) with a policy phrase; 1 if `lorem ipsum` is anywhere",
    ),
    _ratio("nemo_unique_line_ratio", "distinct lines per line (newline between them, not blank), 0..1", _NEMO_LINE),
    _ratio("nemo_unique_paragraph_ratio", "distinct paragraphs per paragraph, 0..1"),
    _ratio("nemo_unique_line_chars_ratio", "code points of the distinct lines per code point of the lines, 0..1", _NEMO_LINE),
    _ratio(
        "nemo_unique_paragraph_chars_ratio",
        "the same for paragraphs, 0..1",
        "no text, or none but the newlines between paragraphs",
    ),
    _count("nemo_word_count", "words between white space (`str.split`)"),
    _ratio("nemo_unended_line_ratio", "share of those lines that do not end in one of `.?!\"'`, 0..1", _NEMO_LINE),
    _ratio("nemo_alphabetic_word_ratio", "share of words with an alphabetic character, 0..1", _NO_WORDS),
    _count("nemo_stop_word_count", "words that are one of: the be to of and that have with (case counts)"),
    _ratio("nemo_mean_word_chars", "mean length of the words, code points", _NO_WORDS),
    _count("nemo_longest_word_chars", "length of the longest word, code points; 0 without words"),
    _ratio("nemo_ellipsis_line_ratio", "share of those lines that end in an ellipsis or `read more`, 0..1", _NEMO_LINE),
    _ratio("nemo_bullet_line_ratio", "share of those lines that start with one of `•‣⁃⁌⁍∙○●◘◦⦾⦿`, 0..1", _NEMO_LINE),
    *(
        _ratio(
            f"nemo_top_{n}gram_chars_ratio",
            f"share that goes when the most frequent {n}-gram, with single spaces, is cut out of the text; 1 under {n} words",
        )
        for n in (2, 3, 4)
    ),
    *(
        _ratio(
            f"nemo_dup_{n}gram_chars_ratio",
            f"code points covered by {n}-grams that occurred before, and their spaces, per code point; 1 under {n} words",
        )
        for n in (5, 6, 7, 8, 9, 10)
    ),
)
"""Counted as NeMo Curator 1.4.0 counts: `variants: [nemo-curator]`."""

DOLMA = (
    _count("dolma_word_count", "words between white space (`str.split`)"),
    _ratio("dolma_median_word_chars", "median length of the words, code points; 0 without words"),
    _ratio("dolma_symbol_word_ratio", "share of words with `#` or `…`, 0..1"),
    _ratio("dolma_alpha_word_ratio", "share of words with a letter, 0..1"),
    _count("dolma_stop_word_count", "words that are one of: the be to of and that have with (case counts)"),
    _ratio("dolma_bullet_line_ratio", "share of lines (`split` at newlines, blank ones too) that start with `*` or `-`, 0..1"),
    _ratio("dolma_ellipsis_line_ratio", "share of lines that end in `…`, 0..1"),
    _ratio("dolma_dup_line_ratio", "share of lines of which there is another copy, blank ones too, 0..1"),
    _ratio("dolma_dup_line_chars_ratio", "code points in those lines per code point in words; may be over 1"),
    _ratio(
        "dolma_c4_unended_line_ratio", 'share of lines that do not end in one of `.?!"` (white space apart), 0..1', "empty text"
    ),
    _ratio("dolma_c4_short_line_ratio", "share of lines with fewer than 3 words, 0..1", "empty text"),
    _count("dolma_c4_curly_bracket", "1 if the text has `{`, else 0"),
    _count("dolma_c4_lorem_ipsum", "1 if the text has `lorem ipsum` in any case, else 0"),
    _count("dolma_c4_javascript", "1 if the text has `javascript` in any case, else 0"),
    *(
        _ratio(
            f"dolma_top_{n}gram_chars_ratio",
            f"code points in the most frequent {n}-gram times its count, per code point in words",
            f"no text, or under {n} words",
        )
        for n in (2, 3, 4)
    ),
    *(
        _ratio(
            f"dolma_dup_{n}gram_chars_ratio",
            f"code points in {n}-grams of which there is another copy per code point in {n}-grams, 0..1",
            f"no text, or under {n} words",
        )
        for n in (5, 6, 7, 8, 9, 10)
    ),
)
"""Counted as Dolma 1.2.1 counts: `variants: [dolma]`."""

VARIANTS = {"datatrove": DATATROVE, "nemo-curator": NEMO, "dolma": DOLMA}
"""The ways of counting by name, in the order in which their columns are appended."""

HEURISTICS = tuple(column for group in VARIANTS.values() for column in group)
"""All of them."""
