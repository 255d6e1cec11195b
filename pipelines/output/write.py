"""The sink: splits the rows of a shard into kept, rejected and dead, and commits the three files together.

Each attempt writes its own temporary files. Once they are complete they are renamed to names that depend only on the shard,
and the manifest is renamed last: a shard without a manifest is not committed. A shard that is retried, run twice or run
concurrently produces the same bytes. A shard whose batches do not arrive complete and in order is never committed.
"""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curricle.models.cards import file_sha256
from curricle.pipelines.output.removals import read_removals
from curricle.schemas.shards import Envelope, Shard
from curricle.stages.read.content import unchanged_content
from curricle.storage.output import OutputPath, output_at, parse_output

SPLITS = ("kept", "rejected", "dead")
"""Folders of an output, one Parquet file per shard in each."""

REASONS = {"rejected": "reject_reason", "dead": "dead_reason"}
"""Split -> column whose values its part of a manifest counts."""

ROW_GROUP_BYTES = 32 << 20
UNIQUE = ("id", "url", "source_id", "source_offset", "date", "metadata", "text", "title", "dead_bytes")
"""Columns whose values hardly ever repeat: they get no dictionary."""

LONG = ("text", "metadata", "title", "dead_bytes")
"""Columns whose minimum and maximum are of no use to a reader: they get no statistics."""


def parquet_options(schema: pa.Schema) -> dict[str, Any]:
    """Compression and encoding options for pyarrow's Parquet writers."""
    return {
        "compression": "zstd",
        "use_dictionary": [name for name in schema.names if name not in UNIQUE],
        "write_statistics": [name for name in schema.names if name not in LONG],
    }


@dataclass(frozen=True, kw_only=True)
class Sink:
    """The output folder and the schema of each split, which is the same in every file."""

    output: str  # absolute path or URL of the output folder
    schemas: dict[str, pa.Schema]  # by split
    fingerprint: str  # of recipe, models and code; written to each file and manifest


class BatchCounts(NamedTuple):
    """What one batch added to the output."""

    documents: int
    text_bytes: int
    kept: int


def manifest_path(output: OutputPath, shard: str) -> OutputPath:
    """The file whose existence makes a shard committed."""
    return output / "_manifest" / f"{shard}.json"


def split_path(split: str, shard: str) -> str:
    """Path of a shard's file, relative to the output folder."""
    return f"{split}/part-{shard}.parquet"


def file_entry(split: str, shard: str, writer: "SplitWriter") -> dict[str, Any]:
    """What a manifest says of a file that was written."""
    return {
        "path": split_path(split, shard),
        "rows": writer.rows,
        "text_bytes": writer.text_bytes,
        "bytes": writer.path.stat().st_size,
        "sha256": file_sha256(writer.path),
    }


class SplitWriter:
    """One Parquet file, written in row groups of about ROW_GROUP_BYTES."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self.path, self.schema = path, schema
        self.rows = self.text_bytes = self.held_bytes = 0
        self.held: list[pa.RecordBatch] = []
        self.writer = pq.ParquetWriter(path, schema, **parquet_options(schema))

    def add(self, rows: pa.RecordBatch) -> None:
        """Hold `rows`; write a row group when enough are held."""
        self.rows += rows.num_rows
        if "text" in rows.schema.names:
            self.text_bytes += pc.sum(pc.binary_length(rows.column("text"))).as_py() or 0
        self.held.append(rows)
        self.held_bytes += rows.nbytes
        if self.held_bytes >= ROW_GROUP_BYTES:
            self._flush()

    def _flush(self) -> None:
        table = pa.Table.from_batches(self.held, self.schema.remove_metadata())
        self.writer.write_table(table.replace_schema_metadata(self.schema.metadata), row_group_size=max(1, table.num_rows))
        self.held, self.held_bytes = [], 0

    def close(self) -> None:
        """Write the rows that are still held and sync the file to disk."""
        if self.rows and self.held:
            self._flush()
        self.writer.close()
        with self.path.open("rb") as file:
            os.fsync(file.fileno())


class ShardWriter:
    """One attempt at one shard."""

    def __init__(self, sink: Sink, shard: Shard) -> None:
        self.sink, self.shard = sink, shard
        self.output = output_at(parse_output(sink.output))
        self.folder = self.output.attempt(shard.name)
        self.splits = {split: SplitWriter(self.folder / f"{split}.parquet", sink.schemas[split]) for split in SPLITS}
        self.reasons: dict[str, dict[str, int]] = {"rejected": {}, "dead": {}}
        self.removals, self.removed = read_removals(self.output.path), 0
        self.sequence = 0

    def write(self, batch: pa.RecordBatch, envelope: Envelope) -> BatchCounts:
        """Split one batch and count it. Raises RuntimeError if it is not the next batch of this shard."""
        if envelope.shard != self.shard or envelope.sequence != self.sequence:
            raise RuntimeError(
                f"shard {self.shard.name}: batch {envelope.sequence} of {envelope.shard.name} arrived "
                f"in place of batch {self.sequence}: the runner split or reordered a shard"
            )
        self.sequence += 1
        if self.removals:
            staying = batch.filter(pa.array(self.removals.stay(batch)))
            self.removed += batch.num_rows - staying.num_rows
            batch = staying
        if not batch.num_rows:
            return BatchCounts(0, 0, 0)
        dead = batch.column("dead_reason").is_valid()
        rejected = pc.and_(batch.column("reject_reason").is_valid(), pc.invert(dead))
        kept = pc.invert(pc.or_(dead, rejected))
        for split, mask in zip(SPLITS, (kept, rejected, dead), strict=True):
            rows = batch.filter(mask).select(self.sink.schemas[split].names).replace_schema_metadata(None)
            if rows.num_rows:
                self.splits[split].add(rows)
        _count(self.reasons["rejected"], batch.column("reject_reason").filter(rejected))
        _count(self.reasons["dead"], batch.column("dead_reason").filter(dead))
        text_bytes = pc.sum(pc.binary_length(batch.column("text"))).as_py() or 0
        return BatchCounts(batch.num_rows, text_bytes, int(np.count_nonzero(kept.to_numpy(zero_copy_only=False))))

    def commit(self, envelope: Envelope) -> OutputPath:
        """Move the files to their final names, the manifest last, and return the manifest's path.

        Raises RuntimeError if the reader's total differs from the number of rows that arrived.
        """
        rows = {split: writer.rows for split, writer in self.splits.items()}
        if envelope.records != sum(rows.values()) + self.removed:
            raise RuntimeError(f"shard {self.shard.name}: {envelope.records} records read, {rows} arrived")
        files = {}
        for split, writer in self.splits.items():
            writer.close()
            files[split] = file_entry(split, self.shard.name, writer)
        manifest = {
            "shard": self.shard.to_dict() | {"url": None},
            **({"content": content} if (content := unchanged_content(self.shard)) else {}),
            "fingerprint": self.sink.fingerprint,
            "records": envelope.records - self.removed,
            **({"removed": self.removed} if self.removed else {}),
            "notes": list(envelope.notes),
            "skipped": dict(envelope.skipped),
            "rejected": dict(sorted(self.reasons["rejected"].items())),
            "dead": dict(sorted(self.reasons["dead"].items())),
            "files": files,
        }
        record = self.folder / "manifest.json"
        with record.open("wb") as file:
            file.write(orjson.dumps(manifest, option=orjson.OPT_INDENT_2))
            os.fsync(file.fileno())
        for split, writer in self.splits.items():
            self.output.commit(writer.path, split_path(split, self.shard.name))
        final = manifest_path(self.output.path, self.shard.name)
        self.output.commit(record, f"_manifest/{final.name}")
        self.folder.rmdir()
        return final

    def abandon(self) -> None:
        """Remove the temporary files of this attempt."""
        shutil.rmtree(self.folder, ignore_errors=True)


def _count(counts: dict[str, int], reasons: pa.Array) -> None:
    for entry in reasons.value_counts().to_pylist():
        counts[entry["values"]] = counts.get(entry["values"], 0) + entry["counts"]
