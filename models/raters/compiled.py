"""The compiled functions of this package."""

from pathlib import Path

from models.compiled.library import Library

LIBRARY = Library("models.raters", Path(__file__).parent, ("features", "layers", "ngrams", "statistics"))
inner, export = LIBRARY.inner, LIBRARY.export
