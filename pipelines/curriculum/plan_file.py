"""Reads and checks a plan's YAML, with the mixture files that it names."""

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from curricle.pipelines.curriculum.errors import CurriculumError
from curricle.schemas import yaml_file
from curricle.schemas.config import explain_error
from curricle.schemas.curriculum import Curriculum, MixtureFile
from curricle.schemas.extensions import look_in

SHIPPED = Path(__file__).parents[1] / "plans"


def load_plan(name: str) -> Curriculum:
    """The plan at a path, or a shipped plan by name; CurriculumError, one line with file and key."""
    path = yaml_file.find(name, "plan", SHIPPED, CurriculumError)
    keys = ", ".join(Curriculum.model_fields)
    content = yaml_file.read_mapping(path, name, f"a plan is a mapping with the keys {keys}", CurriculumError)
    return check_plan(content, name, path.parent)


def check_plan(content: dict[str, Any], name: str, folder: Path = Path()) -> Curriculum:
    """Plain values to a plan; `name` begins every message, and paths of mixture files start in `folder`. CurriculumError."""
    look_in(folder, Path())
    content, phases = dict(content), content.get("phases")
    if isinstance(phases, list):
        content["phases"] = [
            _with_mixture(phase, folder, f"{name}: phases.{number}.mixture") for number, phase in enumerate(phases)
        ]
    try:
        return Curriculum.model_validate(content)
    except ValidationError as error:
        raise CurriculumError(explain_error(error, Curriculum, name)) from None


def _with_mixture(phase: Any, folder: Path, at: str) -> Any:
    """The phase with the mixture that it names put in, if it names one."""
    if isinstance(phase, dict) and isinstance(phase.get("mixture"), dict) and "file" in phase["mixture"]:
        return phase | {"mixture": _included(phase["mixture"], folder, at)}
    return phase


def _included(mixture: dict[str, Any], folder: Path, at: str) -> dict[str, Any]:
    """The mixture, with `by` and `weights` from the file that it names (path relative to the plan's folder)."""
    for key in ("by", "weights", "proportional"):
        if key in mixture:
            raise CurriculumError(f"{at}: give either file or {key}, not both")
    path = folder / str(mixture["file"])
    content = yaml_file.read_mapping(path, f"{at}: {path}", "a mixture file is a mapping with by and weights", CurriculumError)
    try:
        included = MixtureFile.model_validate(content)
    except ValidationError as error:
        raise CurriculumError(f"{at}: {explain_error(error, MixtureFile, str(path))}") from None
    others = {key: value for key, value in mixture.items() if key != "file"}
    return others | included.model_dump(include={"by", "weights", "proportional"}, exclude_unset=True)
