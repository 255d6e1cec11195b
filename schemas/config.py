"""The base of every configuration: frozen, keyword-only, unknown keys refused; and how its errors read."""

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ConfigDict, ValidationError


class Config(BaseModel):
    """Frozen and hashable; an unknown key or a value outside its range is a `pydantic.ValidationError` at construction."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


def did_you_mean(name: str, choices: Iterable[str]) -> str:
    """`; did you mean 'x'?`, or what there is when nothing is near."""
    known = sorted(choices)
    if near := get_close_matches(name, known, n=1):
        return f"; did you mean {near[0]!r}?"
    return f" (there is: {', '.join(known)})"


def explain_error(error: ValidationError, kind: type[Config], where: str) -> str:
    """One line for the first thing wrong: `where.key: message`, with the nearest known key for an unknown one."""
    first = error.errors()[0]
    path = ".".join([where, *(str(part) for part in first["loc"])])
    if first["type"] == "extra_forbidden":
        known = [field.alias or name for name, field in _kind_at(kind, first["loc"][:-1]).model_fields.items()]
        return f"{path}: unknown key" + did_you_mean(str(first["loc"][-1]), known)
    message = first["msg"].removeprefix("Value error, ")
    return f"{path}: {message}" + ("" if first["type"] in ("value_error", "missing") else f", not {first['input']!r}")


def _kind_at(kind: type[Config], location: Iterable[Any]) -> type[Config]:
    """The configuration that stands at `location` (field names, list positions, tags of a union) inside one of `kind`."""
    kinds = [kind]
    for part in location:
        if part in kinds[0].model_fields:
            kinds = list(_configs(kinds[0].model_fields[part].annotation)) or kinds
        elif isinstance(part, str):
            kinds = [one for one in kinds if any(field.default == part for field in one.model_fields.values())] or kinds
    return kinds[0]


def _configs(annotation: Any) -> Iterator[type[Config]]:
    if isinstance(annotation, type) and issubclass(annotation, Config):
        yield annotation
    for argument in get_args(annotation):
        yield from _configs(argument)
