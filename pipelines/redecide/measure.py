"""Measures documents that slow stages skipped because an old rule had rejected them, and decides about these."""

from collections.abc import Mapping
from dataclasses import replace
from threading import Lock

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curricle.pipelines.execute.in_process import run_step, with_read_columns
from curricle.pipelines.redecide.decision import NOT_MEASURED, Judged
from curricle.pipelines.redecide.files import one_batch, stream
from curricle.pipelines.redecide.plan import Redecision
from curricle.pipelines.redecide.shard import Added, Rows, Shard
from curricle.schemas.columns import DECISION
from curricle.stages.decide import DecideConfig, decide

WINDOW = 1000  # rows that are measured at once

_one_at_a_time = Lock()
"""Held while a stage runs: stages expect a process of their own."""


def measure(plan: Redecision, shard: Shard) -> Shard:
    """Run the stages that skipped documents which no rule rejects now, and decide about these."""
    missing = pc.equal(shard.now.reason, NOT_MEASURED).fill_null(False).to_numpy(zero_copy_only=False)
    if not missing.any():
        return shard
    first = int(np.count_nonzero(shard.kept_before))  # it was rejected: all are in the rejected file
    columns = [column.name for step in plan.new.recipe.steps if step.stage.skips_rejected for column in step.columns]
    found: list[Rows] = []
    parts: list[pa.RecordBatch] = []
    start = first
    for batch in stream(plan.source / shard.manifest["files"]["rejected"]["path"], WINDOW):
        rows = start + np.flatnonzero(missing[start : start + batch.num_rows])
        start += batch.num_rows
        for stage in pc.unique(shard.now.value.take(pa.array(rows))).to_pylist():
            some = rows[pc.equal(shard.now.value.take(pa.array(rows)), stage).to_numpy(zero_copy_only=False)]
            given = {name: values.take(pa.array(some)) for name, values in shard.given.items()}
            out = _measure_rows(plan, batch.take(pa.array(some - start + batch.num_rows)), given, stage)
            if out.column("dead_reason").null_count != out.num_rows:
                raise RuntimeError(f"shard {shard.name}: a stage could not process documents that it measured in the run")
            found.append(some)
            parts.append(out.select([*columns, *(column.name for column in DECISION)]))
    rows = np.concatenate(found)
    order = np.argsort(rows, kind="stable")
    table = pa.Table.from_batches([part.replace_schema_metadata(None) for part in parts]).take(pa.array(order))
    rows, values = rows[order], one_batch(table)
    replaced = {}
    for part, column in zip(("reason", "value", "failed"), DECISION, strict=True):
        before = getattr(shard.now, part)
        place = np.arange(len(before))
        place[rows] = len(before) + np.arange(len(rows))
        replaced[part] = pa.concat_arrays([before, values.column(column.name)]).take(pa.array(place))
    return replace(
        shard,
        now=Judged(replaced["reason"], replaced["value"], replaced["failed"], shard.now.empty),
        added=Added(rows, values.select(columns)),
    )


def _measure_rows(plan: Redecision, rows: pa.RecordBatch, given: Mapping[str, pa.Array], stage: str) -> pa.RecordBatch:
    """Rows of a rejected file after the slow stages from `stage` on, and all decisions."""
    stored = pa.Table.from_batches([rows]).drop_columns([column.name for column in DECISION])
    for name, values in given.items():
        stored = stored.append_column(name, values)
    batch = with_read_columns(stored, 0)
    skipped = True
    for step in plan.new.steps:
        skipped = skipped and step.name != stage
        if isinstance(step.config, DecideConfig):
            batch = decide(batch, step.config)
        elif step.stage.skips_rejected and not skipped:
            with _one_at_a_time:
                batch = run_step(step, batch)
    return batch
