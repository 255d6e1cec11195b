"""Decides again about the documents of one shard."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from curricle.pipelines.output.manifest import Manifest
from curricle.pipelines.redecide.decision import ALL, Counts, Judged, judge
from curricle.pipelines.redecide.files import one_array, one_batch, read_columns
from curricle.pipelines.redecide.plan import Redecision
from curricle.schemas.batches import Mask
from curricle.schemas.columns import DECISION

JUDGED = ("kept", "rejected")
BATCH = 1 << 14  # rows that are judged at once

Rows = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Added:
    """The columns of slow stages of documents that were measured now."""

    rows: Rows  # of the shard, in increasing order
    values: pa.RecordBatch

    def put(self, batch: pa.RecordBatch, window: Rows) -> pa.RecordBatch:
        """The batch, whose rows are those of `window`, with these values."""
        at = np.searchsorted(self.rows, window)
        found = np.flatnonzero(self.rows[np.minimum(at, len(self.rows) - 1)] == window)
        place = np.arange(len(window))
        place[found] = len(window) + at[found]
        for name in self.values.schema.names:
            both = pa.concat_arrays([batch.column(name), self.values.column(name)])
            index = batch.schema.get_field_index(name)
            batch = batch.set_column(index, batch.schema.field(index), both.take(pa.array(place)))
        return batch


@dataclass(frozen=True)
class Shard:
    """The documents of a shard, those of the kept file first: what was decided, and what is decided now."""

    manifest: Manifest
    offsets: npt.NDArray[np.int64]
    stages: Counts  # that had processed each document
    before: Judged
    now: Judged
    given: Mapping[str, pa.Array]  # values of attribute tables, by column
    added: Added | None = None  # what was measured now

    @property
    def unmatched(self) -> int:
        """Documents without a row in a table."""
        return max((int(values.null_count) for values in self.given.values()), default=0)

    @property
    def name(self) -> str:
        """The name of the shard."""
        return str(self.manifest["shard"]["name"])

    @property
    def kept_before(self) -> Mask:
        """True for the documents of the kept file."""
        return _is_null(self.before.reason)

    @property
    def kept(self) -> Mask:
        """True for the documents that are kept now."""
        return _is_null(self.now.reason)

    def moves(self) -> Counter[tuple[str | None, str | None]]:
        """Documents by the reason before and the reason now; None: kept."""
        table = pa.table({"before": self.before.reason, "now": self.now.reason})
        counts = table.group_by(["before", "now"]).aggregate([([], "count_all")]).to_pylist()
        return Counter({(one["before"], one["now"]): one["count_all"] for one in counts})

    def order(self) -> Rows:
        """The documents in the order in which the input had them; in both files they are in this order already."""
        rejected = np.count_nonzero(self.kept_before)
        parts = (self.offsets[:rejected], self.offsets[rejected:])
        keys = np.concatenate([np.maximum.accumulate(part) for part in parts])
        return np.argsort(keys, kind="stable")

    def changed(self, emptied: Mapping[str, Mask]) -> set[str]:
        """The splits whose files have other rows or values now."""
        if (self.kept != self.kept_before).any():
            return set(JUDGED)
        if self.added:
            return {"rejected"}
        rejected = int(np.count_nonzero(self.kept_before))
        same = all(
            getattr(self.before, name).slice(rejected).equals(getattr(self.now, name).slice(rejected))
            for name in ("reason", "value", "failed")
        )
        return set() if same and not any(mask.any() for mask in emptied.values()) else {"rejected"}


def judge_shard(plan: Redecision, manifest: Manifest) -> Shard:
    """Read what the rules judge, and decide. Raises OutputError."""
    name = manifest["shard"]["name"]
    wanted = dict.fromkeys(("id", "source_offset", *plan.columns(), *(column.name for column in DECISION)))
    files = [read_columns(plan.source / manifest["files"][split]["path"], tuple(wanted)) for split in JUDGED]
    ids = pa.concat_arrays([one_array(file.column("id")) for file in files])
    read = {column for rule in plan.new.recipe.decide for column in rule.reads()}
    given: dict[str, pa.Array] = {}
    for table in plan.tables:
        given |= table.rows(name, ids, read)
    nothing = {column.name: pa.nulls(files[0].num_rows, column.dtype) for column in DECISION}
    decided = {key: pa.concat_arrays([nothing[key], one_array(files[1].column(key)).cast(nothing[key].type)]) for key in nothing}
    stages = np.concatenate(
        [
            np.full(files[0].num_rows, ALL, np.int32),
            plan.measured.stages(one_array(files[1].column("reject_reason")), one_array(files[1].column("reject_value"))),
        ]
    )
    names = [column for column in plan.columns() if column not in ("id", "source_offset")]
    columns = {column: pa.chunked_array([*files[0].column(column).chunks, *files[1].column(column).chunks]) for column in names}
    table = pa.table({"id": ids, **columns, **given})
    judged = []
    for start in range(0, max(table.num_rows, 1), BATCH):
        rows = one_batch(table.slice(start, BATCH))
        judged.append(judge(rows, stages[start : start + BATCH], plan.new.steps, plan.carried))
    return Shard(
        manifest=manifest,
        offsets=np.concatenate([file.column("source_offset").to_numpy() for file in files]),
        stages=stages,
        before=Judged(decided["reject_reason"], decided["reject_value"], decided["failed_rules"], {}),
        now=_joined(judged),
        given=given,
    )


def _joined(parts: list[Judged]) -> Judged:
    return Judged(
        pa.concat_arrays([part.reason for part in parts]),
        pa.concat_arrays([part.value for part in parts]),
        pa.concat_arrays([part.failed for part in parts]),
        {step: np.concatenate([part.empty[step] for part in parts]) for step in parts[0].empty},
    )


def _is_null(array: pa.Array) -> Mask:
    mask: Mask = pc.is_null(array).to_numpy(zero_copy_only=False)
    return mask
