"""A condition on a column: which documents a rule judges, a phase draws from or a set holds out."""

from typing import Any, Self

from pydantic import Field, model_validator

from curricle.schemas.config import Config


class Condition(Config):
    """What a value must be: in [min, max], one of `in`, none of `not_in`; a bare value or list is `in`. A null never passes."""

    min: float | None = None
    """Smallest value that passes."""
    max: float | None = None
    """Largest value that passes."""
    values_in: tuple[str | bool | int | float, ...] | None = Field(None, alias="in")
    """Values that pass."""
    not_in: tuple[str | bool | int | float, ...] | None = None
    """Values that do not pass."""

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        return value if isinstance(value, dict) else {"in": value if isinstance(value, list) else [value]}

    @model_validator(mode="after")
    def _check(self) -> Self:
        forms = (self.min is not None or self.max is not None, self.values_in is not None, self.not_in is not None)
        if sum(forms) != 1:
            raise ValueError("give min, max or both, or a list of values (in), or not_in")
        return self

    @property
    def is_range(self) -> bool:
        """True if the column must hold numbers."""
        return self.values_in is None and self.not_in is None


Where = dict[str, Condition]
"""Conditions by column; all must be met."""
