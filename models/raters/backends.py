"""The raters that a recipe or `curricle raters rate` can name. The key `rater` selects the configuration."""

from pathlib import Path
from typing import Annotated, Any, Final, Literal

from curricle.models.catalog import model_of_kind
from curricle.models.raters import student
from curricle.models.raters.classifier import ClassifierConfig
from curricle.models.raters.endpoint import EndpointConfig
from curricle.models.raters.generate import DataManConfig
from curricle.models.raters.rater import ColumnName, Rater, criteria
from curricle.schemas.column import Column
from curricle.schemas.columns import student_columns
from curricle.schemas.config import Config, did_you_mean
from pydantic import Field


class StudentConfig(Config):
    """`model` is the name of a starter student or of one in the cache, or the path of a model folder."""

    rater: Literal["student"] = "student"
    prefix: ColumnName = "quality"
    model: str = Field(default="student", min_length=1)

    def writes(self) -> tuple[Column, ...]:
        """The 14 ratings, a raw score for ranking, and a status."""
        return student_columns(self.prefix)

    def scores(self) -> tuple[str, ...]:
        """The 14 ratings and the raw score."""
        return (*criteria(self.prefix), f"{self.prefix}_overall_raw")

    def packages(self) -> tuple[str, ...]:
        """Tokenizer and normalization."""
        return ("sentencepiece", "unicodedata")

    def models(self) -> tuple[Path, ...]:
        """The folder of the student; ModelError where it is missing or another kind of model."""
        return (model_of_kind(self.model, "rater"),)

    def load(self) -> Rater:
        """Load the student."""
        return student.load(*self.models())


RaterConfigs = StudentConfig | DataManConfig | ClassifierConfig | EndpointConfig
AnyRater = Annotated[RaterConfigs, Field(discriminator="rater")]

KINDS: Final[dict[str, type[RaterConfigs]]] = {
    "student": StudentConfig,
    "dataman": DataManConfig,
    "classifier": ClassifierConfig,
    "endpoint": EndpointConfig,
}
"""Configurations by the value of `rater`."""


def with_kind(values: Any) -> Any:
    """The settings of one rater with `rater` filled in.

    It defaults to the student. Another value without further settings is the model of a student (`rater: ./my-student`);
    ValueError for an unknown rater that has settings.
    """
    if not isinstance(values, dict):
        return values
    name = str(values.get("rater", "student"))
    if name in KINDS:
        return {**values, "rater": name}
    if values.keys() <= {"rater", "prefix"}:
        return {**values, "rater": "student", "model": name}
    raise ValueError(f"no rater {name!r}{did_you_mean(name, KINDS)}")
