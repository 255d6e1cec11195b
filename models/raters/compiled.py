"""The compiled functions of this package."""

from pathlib import Path

from curricle.models.compiled.library import Library

LIBRARY = Library("curricle.models.raters", Path(__file__).parent, ("features", "layers", "ngrams", "statistics"))
inner, export = LIBRARY.inner, LIBRARY.export
