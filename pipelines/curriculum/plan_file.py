"""A plan's YAML, checked whole."""

from pathlib import Path

from pydantic import ValidationError

from pipelines.curriculum.errors import CurriculumError
from schemas import yaml_file
from schemas.config import explain_error
from schemas.curriculum import Curriculum

SHIPPED = Path(__file__).parents[1] / "plans"


def load_plan(name: str) -> Curriculum:
    """The plan at a path or of a shipped name; CurriculumError, one line with file and entry."""
    path = yaml_file.find(name, "plan", SHIPPED, CurriculumError)
    keys = ", ".join(Curriculum.model_fields)
    content = yaml_file.read_mapping(path, name, f"a plan is a mapping with the keys {keys}", CurriculumError)
    try:
        return Curriculum.model_validate(content)
    except ValidationError as error:
        raise CurriculumError(explain_error(error, Curriculum, name)) from None
