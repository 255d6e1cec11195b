"""Checks rules against the columns that they judge, before a run starts: types, and values that a column never has."""

from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa

from curricle.errors import RecipeError, did_you_mean
from curricle.schemas.column import Column
from curricle.schemas.condition import Condition
from curricle.schemas.rule import Rule


def check_rules(rules: Iterable[Rule], columns: Mapping[str, Column], where: str) -> None:
    """RecipeError, one line that begins with `where`, for a rule that its columns cannot meet."""
    for rule in rules:
        _check(f"{where}: rule {rule.name!r}", rule, columns[rule.column])
        for name, condition in (rule.where or {}).items():
            _check(f"{where}: rule {rule.name!r}: where.{name}", condition, columns[name])


def _check(where: str, test: Rule | Condition, column: Column) -> None:
    values = (*(test.values_in or ()), *(test.not_in or ()))
    number = pa.types.is_integer(column.dtype) or pa.types.is_floating(column.dtype)
    if (test.min is not None or test.max is not None) and not (number or pa.types.is_boolean(column.dtype)):
        raise RecipeError(f"{where}: min and max need numbers, and the column {column.name!r} holds {_kind(column)}")
    if values and pa.types.is_nested(column.dtype):
        raise RecipeError(f"{where}: in and not_in need single values, and the column {column.name!r} holds lists")
    for value in values:
        if not _fits(value, column.dtype):
            raise RecipeError(f"{where}: the column {column.name!r} holds {_kind(column)}, so it is never {value!r}")
        if column.values and value not in column.values:
            raise RecipeError(f"{where}: the column {column.name!r} is never {value!r}{did_you_mean(str(value), column.values)}")


def _fits(value: object, dtype: pa.DataType) -> bool:
    kind: Any = str
    if pa.types.is_boolean(dtype):
        kind = bool
    elif pa.types.is_integer(dtype):
        kind = int
    elif pa.types.is_floating(dtype):
        kind = int | float
    return isinstance(value, kind) and isinstance(value, bool) == pa.types.is_boolean(dtype)


def _kind(column: Column) -> str:
    if pa.types.is_boolean(column.dtype):
        return "true or false"
    return "text" if pa.types.is_string(column.dtype) else f"values of type {column.dtype}"
