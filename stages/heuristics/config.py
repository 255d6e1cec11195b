"""Settings of the stage `heuristics`."""

from typing import Literal

from pydantic import Field, field_validator

from curricle.schemas.column import Column
from curricle.schemas.config import Config
from curricle.schemas.heuristic_columns import VARIANTS
from curricle.schemas.languages import canonical

Variant = Literal["datatrove", "curricle", "nemo-curator", "dolma"]

SPLIT = frozenset({"datatrove", "curricle"})
"""Variants whose words are split by language."""


class HeuristicsConfig(Config):
    """Settings of the stage `heuristics`."""

    language: str | None = None
    """The language of all documents. Without it, the column `language` is read."""
    variants: tuple[Variant, ...] = Field(("datatrove",), min_length=1)
    """Whose way of counting. Each has its own columns and takes its own time; `datatrove` and `curricle` need the language."""

    @field_validator("language")
    @classmethod
    def _known(cls, language: str | None) -> str | None:
        return None if language is None else canonical(language)

    def reads(self) -> tuple[str, ...]:
        """Required columns."""
        return ("text",) if self.language or not SPLIT.intersection(self.variants) else ("text", "language")

    def writes(self) -> tuple[Column, ...]:
        """Appended columns, in order."""
        return tuple(column for name, group in VARIANTS.items() if name in self.variants for column in group)
