"""The compiled functions of this package."""

from pathlib import Path

from models.compiled.library import Library

LIBRARY = Library(
    "stages.heuristics",
    Path(__file__).parent,
    (
        "bytes64",
        "dolma_lines",
        "lexicon",
        "nemo_lines",
        "ngrams",
        "scan",
        "segments",
        "spaced_ngrams",
        "spaced_words",
        "tokens",
        "unicode_tables",
        "words",
    ),
)
inner, export = LIBRARY.inner, LIBRARY.export
