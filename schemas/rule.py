"""A rule is data: a name, a column, and the values with which a row stays."""

from math import isnan
from typing import Literal, Self

from pydantic import Field, model_validator

from curricle.schemas.condition import Where
from curricle.schemas.config import Config
from curricle.schemas.languages import UNDETERMINED, canonical

DEFAULT = "default"

Bound = float | dict[str, float] | None
Value = str | bool | int | float


class Rule(Config):
    """A row fails if its value is under `min`, over `max`, outside `in` or inside `not_in`; bounds are inclusive.

    A bound may be a map from language code (or `default`) to number: a language that is not in the map is not judged.
    `on_null` says what a null value means: the row stays, or it fails.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9_.@-]+$")
    """Name of the rule: what `reject_reason` and `failed_rules` say."""
    column: str
    """The column that is judged."""
    min: Bound = None
    """Smallest value that passes: a number, or a mapping of language codes (or `default`) to numbers."""
    max: Bound = None
    """Largest value that passes, in the same form."""
    values_in: tuple[Value, ...] | None = Field(None, alias="in")
    """The values that pass."""
    not_in: tuple[Value, ...] | None = None
    """Values that fail."""
    on_null: Literal["keep", "reject"] = "keep"
    """What a null means: the document stays (`keep`), or fails the rule (`reject`)."""
    where: Where | None = None
    """Only documents with these values are judged: column to a value, a list of values, `{not_in: [...]}` or `{min, max}`."""
    source: str | None = None
    """Where the threshold comes from. A note for readers."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        tests = (self.min, self.max, self.values_in, self.not_in)
        if all(test is None for test in tests) and self.on_null == "keep":
            raise ValueError(f"rule {self.name!r} rejects nothing; give min, max, in, not_in or on_null: reject")
        bounds = [number for bound in (self.min, self.max) for number in (bound.values() if isinstance(bound, dict) else [bound])]
        if any(number is not None and isnan(number) for number in bounds):
            raise ValueError(f"rule {self.name!r}: min and max must be numbers, not NaN")
        if isinstance(self.min, float) and isinstance(self.max, float) and self.min > self.max:
            raise ValueError(f"rule {self.name!r}: min ({self.min:g}) is greater than max ({self.max:g})")
        codes = [code for bound in (self.min, self.max) if isinstance(bound, dict) for code in bound if code != DEFAULT]
        if self.column == "language":
            codes += _texts((*(self.values_in or ()), *(self.not_in or ())))
        if self.where and (condition := self.where.get("language")):
            codes += _texts((*(condition.values_in or ()), *(condition.not_in or ())))
        for code in codes:
            if code != UNDETERMINED:
                canonical(code)
        return self

    @property
    def per_language(self) -> bool:
        """True if a bound is a map: the rule reads the column `language` too."""
        return isinstance(self.min, dict) or isinstance(self.max, dict)

    def reads(self) -> tuple[str, ...]:
        """Names of the columns that the rule needs."""
        return tuple(dict.fromkeys([self.column, *(["language"] if self.per_language else []), *(self.where or ())]))


def _texts(values: tuple[Value, ...]) -> list[str]:
    """The language codes; ValueError for what YAML took for something else, such as `no` without quotes."""
    for value in values:
        if not isinstance(value, str):
            raise ValueError(f"a language code is text, not {value!r}; put it in quotes")
    return [str(value) for value in values]
