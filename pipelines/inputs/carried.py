"""Finds the types of carried columns in the inputs, so that all files of an output have the same ones."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson
import pyarrow as pa

from curricle.errors import InputError, did_you_mean
from curricle.pipelines.inputs.find import InputFile
from curricle.schemas.columns import COLUMNS, READ_SCHEMA
from curricle.schemas.shards import Shard
from curricle.stages.read.arrays import nested_type
from curricle.stages.read.config import ReadConfig
from curricle.stages.read.csv import TableStream, column_names, delimiter_of
from curricle.stages.read.fields import MISSING, partitions, take
from curricle.stages.read.jsonl import read_lines
from curricle.stages.read.notes import Notes
from curricle.stages.read.parquet import open_parquet
from curricle.stages.read.rows import Rows
from curricle.stages.read.types import ALL, common_type, json_type, stored_type
from curricle.storage.files import open_input

HEAD_BYTES = 1 << 16  # of a table, which hold the names of its columns
LINES = 200  # of a file of JSON lines that are looked at
FILES = 20  # of JSON lines that are looked at

Types = dict[str, pa.DataType | None]
"""Name -> type; None: no value was seen yet."""


def with_types(config: ReadConfig, inputs: Sequence[InputFile]) -> ReadConfig:
    """The settings with the types of all carried columns, in place of `*` the names of all fields.

    JSON lines are typed by the first lines of the first files: what does not fit later is null, and counted. A field without a
    value there is text. Raises InputError for a column that no input has.
    """
    unknown = config.unknown()
    if not unknown:
        return config
    found: Types = {}
    wanted = None if ALL in unknown else set(unknown)
    looked_at = 0
    for file in inputs:
        if file.format == "jsonl":
            looked_at += 1
            if looked_at > FILES or (wanted is not None and wanted <= {name for name, kind in found.items() if kind is not None}):
                continue
        _merge(found, _types(file, unknown))
    for name in unknown:
        if name != ALL and name not in found:
            raise InputError(f"read.carry: no input has a column {name!r}{did_you_mean(name, found)}")
    named = [name for name in config.carry if name != ALL]
    used = {config.text_column, config.url_column, config.id_column, config.date_column, *READ_SCHEMA.names, *named}
    others = [name for name in found if name not in used] if ALL in unknown else []
    types = {name: str(found[name] or pa.string()) for name in (*named, *others) if name in found and name not in COLUMNS}
    return config.model_copy(update={"carry": (*named, *others), "carry_types": {**types, **config.carry_types}})


def _merge(found: Types, types: Mapping[str, pa.DataType | None]) -> None:
    for name, kind in types.items():
        found[name] = common_type(found.get(name), kind)


def _types(file: InputFile, unknown: Iterable[str]) -> Types:
    """The columns of a file, and those of the unknown ones that are nested in others."""
    nested = [name for name in unknown if "." in name]
    types: Types = dict.fromkeys(partitions(file.source), pa.string())
    if file.format == "parquet":
        try:
            with open_parquet(file.url) as parquet:
                schema = parquet.schema_arrow
        except (OSError, pa.ArrowException):
            return types  # said later, with the other faults of inputs
        types |= {field.name: stored_type(field.type) for field in schema}
        inner = {name: nested_type(schema, name) for name in nested if name not in schema.names}
        types |= {name: None if pa.types.is_null(kind) else stored_type(kind) for name, kind in inner.items() if kind is not None}
    elif file.format == "csv":
        with open_input(file.url) as stored:
            try:
                names = column_names(TableStream(stored, file.url, Notes()).peek(HEAD_BYTES), delimiter_of(file.url))
            except ValueError:
                return types
        types |= dict.fromkeys(names, pa.string())
    elif file.format == "jsonl":
        for fields in _first_objects(file):
            _merge(types, {name: json_type(value) for name, value in fields.items()})
            for name in nested:
                if (value := take(fields, name)) is not MISSING:
                    _merge(types, {name: json_type(value)})
    return types


def _first_objects(file: InputFile) -> list[dict[str, Any]]:
    """The fields of the first lines that are objects."""
    found: list[dict[str, Any]] = []

    def add(rows: Rows, offset: int, line: bytes, config: ReadConfig, resumed: bool) -> None:
        fields = orjson.loads(line)
        if isinstance(fields, dict):
            found.append(fields)
        rows.add(offset, source_id=None, url=None, date=None, metadata=None)

    shard = Shard(
        name="", source=file.source, url=file.url, format=file.format, start=0, end=None, size=file.size, version=file.version
    )
    for _ in read_lines(shard, ReadConfig(batch_rows=LINES), Notes(), add):
        break
    return found
