"""A plan's YAML, checked whole."""

from pathlib import Path

import yaml
from pydantic import ValidationError

from pipelines.curriculum.errors import CurriculumError
from schemas.config import did_you_mean, explain_error
from schemas.curriculum import Curriculum

SHIPPED = Path(__file__).parents[1] / "plans"


def shipped_plans() -> list[str]:
    """Names of the plans in the package."""
    return sorted(path.stem for path in SHIPPED.glob("*.yaml"))


def load_plan(name: str) -> Curriculum:
    """The plan at a path or of a shipped name; CurriculumError, one line with file and entry."""
    path = Path(name)
    if path.suffix not in (".yaml", ".yml"):
        path = SHIPPED / f"{name}.yaml"
        if not path.is_file():
            raise CurriculumError(f"no plan named {name!r}{did_you_mean(name, shipped_plans())}")
    try:
        content = yaml.safe_load(path.read_text("utf-8"))
    except OSError as error:
        raise CurriculumError(f"{name}: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise CurriculumError(f"{name}: not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict):
        raise CurriculumError(f"{name}: a plan is a mapping with the keys {', '.join(Curriculum.model_fields)}")
    try:
        return Curriculum.model_validate(content)
    except ValidationError as error:
        raise CurriculumError(explain_error(error, Curriculum, name)) from None
