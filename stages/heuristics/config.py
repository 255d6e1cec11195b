"""Settings of the stage `heuristics`."""

from pathlib import Path
from typing import ClassVar, Literal

from curricle.schemas.column import Column
from curricle.schemas.config import Config
from curricle.schemas.heuristic_columns import VARIANTS
from curricle.schemas.languages import canonical
from pydantic import Field, field_validator

Variant = Literal["datatrove", "nemo-curator", "dolma"]


class HeuristicsConfig(Config):
    """`language`: the language of all rows; None reads the column `language`. `variants`: whose ways of counting; each takes
    its own time, and only `datatrove` needs the language.
    """

    expensive: ClassVar[bool] = False
    preload: ClassVar[tuple[str, ...]] = (
        "curricle.stages.heuristics.measures",
        "curricle.stages.heuristics.whitespace_measures",
    )

    language: str | None = None
    variants: tuple[Variant, ...] = Field(("datatrove",), min_length=1)

    @field_validator("language")
    @classmethod
    def _known(cls, language: str | None) -> str | None:
        return None if language is None else canonical(language)

    def reads(self) -> tuple[str, ...]:
        """Required columns."""
        return ("text",) if self.language or "datatrove" not in self.variants else ("text", "language")

    def writes(self) -> tuple[Column, ...]:
        """Appended columns, in order."""
        return tuple(column for name, group in VARIANTS.items() if name in self.variants for column in group)

    def packages(self) -> tuple[str, ...]:
        """Python's Unicode tables tell letters from punctuation."""
        return ("unicodedata",)

    def models(self) -> tuple[Path, ...]:
        """No model."""
        return ()
