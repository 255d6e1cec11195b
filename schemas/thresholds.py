"""A thresholds file: rules calibrated on the scores of some models, and these models. `decide: [{use: ./FILE.yaml}]`."""

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from curricle.errors import ThresholdsError as ThresholdsError
from curricle.schemas.config import Config, explain_error
from curricle.schemas.rule import Rule
from curricle.schemas.yaml_file import read_mapping


class ModelUse(Config):
    """A model that gave the scores."""

    name: str
    sha256: str = Field(pattern="^[0-9a-f]{64}$")


class Thresholds(Config):
    """The content of a file that `curricle models calibrate` writes."""

    name: str
    column: str
    method: Literal["quantiles", "valley", "labels"]
    command: str  # the command that made the file
    runs: tuple[dict[str, Any], ...]  # the outputs read: folder, fingerprint, documents
    models: dict[str, ModelUse]  # by key in a recipe, such as `perplexity.clean.en`; the rules are valid only for these
    figures: dict[str, dict[str, Any]]  # by language: documents, thresholds, results; [value, low, high] with a 95 % interval
    rules: tuple[Rule, ...]


def read_thresholds(path: Path) -> Thresholds:
    """Read and check the file; ThresholdsError if it is wrong."""
    shape = "neither a list of rules nor a thresholds file that `curricle models calibrate` wrote"
    content = read_mapping(path, str(path), shape, ThresholdsError)
    if "rules" not in content:
        raise ThresholdsError(f"{path}: {shape}")
    try:
        return Thresholds.model_validate(content)
    except ValidationError as error:
        raise ThresholdsError(explain_error(error, Thresholds, str(path))) from None
