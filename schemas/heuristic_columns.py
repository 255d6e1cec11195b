"""Columns of the stage `heuristics`: what the published quality and repetition rules need. One group for each way of counting.

Sources: datatrove 0.10.1, NeMo Curator 1.4.0 and Dolma 1.2.1, whose "Gopher rules" (Rae et al. 2021, arXiv 2112.11446,
appendix A.1) count different things. A ratio whose denominator is 0 is null.
"""

from dataclasses import replace

import pyarrow as pa

from curricle.schemas.column import Column

_NO_TEXT = "no text"


def _count(name: str, doc: str, null: str = _NO_TEXT) -> Column:
    return Column(name=name, dtype=pa.int32(), doc=doc, null=null)


def _ratio(name: str, doc: str, null: str = _NO_TEXT) -> Column:
    return Column(name=name, dtype=pa.float64(), doc=doc, null=null)


_NO_WORDS = "no text, or no words"
_NO_LINES = "no text, or no lines"

WORDS = (
    _count("char_count", "number of Unicode code points of `text`"),
    _count("word_count", "number of words, including punctuation marks (words as in spaCy)"),
    _count(
        "nonsymbol_word_count",
        "number of words with a character that is neither a symbol nor a punctuation mark (by datatrove's list)",
    ),
    _ratio("mean_word_chars", "mean length of the non-symbol words, in code points", "no text, or no such word"),
    _ratio("hash_per_word", "number of `#` characters per word", _NO_WORDS),
    _ratio("ellipsis_per_word", "number of `...` and `…` per word", _NO_WORDS),
    _ratio("alpha_word_ratio", "share of words with a letter, 0..1", _NO_WORDS),
    _count("stop_word_kinds", "number of different words from this list: the be to of and that have with (case-sensitive), 0..8"),
    _count(
        "language_stop_word_kinds",
        "number of different stop words of the row's language (by FineWeb2's list)",
        "no text, or no list for the language",
    ),
)

LINES = (
    _ratio("bullet_line_ratio", "share of lines (`str.splitlines`) that start with `-` or `•`, 0..1", _NO_LINES),
    _ratio("ellipsis_line_ratio", "share of lines (`str.splitlines`) that end in `...` or `…`, 0..1", _NO_LINES),
    _ratio("terminal_line_ratio", "share of lines with text that end in a sentence-ending mark, 0..1", "no line with text"),
    _ratio("short_line_ratio", "share of lines with text that have at most 30 code points, 0..1", "no line with text"),
    _ratio(
        "dup_text_line_chars_ratio",
        "code points in lines with text that occurred before, per code point other than newlines, 0..1",
        "no line with text",
    ),
    _ratio("newline_per_word", "number of newlines per word", _NO_WORDS),
)

REPETITION = (
    _ratio("dup_paragraph_ratio", "share of paragraphs (separated by two or more newlines) that occurred before", "empty text"),
    _ratio("dup_paragraph_chars_ratio", "code points in such paragraphs, per code point of the text", "empty text"),
    _ratio("dup_line_ratio", "share of lines (separated by one or more newlines) that occurred before", "empty text"),
    _ratio("dup_line_chars_ratio", "code points in such lines, per code point of the text", "empty text"),
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
            f"code points (without spaces) in {n}-grams of words that occurred before, per code point of the text; the search "
            "continues after each one",
            "empty text",
        )
        for n in (5, 6, 7, 8, 9, 10)
    ),
)

C4 = (
    _count("c4_kept_lines", "number of lines that C4's line rules keep"),
    _count("c4_sentences", "number of sentences in these lines"),
    _count("c4_lorem_lines", "number of lines with `lorem ipsum` that pass C4's rules on length and ending"),
    _count("c4_curly_lines", "number of lines with `{` that pass C4's rules on length, ending and javascript"),
)

DATATROVE = (*WORDS, *LINES, *REPETITION, *C4)
"""Counted as datatrove does: what a plain `heuristics: {}` writes."""

_NEMO_LINE = "no text, or no line that is not blank"
_NEMO_GUARDED = "1 for an empty text"

NEMO = (
    _ratio("nemo_nonalnum_ratio", f"share of characters outside a-z A-Z 0-9 newline `?!,.`; {_NEMO_GUARDED}"),
    _ratio(
        "nemo_symbol_word_ratio",
        "share of words that are an ellipsis, or consist of runs of `#` for over half of their characters, 0..1",
        _NO_WORDS,
    ),
    _ratio("nemo_digit_ratio", f"share of characters 0-9; {_NEMO_GUARDED}"),
    _ratio("nemo_url_chars_ratio", f"share of characters inside http and https addresses; {_NEMO_GUARDED}"),
    _ratio("nemo_white_space_ratio", f"share of tabs, newlines, carriage returns, backspaces and spaces; {_NEMO_GUARDED}"),
    _ratio("nemo_bracket_ratio", f"share of `{{}}[]()⟨⟩` among the characters; {_NEMO_GUARDED}"),
    _ratio(
        "nemo_boilerplate_paragraph_ratio",
        "share of paragraphs (separated by two newlines) with a policy phrase; 1 if the text contains `lorem ipsum`",
    ),
    _ratio("nemo_unique_line_ratio", "different lines per line (separated by newlines, not blank), 0..1", _NEMO_LINE),
    _ratio("nemo_unique_paragraph_ratio", "different paragraphs per paragraph, 0..1"),
    _ratio("nemo_unique_line_chars_ratio", "code points of the different lines, per code point of all lines, 0..1", _NEMO_LINE),
    _ratio(
        "nemo_unique_paragraph_chars_ratio",
        "code points of the different paragraphs, per code point of all paragraphs, 0..1",
        "no text, or only the newlines between paragraphs",
    ),
    _count("nemo_word_count", "number of words separated by white space (`str.split`)"),
    _ratio("nemo_unended_line_ratio", "share of non-blank lines that do not end in one of `.?!\"'`, 0..1", _NEMO_LINE),
    _ratio("nemo_alphabetic_word_ratio", "share of words with an alphabetic character, 0..1", _NO_WORDS),
    _count("nemo_stop_word_count", "number of words from this list: the be to of and that have with (case-sensitive)"),
    _ratio("nemo_mean_word_chars", "mean length of the words, in code points", _NO_WORDS),
    _count("nemo_longest_word_chars", "length of the longest word, in code points; 0 without words"),
    _ratio(
        "nemo_ellipsis_line_ratio",
        "share of non-blank lines that end in an ellipsis or `read more`, 0..1",
        _NEMO_LINE,
    ),
    _ratio("nemo_bullet_line_ratio", "share of non-blank lines that start with one of `•‣⁃⁌⁍∙○●◘◦⦾⦿`, 0..1", _NEMO_LINE),
    *(
        _ratio(
            f"nemo_top_{n}gram_chars_ratio",
            f"share of the text that is removed with the most frequent {n}-gram (joined by single spaces); 1 below {n} words",
        )
        for n in (2, 3, 4)
    ),
    *(
        _ratio(
            f"nemo_dup_{n}gram_chars_ratio",
            f"code points in {n}-grams that occurred before, with their spaces, per code point of the text; 1 below {n} words",
        )
        for n in (5, 6, 7, 8, 9, 10)
    ),
)
"""Counted as NeMo Curator 1.4.0 does: `variants: [nemo-curator]`."""

DOLMA = (
    _count("dolma_word_count", "number of words separated by white space (`str.split`)"),
    _ratio("dolma_median_word_chars", "median length of the words, in code points; 0 without words"),
    _ratio("dolma_symbol_word_ratio", "share of words with `#` or `…`, 0..1"),
    _ratio("dolma_alpha_word_ratio", "share of words with a letter, 0..1"),
    _count("dolma_stop_word_count", "number of words from this list: the be to of and that have with (case-sensitive)"),
    _ratio(
        "dolma_bullet_line_ratio", "share of lines (separated by newlines, including blank ones) that start with `*` or `-`, 0..1"
    ),
    _ratio("dolma_ellipsis_line_ratio", "share of lines that end in `…`, 0..1"),
    _ratio("dolma_dup_line_ratio", "share of lines that occur more than once, including blank ones, 0..1"),
    _ratio("dolma_dup_line_chars_ratio", "code points in such lines, per code point in words; can be above 1"),
    _ratio(
        "dolma_c4_unended_line_ratio", 'share of lines that do not end in one of `.?!"`, ignoring white space, 0..1', "empty text"
    ),
    _ratio("dolma_c4_short_line_ratio", "share of lines with fewer than 3 words, 0..1", "empty text"),
    _count("dolma_c4_curly_bracket", "1 if the text contains `{`, else 0"),
    _count("dolma_c4_lorem_ipsum", "1 if the text contains `lorem ipsum` in any case, else 0"),
    _count("dolma_c4_javascript", "1 if the text contains `javascript` in any case, else 0"),
    *(
        _ratio(
            f"dolma_top_{n}gram_chars_ratio",
            f"code points in the most frequent {n}-gram times its count, per code point in words",
            f"no text, or fewer than {n} words",
        )
        for n in (2, 3, 4)
    ),
    *(
        _ratio(
            f"dolma_dup_{n}gram_chars_ratio",
            f"code points in {n}-grams that occur more than once, per code point in all {n}-grams, 0..1",
            f"no text, or fewer than {n} words",
        )
        for n in (5, 6, 7, 8, 9, 10)
    ),
)
"""Counted as Dolma 1.2.1 does: `variants: [dolma]`."""

PLAIN = "plain_"
"""Before the names of datatrove's columns: counted over the text in plain spelling."""

CURRICLE = tuple(
    replace(column, name=f"{PLAIN}{column.name}", doc=f"`{column.name}` of the text in plain spelling") for column in DATATROVE
)
"""Counted as datatrove does, over a text whose line ends, blank lines, spaces and invisible characters are written in one way:
`variants: [curricle]`.
"""

VARIANTS = {"datatrove": DATATROVE, "curricle": CURRICLE, "nemo-curator": NEMO, "dolma": DOLMA}
"""The ways of counting, by name, in the order in which their columns are appended."""

HEURISTICS = tuple(column for group in VARIANTS.values() for column in group)
"""The columns of all variants."""
