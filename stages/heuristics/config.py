"""Settings of the stage `heuristics`."""

from pathlib import Path
from typing import ClassVar

from pydantic import field_validator

from schemas.column import Column
from schemas.config import Config
from schemas.heuristic_columns import HEURISTICS
from schemas.languages import canonical


class HeuristicsConfig(Config):
    """`language`: the language of all rows; None reads the column `language`."""

    expensive: ClassVar[bool] = False

    language: str | None = None

    @field_validator("language")
    @classmethod
    def _known(cls, language: str | None) -> str | None:
        return None if language is None else canonical(language)

    def reads(self) -> tuple[str, ...]:
        """Columns that must be there."""
        return ("text",) if self.language else ("text", "language")

    def writes(self) -> tuple[Column, ...]:
        """Columns that are appended, in order."""
        return HEURISTICS

    def models(self) -> tuple[Path, ...]:
        """No model."""
        return ()
