"""Functions on record batches: append and replace columns, replace the text, select rows, spread results, mark dead letters.

All functions keep the batch's schema metadata (which holds the shard's envelope, see `schemas.shards`) and the number and
order of rows.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from curricle.schemas.column import Column

Mask = npt.NDArray[np.bool_]


def append_columns(batch: pa.RecordBatch, columns: Sequence[Column], values: Mapping[str, pa.Array]) -> pa.RecordBatch:
    """Append `columns` in order; an existing column is replaced at its position.

    Raises ValueError if the names in `values` are not exactly those of `columns` or a length is wrong, and
    `pa.ArrowInvalid` if a value does not fit its type.
    """
    if set(values) != {column.name for column in columns}:
        raise ValueError(f"columns {[c.name for c in columns]} but values for {list(values)}")
    for column in columns:
        array = values[column.name]
        if len(array) != batch.num_rows:
            raise ValueError(f"column {column.name!r} has {len(array)} values for {batch.num_rows} rows")
        if array.type != column.dtype:
            array = array.cast(column.dtype)
        at = batch.schema.get_field_index(column.name)
        batch = batch.append_column(column.field, array) if at < 0 else batch.set_column(at, column.field, array)
    return batch


def text_chars(text: pa.Array) -> pa.Array:
    """Number of code points (int32) of each text without white space at its ends; null for a null text."""
    return pc.utf8_length(pc.utf8_trim_whitespace(text))


def replace_text(batch: pa.RecordBatch, text: pa.Array) -> pa.RecordBatch:
    """Replace the column `text` with `text` (string, one per row), and update `text_chars` if it exists."""
    for name, values in (("text", text), ("text_chars", text_chars(text))):
        at = batch.schema.get_field_index(name)
        if at >= 0:
            batch = batch.set_column(at, batch.schema.field(at), values)
    return batch


def null_columns(columns: Sequence[Column], rows: int) -> dict[str, pa.Array]:
    """All-null values for `columns`."""
    return {column.name: pa.nulls(rows, column.dtype) for column in columns}


def living_rows(batch: pa.RecordBatch) -> Mask:
    """True if the row is neither a dead letter nor already rejected; shape (rows,)."""
    alive = np.ones(batch.num_rows, dtype=bool)
    for name in ("dead_reason", "reject_reason"):
        if name in batch.schema.names:
            alive &= batch.column(name).is_null().to_numpy(zero_copy_only=False)
    return alive


def scatter(values: pa.Array, mask: Mask) -> pa.Array:
    """Spread `values` (one per True of `mask`, in order) over `len(mask)` rows, null elsewhere."""
    if len(values) == len(mask):
        return values
    positions = np.cumsum(mask) - 1
    return values.take(pa.array(positions, mask=~mask)) if len(values) else pa.nulls(len(mask), values.type)


def mark_dead(batch: pa.RecordBatch, reasons: pa.Array, stage: str, first_bytes: pa.Array) -> pa.RecordBatch:
    """Mark the rows whose entry in `reasons` (string, one per row) is not null as dead letters of `stage`.

    Their `text` and payload become null; rows that are already dead letters stay unchanged. `first_bytes` is binary, one per row.
    """
    dying = pc.and_(reasons.is_valid(), batch.column("dead_reason").is_null())
    if not pc.any(dying).as_py():
        return batch
    updates = {
        "dead_stage": pa.repeat(stage, batch.num_rows),
        "dead_reason": reasons,
        "dead_bytes": pc.binary_slice(first_bytes, 0, 200),
        "text": pa.nulls(batch.num_rows, pa.string()),
        "payload": pa.nulls(batch.num_rows, pa.binary()),
    }
    for name, value in updates.items():
        at = batch.schema.get_field_index(name)
        if at >= 0:
            batch = batch.set_column(at, batch.schema.field(at), pc.if_else(dying, value, batch.column(at)))
    return batch
