"""The last pass: writes the part of each shard, and counts the duplicates by source."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from curricle.pipelines.execute.events import ReportProgress
from curricle.pipelines.output.attribute_tables import ShardDocuments, commit_part, part_manifest
from curricle.storage.whole_file import whole_file

ROWS = pa.schema(
    [
        ("id", pa.string()),
        ("cluster_id", pa.string()),
        ("cluster_size", pa.int64()),
        ("duplicate_of", pa.string()),
        ("keep", pa.bool_()),
        ("similarity", pa.float32()),
        ("evidence", pa.string()),
    ]
)
"""Columns of a part."""

COMPARED = pa.schema([("row", pa.int64()), *list(ROWS)[1:]])
"""Verdicts of the documents of a shard that are in a cluster or were compared."""


@dataclass(frozen=True)
class PartTask:
    """A shard, its verdicts, and the file for the counts by source."""

    shard: ShardDocuments
    table: Path
    fingerprint: str
    verdicts: Path

    @property
    def name(self) -> str:
        """The shard."""
        return self.shard.name

    @property
    def size(self) -> int:
        """Number of its documents."""
        return self.shard.rows

    @property
    def commit(self) -> Path:
        """The manifest of the part."""
        return part_manifest(self.table, self.shard.name)

    @property
    def sources(self) -> Path:
        """Counts by source, written before the part."""
        return self.verdicts.with_suffix(".sources")

    def counts(self) -> tuple[int, int, int]:
        """Documents."""
        return self.shard.rows, 0, self.shard.rows

    def __hash__(self) -> int:
        return hash(self.verdicts)


def write_part(task: PartTask, report: ReportProgress) -> None:
    """Write the counts of one shard, then its part of the table."""
    batches = list(task.shard.batches(["id", "source"], 1 << 16))
    ids = [value for batch in batches for value in batch["id"].to_pylist()]
    sources = [value for batch in batches for value in batch["source"].to_pylist()]
    columns: dict[str, list[object]] = {
        "id": ids,
        "cluster_id": list(ids),
        "cluster_size": [1] * len(ids),
        "duplicate_of": [None] * len(ids),
        "keep": [True] * len(ids),
        "similarity": [None] * len(ids),
        "evidence": [None] * len(ids),
    }
    for verdict in pq.read_table(task.verdicts, schema=COMPARED).to_pylist():
        row = verdict.pop("row")
        for name, value in verdict.items():
            columns[name][row] = value
    kept = task.shard.files[0].rows
    removed = Counter(source for source, keep in zip(sources[:kept], columns["keep"], strict=False) if not keep)
    counts = {str(source): (count, removed[source]) for source, count in sorted(Counter(sources[:kept]).items())}
    with whole_file(task.sources) as part:
        part.write_bytes(orjson.dumps(counts))
    commit_part(task.table, task.shard, task.fingerprint, pa.table(columns, ROWS))
    report(task.shard.rows, 0, task.shard.rows)
