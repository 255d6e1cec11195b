"""The rules of a recipe: single ones, published sets, files of rules and of thresholds, with changes to single rules."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from curricle.errors import RecipeError, did_you_mean
from curricle.pipelines.plan.checked import checked
from curricle.pipelines.plan.settings import RuleChange
from curricle.schemas.rule import Rule
from curricle.schemas.rule_sets import RuleSetError, expand, holds_rules, is_rule_file
from curricle.schemas.thresholds import Thresholds, ThresholdsError, read_thresholds

ENTRY_KEYS = ("use", "set", "without")


def read_rules(
    entries: Sequence[object], where: str, folder: Path, changes: Sequence[RuleChange] = ()
) -> tuple[tuple[Rule, ...], tuple[tuple[str, Thresholds], ...]]:
    """The rules of `decide`, with `changes`, and the thresholds files that are used, each with its entry.

    A rule of a set whose name another rule has before it is named after its set too: `fineweb2@datatrove.gopher_short_doc`.
    RecipeError, one line that begins with `where`.
    """
    rules: dict[str, dict[str, Any]] = {}
    used: list[tuple[str, Thresholds]] = []
    for number, entry in enumerate(entries):
        at = f"{where}: decide.{number}"
        if isinstance(entry, dict) and "use" in entry:
            found, calibrated = _from_set(entry, at, folder)
            if calibrated:
                used.append((f"{at}: {entry['use']}", calibrated))
            found = [rule if rule["name"] not in rules else {**rule, "name": f"{entry['use']}.{rule['name']}"} for rule in found]
        else:
            found = [checked(Rule, entry, at).model_dump(by_alias=True, exclude_none=True)]
        for rule in found:
            if rule["name"] in rules:
                raise RecipeError(f"{where}: decide: two rules are named {rule['name']!r}; names must be unique")
            rules[rule["name"]] = dict(rule)
    for change in changes:
        name = change.apply(rules)
        if name in rules:
            checked(Rule, rules[name], str(change))
    return tuple(Rule.model_validate(rule) for rule in rules.values()), tuple(used)


def _from_set(entry: dict[str, Any], where: str, folder: Path) -> tuple[list[dict[str, Any]], Thresholds | None]:
    """The rules of a set, of a file of rules or of a thresholds file: `{use: NAME, set: {RULE: {max: 0.2}}, without: [RULE]}`.

    The thresholds too, if it is such a file.
    """
    for key in entry:
        if key not in ENTRY_KEYS:
            raise RecipeError(f"{where}.{key}: unknown key{did_you_mean(str(key), ENTRY_KEYS)}")
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
    for rule in chosen:
        checked(Rule, rule, where)
    return chosen, calibrated
