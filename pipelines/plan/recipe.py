"""A recipe: which stages run, in which order, with which settings, and the rules of the decision. YAML, checked whole."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import orjson
from curricle.pipelines.plan.stage_table import STAGES
from curricle.schemas import yaml_file
from curricle.schemas.config import Config, did_you_mean, explain_error
from curricle.schemas.rule import Rule
from curricle.schemas.rule_sets import RuleSetError, expand
from curricle.schemas.thresholds import Thresholds, ThresholdsError, is_thresholds_file, read_thresholds
from curricle.stages.read.config import ReadConfig
from pydantic import ValidationError

from curricle.errors import RecipeError as RecipeError

SHIPPED = Path(__file__).parents[1] / "recipes"
C = TypeVar("C", bound=Config)

KEYS = ("description", "read", "stages", "decide")


@dataclass(frozen=True)
class Recipe:
    """A checked recipe; `stages` in the order of the file."""

    name: str
    description: str
    read: ReadConfig
    stages: tuple[tuple[str, Config], ...]
    decide: tuple[Rule, ...]
    thresholds: tuple[tuple[str, Thresholds], ...] = ()  # files that `decide` uses, each with its entry

    def resolved(self) -> dict[str, Any]:
        """Everything, defaults included, as plain values: what recipe.yaml in the output holds."""
        return {
            "description": self.description,
            "read": self.read.model_dump(mode="json"),
            "stages": {name: config.model_dump(mode="json") for name, config in self.stages},
            "decide": [rule.model_dump(mode="json", by_alias=True, exclude_none=True) for rule in self.decide],
        }

    def sha256(self) -> str:
        """Hash of what changes the output."""
        content = {key: value for key, value in self.resolved().items() if key != "description"}
        return hashlib.sha256(orjson.dumps(content)).hexdigest()


def load_recipe(name: str, settings: Sequence[str] = ()) -> Recipe:
    """The recipe at a path or of a shipped name, with `--set` settings (`a.b=YAML`) put in; RecipeError, or it can run."""
    path = yaml_file.find(name, "recipe", SHIPPED, RecipeError)
    content = yaml_file.read_mapping(path, name, f"a recipe must be a mapping with the keys {', '.join(KEYS)}", RecipeError)
    for setting in settings:
        put_setting(content, setting)
    return check_recipe(path.stem, content, name, Path() if path.parent == SHIPPED else path.parent)


def check_recipe(name: str, content: dict[str, Any], where: str, folder: Path = Path()) -> Recipe:
    """Plain values to a Recipe; `where` goes in front of every message, paths of thresholds files start in `folder`."""
    for key in content:
        if key not in KEYS:
            raise RecipeError(f"{where}: {key}: unknown key{did_you_mean(str(key), KEYS)}")
    stages = content.get("stages") or {}
    rules = content.get("decide") or []
    if not isinstance(stages, dict) or not isinstance(rules, list):
        raise RecipeError(f"{where}: stages must be a mapping of stages to settings, and decide a list of rules")
    configs = []
    for stage, values in stages.items():
        if stage not in STAGES:
            raise RecipeError(f"{where}: stages.{stage}: unknown stage{did_you_mean(str(stage), STAGES)}")
        if values is not False:  # `--set stages.quality=false` leaves a stage out
            configs.append((stage, _checked(STAGES[stage].config, values or {}, f"{where}: stages.{stage}")))
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
            raise RecipeError(f"{where}: decide: two rules are named {rule!r}; names must be unique")
    read = _checked(ReadConfig, content.get("read") or {}, f"{where}: read")
    return Recipe(name, str(content.get("description", "")), read, tuple(configs), tuple(decide), tuple(used))


def _checked(kind: type[C], values: object, where: str) -> C:
    """`where`: the file, and after `: ` the key of the values."""
    file, _, key = where.rpartition(": ")
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise RecipeError(explain_error(error, kind, file, key)) from None


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
    if not isinstance(changes, dict) or not all(isinstance(change, dict) for change in changes.values()):
        raise RecipeError(f"{where}.set must be a mapping of rules to what changes, such as {{RULE: {{max: 0.2}}}}")
    if not isinstance(without, list):
        raise RecipeError(f"{where}.without must be a list of rules")
    for name in (*changes, *without):
        if name not in rules:
            raise RecipeError(f"{where}: {entry['use']} has no rule {name!r}{did_you_mean(str(name), rules)}")
    return [_checked(Rule, {**rule, **changes.get(name, {})}, where) for name, rule in rules.items() if name not in without]


def put_setting(content: dict[str, Any], setting: str) -> None:
    """Put `a.b=YAML` into nested plain values; RecipeError where it is no such setting."""
    key, equals, value = setting.partition("=")
    if not equals:
        raise RecipeError(f"--set {setting}: must be KEY=VALUE, such as stages.language.min_score=0.5")
    *parents, last = key.split(".")
    for part in parents:
        if content.get(part) is None:
            content[part] = {}
        content = content[part]
        if not isinstance(content, dict):
            raise RecipeError(f"--set {setting}: {part} is not a mapping")
    try:
        content[last] = yaml_file.parse_yaml(value)
    except ValueError as error:
        raise RecipeError(f"--set {setting}: {error}") from None
