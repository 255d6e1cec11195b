"""Types of carried columns: by name, of values in JSON, and values of any kind as such a type."""

import re
from collections.abc import Sequence
from typing import Any, Final

import orjson
import pyarrow as pa

ALL: Final = "*"
"""In `carry`: all fields that are not used otherwise."""

_LIST: Final = re.compile(r"list<(?:\w+: )?(.+)>")
_WIDE: Final = {pa.bool_(): 0, pa.int64(): 1, pa.float64(): 2}
"""Types of JSON values, a wider one for a column that holds both; a boolean and a number are text together."""


def type_named(name: str) -> pa.DataType:
    """The type of this name; ValueError for a name that is none, and for types that no rule, plan or file could use."""
    if found := _LIST.fullmatch(name):
        return pa.list_(type_named(found[1]))
    try:
        kind = pa.type_for_alias(name)
    except ValueError:
        raise ValueError(f"no type {name!r}; use int64, float64, string, bool, timestamp[us], date32 or list<...>") from None
    if not is_plain(kind):
        raise ValueError(f"a column of type {name} cannot be carried; use string for its JSON")
    return kind


def is_plain(kind: pa.DataType) -> bool:
    """Whether columns of this type are carried as they are: numbers, truth values, text, dates, times, and lists of them."""
    if pa.types.is_list(kind):
        return is_plain(kind.value_type)
    return (
        pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
        or pa.types.is_boolean(kind)
        or pa.types.is_string(kind)
        or pa.types.is_date(kind)
        or pa.types.is_timestamp(kind)
    )


def stored_type(kind: pa.DataType) -> pa.DataType:
    """The type that a column of the input has in the output: its own, or string, for what has no plain type: its text or JSON."""
    if pa.types.is_dictionary(kind):
        return stored_type(kind.value_type)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        inner = stored_type(kind.value_type)
        return pa.list_(inner) if is_plain(kind.value_type) or inner != pa.string() else pa.string()
    return kind if is_plain(kind) else pa.string()


def common_type(one: pa.DataType | None, other: pa.DataType | None) -> pa.DataType | None:
    """The type that can hold columns of both; None: no value yet. Text, if nothing else can."""
    if one is None or other is None or one == other:
        return other if one is None else one
    numbers = [kind for kind in (one, other) if pa.types.is_integer(kind) or pa.types.is_floating(kind)]
    if len(numbers) == 2:
        if all(pa.types.is_integer(kind) for kind in numbers):
            return max(numbers, key=lambda kind: kind.bit_width) if _same_sign(*numbers) else pa.int64()
        return pa.float64()
    return pa.string()


def _same_sign(one: pa.DataType, other: pa.DataType) -> bool:
    return pa.types.is_signed_integer(one) == pa.types.is_signed_integer(other)


def json_type(value: Any) -> pa.DataType | None:
    """The type of a value in JSON: bool, int64, float64, string, or a list of one of them; None for null and an empty list."""
    if value is None or value == []:
        return None
    if isinstance(value, bool):
        return pa.bool_()
    if isinstance(value, int):
        return pa.int64() if -(2**63) <= value < 2**63 else pa.string()
    if isinstance(value, float):
        return pa.float64()
    if isinstance(value, list) and not any(isinstance(one, list | dict) for one in value):
        kinds = {json_type(one) for one in value} - {None}
        return pa.list_(kinds.pop()) if len(kinds) == 1 else pa.string()
    return pa.string()


def column_of(values: Sequence[Any], kind: pa.DataType) -> tuple[pa.Array, int]:
    """Values of any kind as an array of this type, and how many do not fit: they are null in it."""
    if pa.types.is_string(kind):
        return pa.array([_text(value) for value in values], kind), 0
    expected = _python_type(kind)
    try:
        if all(value is None or _is(value, expected) for value in values):
            return pa.array(values, kind), 0
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        pass
    fitting = [_fitting(value, kind) for value in values]
    lost = sum(value is not None and found is None for value, found in zip(values, fitting, strict=True))
    return pa.array(fitting, kind), lost


def _python_type(kind: pa.DataType) -> Any:
    """What Python holds a value of the type in, where it is not in text."""
    return bool if pa.types.is_boolean(kind) else list if pa.types.is_list(kind) else int | float


def _is(value: Any, expected: Any) -> bool:
    """Whether a value is of this Python type; a boolean is no number."""
    return isinstance(value, expected) and (expected is bool or not isinstance(value, bool))


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


def _fitting(value: Any, kind: pa.DataType) -> Any:
    """The value as Python holds one of this type; None if it is none."""
    expected = _python_type(kind)
    try:
        if isinstance(value, str) and expected is not list:
            return pa.scalar(value).cast(kind).as_py()
        if not _is(value, expected):
            return None
        if pa.types.is_integer(kind) and isinstance(value, float):
            value = int(value) if value.is_integer() else "no integer"
        return pa.scalar(value, kind).as_py()
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        return None
