"""The compiled functions of this package."""

from pathlib import Path

from curricle.models.compiled.library import Library

LIBRARY = Library("curricle.pipelines.curriculum", Path(__file__).parent, ("radix",))
inner, export = LIBRARY.inner, LIBRARY.export
