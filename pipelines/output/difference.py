"""Why an output cannot be continued: what differs between the run that made it and the one that is planned now."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from curricle.pipelines.plan.fingerprint import PACKAGE, difference
from curricle.storage.output import OutputPath

SHOWN = 5  # changed keys of a recipe
CHARS = 60  # of a changed value


def differences(made_by: Mapping[str, str], parts: Mapping[str, str], before: Any, now: Any) -> str:
    """`another recipe (stages.language.min_score: 0.3 -> 0.5) and another version of curricle`.

    `made_by` and `parts`: the parts of the two fingerprints; `before` and `now`: the resolved recipes.
    """
    found = []
    for key in sorted({*made_by, *parts}):
        if made_by.get(key) == parts.get(key):
            continue
        if key == "recipe":
            changes = list(recipe_changes(before, now))
            more = f"; and {len(changes) - SHOWN} more" if len(changes) > SHOWN else ""
            found.append("another recipe" + (f" ({'; '.join(changes[:SHOWN])}{more})" if changes else ""))
        elif key == "code":
            found.append("another version of curricle")
        elif key.startswith(PACKAGE):
            found.append(difference(*({key: made_of[key]} if key in made_of else {} for made_of in (made_by, parts))))
        elif not key.startswith("model "):
            found.append(f"another {key}")
        elif key in made_by and key in parts:
            found.append(f"another {key} ({made_by[key][:12]} -> {parts[key][:12]})")
        elif "recipe" in parts and made_by.get("recipe") == parts["recipe"]:
            found.append(f"{'without' if key in parts else 'with'} the {key}")
    return " and ".join(found) or "another recipe"


def read_recipe(output: OutputPath) -> Any:
    """The recipe.yaml of an output; None where it cannot be read."""
    try:
        return yaml.safe_load((output / "recipe.yaml").read_bytes())
    except (OSError, yaml.YAMLError):
        return None


def recipe_changes(before: Any, now: Any, path: str = "") -> Iterator[str]:
    """`key: old -> new` for each value that differs between two resolved recipes; lists of rules are compared by name."""
    before, now = _by_name(before, now), _by_name(now, before)
    if before == now or (before is None and not path):
        return
    if not isinstance(before, dict) or not isinstance(now, dict):
        yield f"{path}: {_shown(before)} -> {_shown(now)}"
        return
    for key in dict.fromkeys((*before, *now)):
        if key == "description" and not path:
            continue
        where = f"{path}.{key}" if path else str(key)
        if key not in now:
            yield f"{where} removed"
        elif key not in before:
            yield f"{where} added"
        else:
            yield from recipe_changes(before[key], now[key], where)


def _by_name(value: Any, other: Any) -> Any:
    """A list of rules as a mapping; so is an empty list beside one."""
    if not isinstance(value, list) or not all(isinstance(one, dict) and "name" in one for one in value or other):
        return value
    return {one["name"]: one for one in value}


def _shown(value: Any) -> str:
    text = f"{value:g}" if isinstance(value, float) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= CHARS else text[: CHARS - 3] + "..."
