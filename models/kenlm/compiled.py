"""The compiled functions of this package."""

from pathlib import Path

from models.compiled.library import Library

LIBRARY = Library(
    "models.kenlm",
    Path(__file__).parent,
    (
        "arpa_lines",
        "binary",
        "compact",
        "counting",
        "levels",
        "ngrams",
        "normaliser",
        "paragraphs",
        "probing",
        "smoothing",
        "table",
        "unigram",
        "words",
    ),
)
inner = LIBRARY.inner  # other compiled functions call what it gives
export = LIBRARY.export
