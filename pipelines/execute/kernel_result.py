"""What a kernel may return: the same rows, and the columns that its stage declares."""

from typing import Any

import pyarrow as pa

from curricle.errors import ExtensionError
from curricle.schemas.column import schema_of
from curricle.schemas.columns import PAYLOAD
from curricle.schemas.stage import Step

_REMOVED = {column.name for column in PAYLOAD}  # by the stage that extracts the text


def check_rows(name: str, batch: pa.RecordBatch, out: Any) -> None:
    """ExtensionError unless `out` is a batch with the rows of `batch`, in the same order, and its envelope."""
    if not isinstance(out, pa.RecordBatch):
        raise ExtensionError(f"stage {name!r} returned a {type(out).__name__}, not a RecordBatch")
    if out.num_rows != batch.num_rows or out.schema.metadata != batch.schema.metadata:
        raise ExtensionError(f"stage {name!r} changed the rows or the envelope of a batch")
    if "id" in batch.schema.names and "id" in out.schema.names and not out.column("id").equals(batch.column("id")):
        raise ExtensionError(f"stage {name!r} changed column 'id' or the order of the rows")


def check_columns(step: Step, before: pa.Schema, after: pa.Schema) -> None:
    """ExtensionError unless `after` has the columns of `before` and those that the stage declares, with their types."""
    expected = {field.name: field.type for field in (*before, *schema_of(step.columns)) if field.name not in _REMOVED}
    found = {field.name: field.type for field in after if field.name not in _REMOVED}
    wrong = [f"no column {name!r}" for name in expected if name not in found]
    wrong += [f"a column {name!r} that it does not declare" for name in found if name not in expected]
    wrong += [f"two columns {name!r}" for name in found if len(after.get_all_field_indices(name)) > 1]
    wrong += [f"column {name!r} as {found[name]}, not {kind}" for name, kind in expected.items() if found.get(name, kind) != kind]
    if wrong:
        raise ExtensionError(f"stage {step.name!r} returned {', '.join(wrong)}")
