"""Reads a JSON object in which values are odd: NaN, infinity, 1e400, lone surrogates, long integers, deep nesting.

orjson refuses the whole line for one such value, or rounds it. Only lines in which that happens are read here.
"""

import json
import re
from typing import Any, NamedTuple

MAX_DEPTH = 200
"""Deeper values are kept as their text: what follows (orjson, Arrow, other readers) has limits of its own."""

INTEGERS = range(-(1 << 63), 1 << 64)
"""Other integers are kept as their text."""

MAX_DIGITS = 20  # of these integers

_TOKEN = re.compile(r'"(?:[^"\\]++|\\.)*+"|[\[\]{}]|[,:]|[^\s"\[\]{},:]++', re.DOTALL)
_SURROGATE = re.compile("[\ud800-\udfff]")


class Odd(NamedTuple):
    """The fields of an object, and how many of its values are null or text in place of what JSON cannot hold."""

    fields: dict[str, Any]
    changed: int


def read_object(line: str) -> Odd | None:
    """The object, a later value of a repeated key in place of an earlier one; None if the line is not one object."""
    slices = _members(line)
    if slices is None:
        return None
    fields: dict[str, Any] = {}
    changed = 0
    for key, start, end, depth in slices:
        name, odd_name = _value(key, 0)
        value, odd = _value(line[start:end], depth)
        if value is _INVALID or not isinstance(name, str):
            return None
        fields[name] = value
        changed += odd or odd_name
    return Odd(fields, changed)


_INVALID = object()


def _members(line: str) -> list[tuple[str, int, int, int]] | None:
    """Key, start, end and depth of each member of the object; None if brackets, commas and colons do not fit."""
    tokens = _TOKEN.finditer(line)
    first = next(tokens, None)
    if first is None or first[0] != "{":
        return None
    members: list[tuple[str, int, int, int]] = []
    open_brackets: list[str] = []
    key, start, end, deepest = "", -1, -1, 0
    expecting = "key or }"
    for token in tokens:
        text = token[0]
        if expecting == "nothing":
            return None
        if open_brackets or expecting == "value" or (expecting == "more" and text not in ",}"):
            if expecting == "more" and not open_brackets:
                return None
            if start < 0:
                start = token.start()
            if text in "[{":
                open_brackets.append("]" if text == "[" else "}")
                deepest = max(deepest, len(open_brackets))
            elif text in "]}":
                if not open_brackets or open_brackets.pop() != text:
                    return None
            elif not open_brackets and text in ",:":
                return None
            end = token.end()
            expecting = "value" if open_brackets else "more"
        elif expecting in ("key", "key or }") and text.startswith('"'):
            key, expecting = text, "colon"
        elif expecting == "colon" and text == ":":
            expecting, start, deepest = "value", -1, 0
        elif expecting == "more" and text == ",":
            members.append((key, start, end, deepest))
            expecting = "key"
        elif text == "}" and expecting in ("more", "key or }"):
            if expecting == "more":
                members.append((key, start, end, deepest))
            expecting = "nothing"
        else:
            return None
    return members if expecting == "nothing" else None


def _value(text: str, depth: int) -> tuple[Any, bool]:
    """The value, and whether it is null or text in place of what the line holds; _INVALID if it is not JSON."""
    if depth > MAX_DEPTH:
        return _clean(text)[0], True
    odd: list[bool] = []

    def other(_: str) -> None:
        odd.append(True)

    def number(digits: str) -> int | str:
        if len(digits.lstrip("-")) <= MAX_DIGITS and int(digits) in INTEGERS:
            return int(digits)
        odd.append(True)
        return digits

    def fraction(digits: str) -> float | None:
        value = float(digits)
        if value in (float("inf"), float("-inf")):
            odd.append(True)
            return None
        return value

    try:
        value = json.loads(text, parse_constant=other, parse_int=number, parse_float=fraction, strict=True)
    except (ValueError, RecursionError):
        return _INVALID, False
    cleaned, replaced = _clean(value)
    return cleaned, bool(odd) or replaced


def _clean(value: Any) -> tuple[Any, bool]:
    """The value with U+FFFD for lone surrogates, and whether there were any."""
    if isinstance(value, str):
        return (_SURROGATE.sub("\ufffd", value), True) if _SURROGATE.search(value) else (value, False)
    if isinstance(value, list):
        parts = [_clean(one) for one in value]
        return [one for one, _ in parts], any(replaced for _, replaced in parts)
    if isinstance(value, dict):
        pairs = [(_clean(key), _clean(one)) for key, one in value.items()]
        return {key[0]: one[0] for key, one in pairs}, any(key[1] or one[1] for key, one in pairs)
    return value, False
