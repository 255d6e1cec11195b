"""Judges documents whose columns are measured by the rules of another recipe, as a run of it would.

A run judges in several decisions, and slow stages skip what an earlier decision rejected. So the decisions are taken in the same
order here. Columns of stages that a run of the new recipe would have skipped become null. A document that the old recipe
rejected before such a stage, and the new one does not, has never been measured: it stays rejected, by NOT_MEASURED.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from curricle.errors import OutputError
from curricle.pipelines.plan.stage_table import Steps
from curricle.schemas.batches import Mask
from curricle.schemas.columns import DECISION
from curricle.schemas.stage import Step
from curricle.stages.decide import DecideConfig, decide

NOT_MEASURED: Final = "not_measured"
"""`reject_reason` of documents that no rule rejects but a stage never measured; `reject_value` is the first such stage."""

ALL: Final = np.iinfo(np.int32).max
"""Number of stages that have processed a kept document: every one."""

Counts = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Measured:
    """How many stages of a recipe process a document before it is rejected, by the reason."""

    by_rule: Mapping[str, int]
    by_stage: Mapping[str, int]

    def stages(self, reasons: pa.Array, values: pa.Array) -> Counts:
        """For each rejected document. Raises OutputError for a reason that no rule gives."""
        found = _numbers(reasons, self.by_rule)
        again = pc.equal(reasons, NOT_MEASURED).to_numpy(zero_copy_only=False)
        if again.any():
            found = np.where(again, _numbers(values, self.by_stage), found)
        if (found < 0).any():
            reason = reasons[int(np.flatnonzero(found < 0)[0])]
            raise OutputError(f"a document was rejected by {reason.as_py()!r}, which is no rule of the output's recipe")
        return found


def _numbers(texts: pa.Array, numbers: Mapping[str, int]) -> Counts:
    """The number of each text; -1 for one that has none."""
    known = pa.array(numbers.keys(), pa.string())
    table = np.array([*numbers.values(), -1], np.int32)
    return table[pc.fill_null(pc.index_in(texts, value_set=known), len(numbers)).to_numpy(zero_copy_only=False)]


def measured(steps: Steps) -> Measured:
    """What is measured before each decision of these steps."""
    by_rule: dict[str, int] = {}
    by_stage: dict[str, int] = {}
    for step in steps:
        if isinstance(step.config, DecideConfig):
            by_rule |= {rule.name: len(by_stage) for rule in step.config.rules}
        else:
            by_stage[step.name] = len(by_stage)
    return Measured(by_rule, by_stage)


@dataclass(frozen=True)
class Judged:
    """The decision about each document, and the stages whose columns a run would not have filled."""

    reason: pa.Array
    value: pa.Array
    failed: pa.Array
    empty: Mapping[str, Mask]  # by stage


def judge(columns: pa.RecordBatch, stages: Counts, steps: Steps, carried: frozenset[str]) -> Judged:
    """Decide about rows that have `columns`; `stages` of the recipe have processed each of them.

    `carried` columns come from the input: they are never emptied, and a row that has one of a stage counts as measured.
    """
    rows = columns.num_rows
    batch = _with(columns, {column.name: pa.nulls(rows, column.dtype) for column in DECISION})
    batch = _with(batch, {"dead_reason": pa.nulls(rows, pa.string())})
    empty: dict[str, Mask] = {}
    position = 0
    for step in steps:
        if isinstance(step.config, DecideConfig):
            batch = decide(batch, step.config)
            continue
        if step.stage.skips_rejected:
            alive = batch.column("reject_reason").is_null().to_numpy(zero_copy_only=False)
            missing = alive & (stages <= position) & ~_any_valid(batch, step, carried)
            if missing.any():
                mask = pa.array(missing)
                reason = pc.if_else(mask, NOT_MEASURED, batch.column("reject_reason"))
                value = pc.if_else(mask, step.name, batch.column("reject_value"))
                batch = _with(batch, {"reject_reason": reason, "reject_value": value})
            empty[step.name] = ~alive | missing
            batch = without_values(batch, step, empty[step.name], carried)
        position += 1
    reason, value, failed = (batch.column(column.name) for column in DECISION)
    return Judged(reason, value, failed, empty)


def without_values(batch: pa.RecordBatch, step: Step, mask: Mask, carried: frozenset[str]) -> pa.RecordBatch:
    """The batch with nulls in the columns of a step where `mask` is true."""
    if not mask.any():
        return batch
    names = [column.name for column in step.columns if column.name in batch.schema.names and column.name not in carried]
    return _with(
        batch,
        {name: pc.if_else(pa.array(mask), pa.scalar(None, batch.schema.field(name).type), batch.column(name)) for name in names},
    )


def _any_valid(batch: pa.RecordBatch, step: Step, carried: frozenset[str]) -> Mask:
    valid = np.zeros(batch.num_rows, np.bool_)
    for column in step.columns:
        if column.name in carried:
            valid |= batch.column(column.name).is_valid().to_numpy(zero_copy_only=False)
    return valid


def _with(batch: pa.RecordBatch, values: Mapping[str, pa.Array]) -> pa.RecordBatch:
    """The batch with these columns, in their place or at the end."""
    for name, array in values.items():
        at = batch.schema.get_field_index(name)
        batch = batch.append_column(name, array) if at < 0 else batch.set_column(at, name, array)
    return batch
