"""Converts Arrow columns of any type to text and JSON, keeping every value that can be represented."""

from typing import Any

import pyarrow as pa

from curricle.stages.read.fields import MISSING, parsed, take
from curricle.stages.read.rows import DEAD_BYTES, as_text, to_json
from curricle.stages.read.types import column_of


def is_text(kind: pa.DataType) -> bool:
    """True for string and binary types in all layouts, including dictionary-encoded ones."""
    if pa.types.is_dictionary(kind):
        return is_text(kind.value_type)
    tests = (
        pa.types.is_string,
        pa.types.is_large_string,
        pa.types.is_string_view,
        pa.types.is_binary,
        pa.types.is_large_binary,
        pa.types.is_binary_view,
        pa.types.is_fixed_size_binary,
    )
    return any(test(kind) for test in tests)


def text_of(array: pa.Array) -> tuple[pa.StringArray, pa.BinaryArray]:
    """Two arrays: the values that are valid UTF-8 as strings, and the first 200 bytes of the values that are not.

    Each is null elsewhere. Arrow does not validate the bytes of a Parquet string column when it reads it.
    """
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    try:
        text = array.cast(pa.string())
        text.validate(full=True)
        return text, pa.nulls(len(text), pa.binary())
    except pa.ArrowInvalid:
        pass
    values = array.cast(pa.binary()).to_pylist()
    decoded = [_utf8(value) for value in values]
    broken = [
        value[:DEAD_BYTES] if text is None and value is not None else None for value, text in zip(values, decoded, strict=True)
    ]
    return pa.array(decoded, pa.string()), pa.array(broken, pa.binary())


def _utf8(value: bytes | None) -> str | None:
    try:
        return None if value is None else value.decode()
    except UnicodeDecodeError:
        return None


def texts(array: pa.Array) -> pa.StringArray:
    """Strings unchanged, integers in decimal, anything else as in `metadata` (dates in ISO 8601)."""
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if is_text(array.type):
        text, broken = text_of(array)
        if broken.null_count == len(broken):
            return text
    elif pa.types.is_integer(array.type):
        return array.cast(pa.string())
    return pa.array([as_text(value) for value in _values(array)], pa.string())


def as_type(array: pa.Array, kind: pa.DataType) -> tuple[pa.Array, int]:
    """The array as this type, and how many of its values have no such value: they are null."""
    if pa.types.is_string(kind):
        return texts(array), 0
    if is_text(array.type):
        return column_of(texts(array).to_pylist(), kind)
    try:
        return array.cast(kind), 0
    except pa.ArrowException:
        return column_of(_values(array), kind)


def json_objects(batch: pa.RecordBatch) -> pa.StringArray:
    """The columns of each row as one JSON object without nulls; null if all of them are null."""
    names = batch.schema.names
    columns = [_values(column) for column in batch.columns]
    objects = []
    for row in zip(*columns, strict=True):
        fields = {name: value for name, value in zip(names, row, strict=True) if value is not None}
        objects.append(to_json(fields) if fields else None)
    return pa.array(objects, pa.string())


def _values(array: pa.Array) -> list[Any]:
    """Python values; their text or bytes if Python has no such value (nanoseconds, the year 12000, invalid UTF-8)."""
    if pa.types.is_timestamp(array.type) and array.type.unit == "ns":
        return [None if value is None else value.replace(" ", "T") for value in array.cast(pa.string()).to_pylist()]
    try:
        return array.to_pylist()
    except (ValueError, OverflowError, pa.ArrowException):
        pass
    for kind in (pa.string(), pa.binary()):
        try:
            return array.cast(kind).to_pylist()
        except (ValueError, pa.ArrowException):
            continue
    return [_value(array, row) for row in range(len(array))]


def _value(array: pa.Array, row: int) -> Any:
    try:
        return array[row].as_py()
    except (ValueError, OverflowError, pa.ArrowException) as error:
        return f"not readable: {error}"


def root_columns(schema: pa.Schema, name: str) -> list[str]:
    """The column of this name, or those that may hold the nested field: `metadata` for `metadata.url`."""
    if name in schema.names:
        return [name]
    return [root for root in dict.fromkeys(schema.names) if name.startswith(f"{root}.")]


def nested_type(schema: pa.Schema, name: str) -> pa.DataType | None:
    """Type of a column or of a nested field; null where a column of JSON text may hold it, None if there is none."""
    if name in schema.names:
        return schema.field(schema.names.index(name)).type
    for root in root_columns(schema, name):
        kind = schema.field(schema.names.index(root)).type
        if pa.types.is_struct(kind):
            inner = nested_type(pa.schema(list(kind)), name[len(root) + 1 :])
            if inner is not None:
                return inner
        elif is_text(kind):
            return pa.null()
    return None


def nested_column(batch: pa.RecordBatch, name: str) -> pa.Array | None:
    """A column, or a field of a struct column or of a column of JSON text; None if there is none."""
    if name in batch.schema.names:
        return batch.column(batch.schema.names.index(name))
    for root in root_columns(batch.schema, name):
        array, inner = batch.column(batch.schema.names.index(root)), name[len(root) + 1 :]
        if pa.types.is_struct(array.type):
            fields = pa.RecordBatch.from_arrays(array.flatten(), names=[field.name for field in array.type])
            found = nested_column(fields, inner)
            if found is not None:
                return found
        elif is_text(array.type):
            objects = map(parsed, texts(array).to_pylist())
            values = [take(one, inner) if isinstance(one, dict) else MISSING for one in objects]
            if any(value is not MISSING for value in values):
                return pa.array([None if value is MISSING else as_text(value) for value in values], pa.string())
    return None
