"""Settings from outside a recipe: `a.b=YAML` puts a value into it, `decide.RULE...` changes one rule by its name."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from curricle.errors import RecipeError, did_you_mean
from curricle.schemas import yaml_file
from curricle.schemas.rule import DEFAULT

RULES = "decide."
DROP = "-"
"""Before the name of a rule: the rule is left out."""

BY_KEY = ("min", "max", "where")
"""Keys of a rule that may hold a mapping, of which one entry can be set."""


@dataclass(frozen=True)
class RuleChange:
    """A change to one rule; `key` is what follows `decide.`, such as `adult_like.min.en`."""

    key: str
    value: Any  # None and False for a key that is only a name: the rule is left out

    def apply(self, rules: dict[str, dict[str, Any]]) -> str:
        """Change or remove a rule in `rules` (by name), and return its name; RecipeError."""
        name = self.key.removeprefix(DROP)
        if self.key.startswith(DROP) or (name in rules and self.value in (None, False)):
            del rules[self._known(name, rules)]
            return name
        found = max((one for one in rules if name == one or name.startswith(f"{one}.")), key=len, default=name.partition(".")[0])
        rule, path = rules[self._known(found, rules)], name[len(found) + 1 :].split(".")
        if path == [""]:
            if not isinstance(self.value, dict):
                raise RecipeError(f"{self}: must be false, or a mapping such as {{max: 0.2}}")
            rule.update(self.value)
        elif len(path) == 1:
            rule[path[0]] = self.value
        elif len(path) == 2 and path[0] in BY_KEY:
            before = rule.get(path[0])
            entries = before if isinstance(before, dict) else {} if before is None else {DEFAULT: before}
            rule[path[0]] = {key: value for key, value in {**entries, path[1]: self.value}.items() if value is not None} or None
        else:
            raise RecipeError(f"{self}: must name a key of the rule, such as {RULES}{found}.min or {RULES}{found}.min.en")
        return found

    def __str__(self) -> str:
        """As it is written on the command line, without the value."""
        return f"--set {RULES}{self.key}"

    def _known(self, name: str, rules: dict[str, dict[str, Any]]) -> str:
        if name not in rules:
            raise RecipeError(f"{self}: the recipe has no rule {name!r}{did_you_mean(name, rules)}")
        return name


def apply_settings(content: dict[str, Any], settings: Sequence[str]) -> tuple[RuleChange, ...]:
    """Put `KEY=YAML` settings into a recipe's plain values; return those that change a single rule. RecipeError."""
    changes = []
    for setting in settings:
        if setting.startswith(RULES):
            key, equals, value = setting.removeprefix(RULES).partition("=")
            if not equals and not key.startswith(DROP):
                raise RecipeError(f"--set {setting}: must be KEY=VALUE, such as decide.adult_like.min.en=-0.1, or decide.-RULE")
            changes.append(RuleChange(key, _value(setting, value) if equals else None))
        else:
            put_setting(content, setting)
    return tuple(changes)


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
            raise RecipeError(f"--set {setting}: {part} is not a mapping")
    content[last] = _value(setting, value)


def _value(setting: str, value: str) -> Any:
    try:
        return yaml_file.parse_yaml(value)
    except ValueError as error:
        raise RecipeError(f"--set {setting}: {error}") from None
