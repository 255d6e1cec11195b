"""Columns of the stage `heuristics`: what the published quality and repetition rules need, one group for each way of counting.

Sources: datatrove 0.10.1, NeMo Curator 1.4.0 and Dolma 1.2.1, whose "Gopher rules" (Rae et al. 2021, arXiv 2112.11446,
appendix A.1) count different things. A ratio whose denominator is 0 is null.
"""

import pyarrow as pa

from schemas.column import Column

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

HEURISTICS = (*WORDS, *LINES, *REPETITION, *C4)
"""Counted as datatrove counts: what a plain `heuristics: {}` writes."""
