"""The base class of all configurations (frozen, keyword-only, unknown keys rejected), and its errors in plain sentences."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from curricle.errors import did_you_mean

NOUNS = {
    "bool": "true or false",
    "int": "a whole number",
    "float": "a number",
    "string": "text",
    "literal": "one of the choices",
    "list": "a list",
    "tuple": "a list",
    "set": "a list",
    "frozen": "a list",
    "dict": "a mapping",
    "model": "a mapping",
    "none": "null",
    "path": "a path",
}
"""What a value must be, by the first word of pydantic's name for the error (`float_parsing`, `dict_type`)."""

BOUNDS = {
    "greater_than": ("greater than", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("less than", "lt"),
    "less_than_equal": ("at most", "le"),
}
"""Pydantic's name of an error: the words for it, and the key of the limit in its context."""

SHOWN_CHARS = 80  # characters of a wrong value in a message


class Config(BaseModel):
    """Frozen and hashable; an unknown key or a value outside its range is a `pydantic.ValidationError` at construction."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


def explain_error(error: ValidationError, kind: Any, where: str, key: str = "") -> str:
    """One sentence about the first error: `where: key: what`, with the nearest known key for an unknown one.

    `kind`: the type that was validated; `where`: a file or an option; `key`: the key of the values in it.
    """
    path, message = _explained(error, kind)
    name = ".".join([key, *path] if key else path)
    return _joined(f"{where}: {name}" if name else where, message)


def explain_options(error: ValidationError, kind: Any, names: Mapping[str, str] | None = None) -> str:
    """`explain_error` for command-line options: `--option: what`. `names`: names of options that differ from their fields."""
    path, message = _explained(error, kind)
    return _joined(f"--{(names or {}).get(path[0], path[0]).replace('_', '-')}", message) if path else message


def _joined(name: str, message: str) -> str:
    return f"{name} {message}" if message.startswith(("is ", "must ")) else f"{name}: {message}"


def _explained(error: ValidationError, kind: Any) -> tuple[list[str], str]:
    """Path of keys, and the sentence."""
    errors = error.errors()
    # A typo explains a missing key; the member of a union that fits best is the one whose own values were checked.
    typos = [one for one in errors if one["type"] == "extra_forbidden"]
    deeper = [one for one in errors if not one["type"].endswith("_type") and _starts_like(kind, one, errors[0])]
    first = (typos or deeper or errors)[0]
    path, _, metadata = _walk(kind, first["loc"])
    same = [one for one in errors if _walk(kind, one["loc"])[0] == path and one["type"] not in ("extra_forbidden", "missing")]
    if first["type"] == "extra_forbidden":
        owner = _config_of(_walk(kind, first["loc"][:-1])[1])
        known = [field.alias or name for name, field in owner.model_fields.items()] if owner else []
        return path, "unknown key" + did_you_mean(path[-1], known)
    return path, _sentence(first, same, metadata)


def _starts_like(kind: Any, one: ErrorDetails, first: ErrorDetails) -> bool:
    path = _walk(kind, first["loc"])[0]
    return first["type"].endswith("_type") and one["loc"] != first["loc"] and _walk(kind, one["loc"])[0][: len(path)] == path


def _sentence(first: ErrorDetails, same: list[ErrorDetails], metadata: list[Any]) -> str:
    kind, value, context = first["type"], _shown(first["input"]), first.get("ctx", {})
    if kind in ("value_error", "assertion_error"):
        return first["msg"].partition(", ")[2]
    if kind == "missing":
        return "is required"
    if kind == "literal_error":
        choices = str(context["expected"])
        near = get_close_matches(str(first["input"]), choices.replace("'", "").replace(" or ", ", ").split(", "), n=1)
        return f"must be {choices}, not {value}" + (f"; did you mean {near[0]!r}?" if near else "")
    if kind in BOUNDS:
        return f"must be {_range(metadata) or _bound(kind, context)}, not {value}"
    if kind == "string_pattern_mismatch":
        allowed = _allowed(context["pattern"])
        return f"must contain only {allowed}, not {value}" if allowed else f"must match {context['pattern']}, not {value}"
    if kind in ("too_short", "string_too_short"):
        return "must not be empty" if context["min_length"] == 1 else f"must have at least {context['min_length']} entries"
    if kind in ("too_long", "string_too_long"):
        return f"must have at most {context['max_length']} entries"
    if kind == "union_tag_not_found":
        return f"needs the key {context['discriminator']}"
    if kind == "union_tag_invalid":
        return f"{context['discriminator']} must be {context['expected_tags']}, not {context['tag']!r}"
    if kind == "finite_number":
        return f"must be a finite number, not {value}"
    nouns = dict.fromkeys(NOUNS.get(one["type"].split("_")[0], "") for one in same)
    if "" in nouns or not nouns:
        return f"{first['msg'][0].lower()}{first['msg'][1:]}, not {value}"
    return f"must be {' or '.join(nouns)}, not {value}"


def _allowed(pattern: str) -> str:
    """The characters that a pattern allows, in words; empty unless it is one set of characters, or two with one for the first."""
    found = re.fullmatch(r"\^(\[[^\]]+\])?\[([^\]]+)\][*+]\$", pattern)
    if found is None:
        return ""
    letters = ["letters"] if "A-Za-z" in found[2] else ["lowercase letters"] if "a-z" in found[2] else []
    digits = ["digits"] if "0-9" in found[2] else []
    others = " ".join(re.sub("A-Za-z|a-z|0-9", "", found[2]))
    first = "a letter or digit" if found[1] and "0-9" in found[1] else "a letter" if found[1] else ""
    return ", ".join([*letters, *digits]) + (f" and {others}" if others else "") + (f", and start with {first}" if first else "")


def _bound(kind: str, context: Mapping[str, Any]) -> str:
    word, name = BOUNDS[kind]
    return f"{word} {_number(context[name])}"


def _range(metadata: list[Any]) -> str:
    """`between 0 and 1`, from a field's constraints; empty if they limit only one side."""
    low = next((one for one in metadata if isinstance(one, Ge | Gt)), None)
    high = next((one for one in metadata if isinstance(one, Le | Lt)), None)
    if low is None or high is None:
        return ""
    if isinstance(low, Ge) and isinstance(high, Le):
        return f"between {_number(low.ge)} and {_number(high.le)}"
    above = f"at least {_number(low.ge)}" if isinstance(low, Ge) else f"greater than {_number(low.gt)}"
    below = f"at most {_number(high.le)}" if isinstance(high, Le) else f"less than {_number(high.lt)}"
    return f"{above} and {below}"


def _number(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


def _shown(value: Any) -> str:
    """A value as in YAML, shortened if it is long."""
    text = repr(value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str).removesuffix(".0")
    return text if len(text) <= SHOWN_CHARS else text[: SHOWN_CHARS - 3] + "..."


def _walk(kind: Any, location: Iterable[int | str]) -> tuple[list[str], Any, list[Any]]:
    """The keys on the path to `location` inside a `kind`, without pydantic's names for members of a union, and the type and
    constraints at that location.
    """
    annotation = kind
    metadata: list[Any] = []
    path: list[str] = []
    for part in location:
        annotation, metadata = _bare(annotation, metadata)
        members = _members(annotation)
        if len(members) > 1:
            annotation, metadata = _member(members, part), []
            continue
        if part == "[key]":  # the key itself is wrong, and is in the path already
            continue
        path.append(str(part))
        if config := _config_of(annotation):
            field = next((field for name, field in config.model_fields.items() if part in (name, field.alias)), None)
            annotation, metadata = (field.annotation, list(field.metadata)) if field else (None, [])
        else:
            annotation, metadata = _item(annotation), []
    annotation, metadata = _bare(annotation, metadata)
    return path, annotation, metadata


def _bare(annotation: Any, metadata: list[Any]) -> tuple[Any, list[Any]]:
    """The type without Annotated and `| None`, and the constraints, including those of Annotated."""
    while True:
        if get_origin(annotation) is Annotated:
            inner, *more = get_args(annotation)
            for one in more:
                metadata = [*metadata, *(one.metadata if isinstance(one, FieldInfo) else [one])]
            annotation = inner
        elif len(members := _members(annotation)) == 1:
            annotation = members[0]
        else:
            return annotation, metadata


def _members(annotation: Any) -> list[Any]:
    """The members of a union, without None."""
    if get_origin(annotation) not in (Union, UnionType):
        return []
    return [one for one in get_args(annotation) if one is not type(None)]


def _member(members: list[Any], tag: int | str) -> Any:
    """The member of a union that pydantic calls `tag`: a configuration by its name or the value of its discriminator."""
    for member in members:
        bare = _bare(member, [])[0]
        config = _config_of(bare)
        names = [str(get_origin(bare) and getattr(get_origin(bare), "__name__", "")), getattr(bare, "__name__", "")]
        if config:
            names += [config.__name__, *_literals(config)]
        if str(tag).partition("[")[0] in names:
            return member
    return members[0]


def _literals(config: type[Config]) -> Iterator[str]:
    for field in config.model_fields.values():
        if get_origin(field.annotation) is Literal:
            yield from map(str, get_args(field.annotation))


def _item(annotation: Any) -> Any:
    """The type of a container's values."""
    arguments = [one for one in get_args(annotation) if one is not Ellipsis]
    return arguments[-1] if arguments else None


def _config_of(annotation: Any) -> type[Config] | None:
    return annotation if isinstance(annotation, type) and issubclass(annotation, Config) else None
