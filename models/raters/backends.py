"""The raters that a recipe or `curricle raters rate` can name. The key `rater` selects the configuration.

A rater from outside is named by the module and class of its settings, or by an entry point.
"""

from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import Field, SerializeAsAny, ValidationError, ValidatorFunctionWrapHandler, WrapValidator

from curricle.errors import did_you_mean
from curricle.models.catalog import model_of_kind
from curricle.models.raters import student
from curricle.models.raters.classifier import ClassifierConfig
from curricle.models.raters.endpoint import EndpointConfig
from curricle.models.raters.generate import DataManConfig
from curricle.models.raters.rater import ColumnName, OutsideRaterConfig, Rater, criteria
from curricle.schemas.column import Column
from curricle.schemas.columns import raw_columns, student_columns
from curricle.schemas.config import Config, explain_error
from curricle.schemas.extensions import ExtensionError, extension_names, find_extension, is_reference


class StudentConfig(Config):
    """Settings of the student."""

    rater: Literal["student"] = "student"
    """Selects this rater."""
    prefix: ColumnName = "quality"
    """How the names of its columns begin."""
    model: str = Field(default="student", min_length=1)
    """Name of a starter student or of one in the cache, or path of a model folder."""

    raw: bool = False
    """Write the scores of all criteria before rounding too, as `<prefix>_<criterion>_raw`; that of the overall score is always
    written. They rank better than the ratings: docs/raters.md.
    """

    def writes(self) -> tuple[Column, ...]:
        """The 14 ratings, a raw score for ranking, and a status; on request the other raw scores."""
        return student_columns(self.prefix) + (raw_columns(self.prefix) if self.raw else ())

    def scores(self) -> tuple[str, ...]:
        """The 14 ratings and the raw scores."""
        raw = (column.name for column in raw_columns(self.prefix)) if self.raw else ()
        return (*criteria(self.prefix), f"{self.prefix}_overall_raw", *raw)

    def packages(self) -> tuple[str, ...]:
        """Tokenizer and normalization."""
        return ("sentencepiece", "unicodedata")

    def models(self) -> tuple[Path, ...]:
        """The folder of the student; ModelError where it is missing or another kind of model."""
        return (model_of_kind(self.model, "rater"),)

    def load(self) -> Rater:
        """Load the student."""
        return student.load(*self.models())


BuiltInRater = StudentConfig | DataManConfig | ClassifierConfig | EndpointConfig
RaterConfigs = BuiltInRater | OutsideRaterConfig

KINDS: Final[dict[str, type[BuiltInRater]]] = {
    "student": StudentConfig,
    "dataman": DataManConfig,
    "classifier": ClassifierConfig,
    "endpoint": EndpointConfig,
}
"""Configurations by the value of `rater`."""

GROUP: Final = "curricle.raters"
"""Entry points whose values are subclasses of OutsideRaterConfig."""


def kind_of(name: str) -> type[RaterConfigs]:
    """The class of the settings of a rater: one of ours, one at `module:CLASS`, or an entry point; ExtensionError, one line."""
    if name in KINDS:
        return KINDS[name]
    found = find_extension(name, GROUP)
    if not (isinstance(found, type) and issubclass(found, OutsideRaterConfig)):
        what = "class" if isinstance(found, type) else type(found).__name__
        raise ExtensionError(f"{name} is a {what}, not a subclass of OutsideRaterConfig")
    return found


def _checked(values: Any, built_in: ValidatorFunctionWrapHandler) -> Any:
    """Settings with `rater` to a configuration: pydantic knows only ours."""
    if isinstance(values, OutsideRaterConfig) or not isinstance(values, dict) or values.get("rater") in KINDS:
        return values if isinstance(values, OutsideRaterConfig) else built_in(values)
    kind = kind_of(str(values.get("rater")))
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise ValueError(explain_error(error, kind, str(values["rater"]))) from None


AnyRater = Annotated[
    SerializeAsAny[Annotated[BuiltInRater, Field(discriminator="rater")]],
    WrapValidator(_checked),
]


def with_kind(values: Any) -> Any:
    """The settings of one rater with `rater` filled in.

    It defaults to the student. Another value without further settings is the model of a student (`rater: ./my-student`);
    ValueError for an unknown rater that has settings.
    """
    if not isinstance(values, dict):
        return values
    name = str(values.get("rater", "student"))
    if name in KINDS or is_reference(name) or name in extension_names(GROUP):
        return {**values, "rater": name}
    if values.keys() <= {"rater", "prefix"}:
        return {**values, "rater": "student", "model": name}
    raise ValueError(f"no rater {name!r}{did_you_mean(name, [*KINDS, *extension_names(GROUP)])}")
