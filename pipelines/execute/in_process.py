"""Runs steps over rows in this process, without Beam: for texts in memory."""

import pyarrow as pa

from curricle.pipelines.execute.kernel_result import check_columns, check_rows
from curricle.pipelines.execute.load_once import load_once
from curricle.schemas.columns import READ_SCHEMA
from curricle.schemas.shards import document_id
from curricle.schemas.stage import Step

SOURCE = "memory"


def with_read_columns(rows: pa.Table, start: int) -> pa.RecordBatch:
    """One batch of the rows with every column that a reader gives; those that were not given are null, `id` is made.

    `start` is the number of the first row.
    """
    rows = rows.combine_chunks()
    columns: dict[str, pa.Array] = {
        name: rows.column(name).chunk(0) if rows.column(name).num_chunks else pa.array([], rows.schema.field(name).type)
        for name in rows.column_names
    }
    made = {field.name: pa.nulls(rows.num_rows, field.type) for field in READ_SCHEMA if field.name not in columns}
    if "id" in made:
        made["id"] = pa.array([document_id(SOURCE, start + row) for row in range(rows.num_rows)], pa.string())
    return pa.record_batch({**columns, **made})


def run_step(step: Step, batch: pa.RecordBatch) -> pa.RecordBatch:
    """The batch after one step. What the step loads stays in memory for the next call."""
    arguments = () if step.stage.load is None else (load_once(step.config, step.stage.load),)
    out = step.stage.kernel(batch, *arguments, step.config)
    check_rows(step.name, batch, out)
    check_columns(step, batch.schema, out.schema)
    return out
