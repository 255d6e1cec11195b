"""A recipe: which stages run, in which order, with which settings, and the rules of the decision. YAML, checked whole."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import orjson
import yaml
from curricle.pipelines.plan.stage_table import find_stage, outside_module
from curricle.schemas import yaml_file
from curricle.schemas.config import Config, did_you_mean, explain_error
from curricle.schemas.extensions import ExtensionError, look_in
from curricle.schemas.function_stage import FUNCTION
from curricle.schemas.rule import Rule
from curricle.schemas.rule_sets import RuleSetError, expand
from curricle.schemas.stage import Step
from curricle.schemas.thresholds import Thresholds, ThresholdsError, is_thresholds_file, read_thresholds
from curricle.stages.read.config import ReadConfig
from pydantic import ValidationError

SHIPPED = Path(__file__).parents[1] / "recipes"
C = TypeVar("C", bound=Config)

KEYS = ("description", "read", "stages", "decide")
STEP_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")


class RecipeError(ValueError):
    """A recipe that cannot be run: one line with file, entry and, for a name, the nearest known one."""


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
    """The recipe at a path or of a shipped name, with `--set` settings (`a.b=YAML`) put in; RecipeError, or it can run."""
    path = yaml_file.find(name, "recipe", SHIPPED, RecipeError)
    content = yaml_file.read_mapping(path, name, f"a recipe is a mapping with the keys {', '.join(KEYS)}", RecipeError)
    for setting in settings:
        put_setting(content, setting)
    folder = Path() if path.parent == SHIPPED else path.parent
    look_in(folder, Path())
    return check_recipe(path.stem, content, name, folder)


def check_recipe(name: str, content: dict[str, Any], where: str, folder: Path = Path()) -> Recipe:
    """Plain values to a Recipe; `where` goes in front of every message, paths of thresholds files start in `folder`."""
    for key in content:
        if key not in KEYS:
            raise RecipeError(f"{where}: {key}: unknown key{did_you_mean(str(key), KEYS)}")
    stages = content.get("stages") or {}
    rules = content.get("decide") or []
    if not isinstance(stages, dict) or not isinstance(rules, list):
        raise RecipeError(f"{where}: stages is a mapping from stage to settings, decide a list of rules")
    steps = tuple(  # `--set stages.quality=false` leaves a stage out
        _step(str(step), values or {}, f"{where}: stages.{step}") for step, values in stages.items() if values is not False
    )
    decide: list[Rule] = []
    used: list[tuple[str, Thresholds]] = []
    for number, entry in enumerate(rules):
        at = f"{where}: decide.{number}"
        calibrated = _thresholds(entry, at, folder)
        decide += _rules(entry, at, calibrated)
        if calibrated:
            used.append((f"{at}: {entry['use']}", calibrated))
    names = [rule.name for rule in decide]
    for rule in names:
        if names.count(rule) > 1:
            raise RecipeError(f"{where}: decide: two rules are named {rule!r}")
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
    if stage.load:
        try:
            hash(config)
        except TypeError as error:
            raise RecipeError(
                f"{where}: {stage.config.__name__} cannot be hashed ({error}): use tuples, not lists or dicts"
            ) from None
    return Step(name, stage, config, use if use != name else None, module)


def _checked(kind: type[C], values: object, where: str) -> C:
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise RecipeError(explain_error(error, kind, where)) from None


def _thresholds(entry: object, where: str, folder: Path) -> Thresholds | None:
    """The calibrated file that an entry uses; None for a rule or a published set."""
    if not isinstance(entry, dict) or not is_thresholds_file(str(entry.get("use"))):
        return None
    try:
        return read_thresholds(folder / str(entry["use"]))
    except ThresholdsError as error:
        raise RecipeError(f"{where}: {error}") from None


def _rules(entry: object, where: str, calibrated: Thresholds | None) -> list[Rule]:
    """One rule, or those of a published set or thresholds file: `{use: NAME, set: {RULE: {max: 0.2}}, without: [RULE]}`."""
    if not isinstance(entry, dict) or "use" not in entry:
        return [_checked(Rule, entry, where)]
    for key in entry:
        if key not in ("use", "set", "without"):
            raise RecipeError(f"{where}.{key}: unknown key{did_you_mean(str(key), ('use', 'set', 'without'))}")
    try:
        found = [rule.model_dump(by_alias=True) for rule in calibrated.rules] if calibrated else expand(str(entry["use"]))
        rules = {rule["name"]: rule for rule in found}
    except RuleSetError as error:
        raise RecipeError(f"{where}: {error}") from None
    changes, without = entry.get("set") or {}, entry.get("without") or []
    for name in (*changes, *without):
        if name not in rules:
            raise RecipeError(f"{where}: {entry['use']} has no rule {name!r}{did_you_mean(str(name), rules)}")
    return [_checked(Rule, {**rule, **changes.get(name, {})}, where) for name, rule in rules.items() if name not in without]


def put_setting(content: dict[str, Any], setting: str) -> None:
    """Put `a.b=YAML` into nested plain values; RecipeError where it is no such setting."""
    key, equals, value = setting.partition("=")
    if not equals:
        raise RecipeError(f"--set {setting}: give KEY=VALUE, such as stages.language.min_score=0.5")
    *parents, last = key.split(".")
    for part in parents:
        if content.get(part) is None:
            content[part] = {}
        content = content[part]
        if not isinstance(content, dict):
            raise RecipeError(f"--set {setting}: {part} is not a mapping")
    try:
        content[last] = yaml.safe_load(value)
    except yaml.YAMLError:
        raise RecipeError(f"--set {setting}: the value is not YAML") from None
