"""The compiled functions of this package."""

from pathlib import Path

from curricle.models.compiled.library import Library

LIBRARY = Library(
    "curricle.stages.heuristics",
    Path(__file__).parent,
    (
        "bytes64",
        "dolma_lines",
        "lexicon",
        "nemo_lines",
        "ngrams",
        "scan",
        "segments",
        "whitespace_ngrams",
        "whitespace_words",
        "word_splitter",
        "unicode_tables",
        "words",
    ),
)
inner, export = LIBRARY.inner, LIBRARY.export
