"""A recipe: which stages run, in which order and with which settings, and its rules. All of its YAML is checked."""

import hashlib
import pickle
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import orjson
from pydantic import ValidationError

from curricle.errors import RecipeError as RecipeError
from curricle.errors import did_you_mean
from curricle.pipelines.plan.stage_table import find_stage, outside_module
from curricle.schemas import yaml_file
from curricle.schemas.config import Config, explain_error
from curricle.schemas.extensions import ExtensionError, look_in
from curricle.schemas.function_stage import FUNCTION
from curricle.schemas.rule import Rule
from curricle.schemas.rule_sets import RuleSetError, expand, holds_rules, is_rule_file
from curricle.schemas.stage import Step
from curricle.schemas.thresholds import Thresholds, ThresholdsError, read_thresholds
from curricle.stages.read.config import ReadConfig

SHIPPED = Path(__file__).parents[1] / "recipes"
C = TypeVar("C", bound=Config)

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
    for setting in settings:
        put_setting(content, setting)
    folder = Path() if path.parent == SHIPPED else path.parent
    look_in(folder, Path())
    return check_recipe(path.stem, content, name, folder)


def check_recipe(name: str, content: dict[str, Any], where: str, folder: Path = Path()) -> Recipe:
    """Plain values to a Recipe; `where` begins every message, and paths of rule sets and thresholds files start in `folder`."""
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
    decide: list[Rule] = []
    used: list[tuple[str, Thresholds]] = []
    for number, entry in enumerate(rules):
        at = f"{where}: decide.{number}"
        added, calibrated = _rules(entry, at, folder)
        decide += added
        if calibrated:
            used.append((f"{at}: {entry['use']}", calibrated))
    names = [rule.name for rule in decide]
    for rule in names:
        if names.count(rule) > 1:
            raise RecipeError(f"{where}: decide: two rules are named {rule!r}; names must be unique")
    read = _checked(ReadConfig, content.get("read") or {}, f"{where}: read")
    return Recipe(name, str(content.get("description", "")), read, steps, tuple(decide), tuple(used))


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
    config = _checked(stage.config, values, where)
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


def _checked(kind: type[C], values: object, where: str) -> C:
    """`where`: the file, and after `: ` the key of the values."""
    file, _, key = where.rpartition(": ")
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise RecipeError(explain_error(error, kind, file, key)) from None


def _rules(entry: object, where: str, folder: Path) -> tuple[list[Rule], Thresholds | None]:
    """One rule, or those of a rule set or thresholds file: `{use: NAME, set: {RULE: {max: 0.2}}, without: [RULE]}`.

    The thresholds file too, if it is one.
    """
    if not isinstance(entry, dict) or "use" not in entry:
        return [_checked(Rule, entry, where)], None
    for key in entry:
        if key not in ("use", "set", "without"):
            raise RecipeError(f"{where}.{key}: unknown key{did_you_mean(str(key), ('use', 'set', 'without'))}")
    name, calibrated = str(entry["use"]), None
    try:
        if is_rule_file(name) and not holds_rules(folder / name):
            calibrated = read_thresholds(folder / name)
            found = [rule.model_dump(by_alias=True) for rule in calibrated.rules]
        else:
            found = expand(name, folder)
    except (RuleSetError, ThresholdsError) as error:
        raise RecipeError(f"{where}: {error}") from None
    rules = {rule["name"]: rule for rule in found}
    changes, without = entry.get("set") or {}, entry.get("without") or []
    if not isinstance(changes, dict) or not all(isinstance(change, dict) for change in changes.values()):
        raise RecipeError(f"{where}.set must be a mapping of rules to what changes, such as {{RULE: {{max: 0.2}}}}")
    if not isinstance(without, list):
        raise RecipeError(f"{where}.without must be a list of rules")
    for rule_name in (*changes, *without):
        if rule_name not in rules:
            raise RecipeError(f"{where}: {name} has no rule {rule_name!r}{did_you_mean(str(rule_name), rules)}")
    chosen = [{**rule, **changes.get(key, {})} for key, rule in rules.items() if key not in without]
    return [_checked(Rule, rule, where) for rule in chosen], calibrated


def _not_settable(part: str) -> str:
    if part == "decide":
        return "decide is a list of rules, of which no single one can be set: copy the recipe and edit the rule"
    return f"{part} is not a mapping"


def put_setting(content: dict[str, Any], setting: str) -> None:
    """Put `a.b=YAML` into nested plain values; RecipeError if it is not such a setting."""
    key, equals, value = setting.partition("=")
    if not equals:
        raise RecipeError(f"--set {setting}: must be KEY=VALUE, such as stages.language.min_score=0.5")
    *parents, last = key.split(".")
    for part in parents:
        if content.get(part) is None:
            content[part] = {}
        content = content[part]
        if not isinstance(content, dict):
            raise RecipeError(f"--set {setting}: {_not_settable(part)}")
    try:
        content[last] = yaml_file.parse_yaml(value)
    except ValueError as error:
        raise RecipeError(f"--set {setting}: {error}") from None
