"""Finds the fields that a recipe names: `url`, or `metadata.url` inside a nested object or a text that holds JSON."""

import re
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote

import orjson

MISSING = object()
"""There is no such field."""

HIVE_NULL = "__HIVE_DEFAULT_PARTITION__"
_PARTITION = re.compile(r"([A-Za-z_][\w.-]*)=(.*)", re.DOTALL)


def take(fields: dict[str, Any], name: str) -> Any:
    """Remove the field from the object, or from an object in it, and return its value; MISSING if there is none.

    A field of exactly this name comes first. In a text that holds JSON the field is found but not removed.
    """
    if name in fields:
        return fields.pop(name)
    at = len(name)
    while (at := name.rfind(".", 0, at)) > 0:
        inner = fields.get(name[:at])
        if isinstance(inner, str):
            inner = parsed(inner)
        if isinstance(inner, dict) and (value := take(inner, name[at + 1 :])) is not MISSING:
            return value
    return MISSING


def parsed(text: str | None) -> Any:
    """The JSON object in a text; None if it holds none."""
    if text is None or not text.lstrip().startswith("{"):
        return None
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None


def partitions(source: str) -> dict[str, str | None]:
    """Columns that the path of a file gives, as Hive writes them: `lang=en/date=2026-12-01/part-0.parquet`."""
    found = (_PARTITION.fullmatch(folder) for folder in PurePosixPath(source).parts[:-1])
    return {match[1]: None if match[2] == HIVE_NULL else unquote(match[2]) for match in found if match}
