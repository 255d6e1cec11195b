"""The second pass: shingles of the documents that may be copies of others, so that they are measured without their texts."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from curricle.pipelines.deduplication.normal_form import composed, normal_words
from curricle.pipelines.deduplication.signatures import shingles
from curricle.pipelines.execute.events import ReportProgress
from curricle.pipelines.output.attribute_tables import ShardDocuments
from curricle.storage.whole_file import whole_file

BATCH = 1024  # documents read at once
SCHEMA = pa.schema([("row", pa.int64()), ("shingles", pa.large_list(pa.uint32()))])

Shingles = npt.NDArray[np.uint32]


@dataclass(frozen=True)
class ShingleTask:
    """A shard, the file with the rows that are needed, and the file for their shingles."""

    shard: ShardDocuments
    rows: Path
    shingles: Path

    @property
    def name(self) -> str:
        """The shard."""
        return self.shard.name

    @property
    def size(self) -> int:
        """Bytes of its files."""
        return self.shard.size

    @property
    def commit(self) -> Path:
        """The shingles."""
        return self.shingles

    def counts(self) -> tuple[int, int, int]:
        """Documents."""
        return self.shard.rows, 0, self.shard.rows

    def __hash__(self) -> int:
        return hash(self.shingles)


def write_shingles(task: ShingleTask, report: ReportProgress) -> None:
    """Write the shingles of some documents of a shard, in the order of their texts, completely or not at all."""
    wanted = np.load(task.rows)
    start = 0
    with whole_file(task.shingles) as part, pa.OSFile(str(part), "wb") as file, pa.ipc.new_file(file, SCHEMA) as writer:
        for batch in task.shard.batches(["text"], BATCH):
            rows = wanted[(wanted >= start) & (wanted < start + batch.num_rows)]
            if rows.size:
                found = shingles_of(batch.column(0).take(pa.array(rows - start)))
                writer.write_batch(shingle_batch(rows, found))
            start += batch.num_rows
            report(batch.num_rows, batch.nbytes, batch.num_rows)


def shingle_batch(rows: npt.NDArray[np.int64], found: Sequence[Shingles]) -> pa.RecordBatch:
    """A batch in SCHEMA."""
    offsets = np.cumsum([0, *(own.size for own in found)])
    values = np.concatenate([np.empty(0, np.uint32), *found])
    lists = pa.LargeListArray.from_arrays(pa.array(offsets), pa.array(values))
    return pa.record_batch([pa.array(rows, pa.int64()), lists], SCHEMA)


def shingles_of(texts: pa.StringArray) -> list[Shingles]:
    """The shingles of each text, in its order."""
    return [shingles(words.of(text)) for words in normal_words(composed(texts)) for text in range(words.offsets.size - 1)]


def read_shingles(path: Path) -> dict[int, Shingles]:
    """Row -> its shingles, mapped into memory."""
    table = pa.ipc.open_file(pa.memory_map(str(path))).read_all()
    found: dict[int, Shingles] = {}
    for batch in table.to_batches():
        offsets, values = batch["shingles"].offsets.to_numpy(), batch["shingles"].values.to_numpy()
        for number, row in enumerate(batch["row"].to_pylist()):
            found[row] = values[offsets[number] : offsets[number + 1]]
    return found
