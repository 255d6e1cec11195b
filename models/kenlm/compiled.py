"""The compiled functions of this package."""

from pathlib import Path

from curricle.models.compiled.library import Library

LIBRARY = Library(
    "curricle.models.kenlm",
    Path(__file__).parent,
    (),
)
inner = LIBRARY.inner  # other compiled functions call what it gives
export = LIBRARY.export
