"""A recipe: which stages run, in which order and with which settings, and its rules. All of its YAML is checked."""

import hashlib
import pickle
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from curricle.errors import RecipeError as RecipeError
from curricle.errors import did_you_mean
from curricle.pipelines.plan.checked import checked
from curricle.pipelines.plan.rules import read_rules
from curricle.pipelines.plan.settings import RuleChange, apply_settings
from curricle.pipelines.plan.stage_table import find_stage, outside_module
from curricle.schemas import yaml_file
from curricle.schemas.extensions import ExtensionError, look_in
from curricle.schemas.function_stage import FUNCTION
from curricle.schemas.rule import Rule
from curricle.schemas.stage import Step
from curricle.schemas.thresholds import Thresholds
from curricle.stages.read.config import ReadConfig

SHIPPED = Path(__file__).parents[1] / "recipes"

KEYS = ("description", "read", "stages", "decide")
STEP_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")


@dataclass(frozen=True)
class Recipe:
    """A checked recipe; `steps` are its stages, in the order of the file."""

    name: str
    description: str
    read: ReadConfig
    steps: tuple[Step, ...]
    decide: tuple[Rule, ...]
    thresholds: tuple[tuple[str, Thresholds], ...] = ()  # files that `decide` uses, each with its entry

    def resolved(self) -> dict[str, Any]:
        """Everything, defaults included, as plain values: what recipe.yaml in the output holds."""
        return {
            "description": self.description,
            "read": self.read.model_dump(mode="json"),
            "stages": {step.name: step.settings() for step in self.steps},
            "decide": [rule.model_dump(mode="json", by_alias=True, exclude_none=True) for rule in self.decide],
        }

    def sha256(self) -> str:
        """Hash of what changes the output."""
        content = {key: value for key, value in self.resolved().items() if key != "description"}
        return hashlib.sha256(orjson.dumps(content)).hexdigest()


def load_recipe(name: str, settings: Sequence[str] = ()) -> Recipe:
    """The recipe at a path or with a shipped name, with `--set` settings (`a.b=YAML`) applied; RecipeError if it cannot run."""
    path = yaml_file.find(name, "recipe", SHIPPED, RecipeError)
    content = yaml_file.read_mapping(path, name, f"a recipe must be a mapping with the keys {', '.join(KEYS)}", RecipeError)
    changes = apply_settings(content, settings)
    folder = Path() if path.parent == SHIPPED else path.parent
    look_in(folder, Path())
    return check_recipe(path.stem, content, name, folder, changes)


def check_recipe(
    name: str, content: dict[str, Any], where: str, folder: Path = Path(), changes: Sequence[RuleChange] = ()
) -> Recipe:
    """Plain values to a Recipe, its rules with `changes`; `where` begins every message, and paths start in `folder`."""
    for key in content:
        if key not in KEYS:
            raise RecipeError(f"{where}: {key}: unknown key{did_you_mean(str(key), KEYS)}")
    stages = content.get("stages") or {}
    rules = content.get("decide") or []
    if not isinstance(stages, dict) or not isinstance(rules, list):
        raise RecipeError(f"{where}: stages must be a mapping of stages to settings, and decide a list of rules")
    steps = tuple(  # `--set stages.quality=false` leaves a stage out
        _step(str(step), values or {}, f"{where}: stages.{step}") for step, values in stages.items() if values is not False
    )
    decide, used = read_rules(rules, where, folder, changes)
    read = checked(ReadConfig, content.get("read") or {}, f"{where}: read")
    return Recipe(name, str(content.get("description", "")), read, steps, decide, used)


def _step(name: str, values: Any, where: str) -> Step:
    """One entry under `stages`: the stage is the one that `use` names, or the one of the entry's own name."""
    use = name
    if isinstance(values, dict) and "use" in values:
        values = dict(values)
        use = str(values.pop("use"))
    if name == "decide" or not STEP_NAME.fullmatch(name):
        raise RecipeError(f"{where}: a stage's name is made of letters, digits, _ and -, and is not 'decide'")
    try:
        stage, module = find_stage(use), outside_module(use)
    except ExtensionError as error:
        raise RecipeError(f"{where}: {error}") from None
    if stage is FUNCTION:
        values = {"use": use, **values} if isinstance(values, dict) else values
    config = checked(stage.config, values, where)
    step = Step(name, stage, config, use if use != name else None, module)
    if module:
        try:
            step.check()
        except ExtensionError as error:
            raise RecipeError(f"{where}: {error}") from None
    try:
        pickle.dumps(step), hash(config)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise RecipeError(
            f"{where}: the stage cannot be sent to workers: {error}; its functions must be defined at the top of a module, "
            "and its settings must be hashable (tuples, not lists or dicts)"
        ) from None
    return step
