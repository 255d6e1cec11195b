"""The raters that a recipe or `curricle raters rate` can name: one configuration each, told apart by `rater`."""

from pathlib import Path
from typing import Annotated, Any, Final, Literal

from curricle.models.catalog import model_folder
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
    """`model`: a starter student's name, one in the cache, or a model folder's path."""

    rater: Literal["student"] = "student"
    prefix: ColumnName = "quality"
    model: str = Field(default="student", min_length=1)

    def writes(self) -> tuple[Column, ...]:
        """The 14 ratings, a raw score to rank by, and a status."""
        return student_columns(self.prefix)

    def scores(self) -> tuple[str, ...]:
        """The 14 ratings and the raw score."""
        return (*criteria(self.prefix), f"{self.prefix}_overall_raw")

    def packages(self) -> tuple[str, ...]:
        """Tokenizer and normalization."""
        return ("sentencepiece", "unicodedata")

    def models(self) -> tuple[Path, ...]:
        """The student's folder; ModelError if there is none."""
        return (model_folder(self.model),)

    def load(self) -> Rater:
        """The student."""
        return student.load(*self.models())


RaterConfigs = StudentConfig | DataManConfig | ClassifierConfig | EndpointConfig
AnyRater = Annotated[RaterConfigs, Field(discriminator="rater")]

KINDS: Final[dict[str, type[RaterConfigs]]] = {
    "student": StudentConfig,
    "dataman": DataManConfig,
    "classifier": ClassifierConfig,
    "endpoint": EndpointConfig,
}
"""By what `rater` says."""


def with_kind(values: Any) -> Any:
    """One rater's settings with `rater` filled in: the student where it is left out, and where it is a student of one's own
    (`rater: ./my-student`). ValueError for an unknown one with settings of its own.
    """
    if not isinstance(values, dict):
        return values
    name = str(values.get("rater", "student"))
    if name in KINDS:
        return {**values, "rater": name}
    if values.keys() <= {"rater", "prefix"}:
        return {**values, "rater": "student", "model": name}
    raise ValueError(f"no rater {name!r}{did_you_mean(name, KINDS)}")
