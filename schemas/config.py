"""The base of every configuration: frozen, keyword-only, unknown keys refused; and how its errors read."""

from collections.abc import Iterable
from difflib import get_close_matches

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
        known = [field.alias or name for name, field in kind.model_fields.items()]
        return f"{path}: unknown key" + did_you_mean(str(first["loc"][-1]), known)
    message = first["msg"].removeprefix("Value error, ")
    return f"{path}: {message}" + ("" if first["type"] in ("value_error", "missing") else f", not {first['input']!r}")
