"""The sink: splits the rows of a shard into kept, rejected and dead, and commits the three files at once.

Each attempt writes files of its own; complete, they go to names that depend on the shard alone, and the manifest record
comes last: what has no manifest is not there. A shard that is retried, run twice or at the same time ends in the same bytes.
A shard whose batches do not arrive whole and in order is never committed.
"""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from curricle.models.cards import file_sha256
from curricle.pipelines.execute.progress import report
from curricle.schemas.shards import Envelope, Shard

from curricle.storage.output import Place, output_at, place

PARTS = ("kept", "rejected", "dead")
ROW_GROUP_BYTES = 32 << 20
UNIQUE = ("id", "url", "source_id", "source_offset", "date", "metadata", "text", "title", "dead_bytes")
"""Columns whose values hardly repeat: no dictionary."""

LONG = ("text", "metadata", "title", "dead_bytes")
"""Columns whose least and greatest value tell a reader nothing: no statistics."""


def parquet_options(schema: pa.Schema) -> dict[str, Any]:
    """How a file of these columns is compressed and encoded, for pyarrow's writers."""
    return {
        "compression": "zstd",
        "use_dictionary": [name for name in schema.names if name not in UNIQUE],
        "write_statistics": [name for name in schema.names if name not in LONG],
    }


@dataclass(frozen=True, kw_only=True)
class Sink:
    """Where the output goes and what its files look like: one schema a part, the same in every file."""

    output: str  # absolute path or URL of the output folder
    schemas: dict[str, pa.Schema]  # by part
    fingerprint: str  # of recipe, models and code: goes into each file and manifest


def manifest_path(output: Place, shard: str) -> Place:
    """The record that makes a shard committed."""
    return output / "_manifest" / f"{shard}.json"


def part_path(part: str, shard: str) -> str:
    """Path of a shard's file in the output folder."""
    return f"{part}/part-{shard}.parquet"


class _PartWriter:
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
        """Write what is held and sync the file to the disk."""
        if self.rows and self.held:
            self._flush()
        self.writer.close()
        with self.path.open("rb") as file:
            os.fsync(file.fileno())


class ShardWriter:
    """One attempt at one shard."""

    def __init__(self, sink: Sink, shard: Shard) -> None:
        self.sink, self.shard = sink, shard
        self.output = output_at(place(sink.output))
        self.folder = self.output.attempt(shard.name)
        self.parts = {part: _PartWriter(self.folder / f"{part}.parquet", sink.schemas[part]) for part in PARTS}
        self.reasons: dict[str, dict[str, int]] = {"rejected": {}, "dead": {}}
        self.sequence = 0

    def write(self, batch: pa.RecordBatch, envelope: Envelope) -> None:
        """Split one batch; RuntimeError if it is not the next one of this shard."""
        if envelope.shard != self.shard or envelope.sequence != self.sequence:
            raise RuntimeError(
                f"shard {self.shard.name}: batch {envelope.sequence} of {envelope.shard.name} arrived "
                f"in place of batch {self.sequence}: the runner split or reordered a shard"
            )
        self.sequence += 1
        if batch.num_rows:
            dead = batch.column("dead_reason").is_valid()
            rejected = pc.and_(batch.column("reject_reason").is_valid(), pc.invert(dead))
            kept = pc.invert(pc.or_(dead, rejected))
            for part, mask in zip(PARTS, (kept, rejected, dead), strict=True):
                rows = batch.filter(mask).select(self.sink.schemas[part].names).replace_schema_metadata(None)
                if rows.num_rows:
                    self.parts[part].add(rows)
            _count(self.reasons["rejected"], batch.column("reject_reason").filter(rejected))
            _count(self.reasons["dead"], batch.column("dead_reason").filter(dead))
            text_bytes = pc.sum(pc.binary_length(batch.column("text"))).as_py() or 0
            report(batch.num_rows, text_bytes, int(np.count_nonzero(kept.to_numpy(zero_copy_only=False))))

    def commit(self, envelope: Envelope) -> Place:
        """Put the files in their places, the manifest last; RuntimeError if the reader's total is not what arrived."""
        rows = {part: writer.rows for part, writer in self.parts.items()}
        if envelope.records != sum(rows.values()):
            raise RuntimeError(f"shard {self.shard.name}: {envelope.records} records read, {rows} arrived")
        files = {}
        for part, writer in self.parts.items():
            writer.close()
            path = part_path(part, self.shard.name)
            files[part] = {
                "path": path,
                "rows": writer.rows,
                "text_bytes": writer.text_bytes,
                "bytes": writer.path.stat().st_size,
                "sha256": file_sha256(writer.path),
            }
        manifest = {
            "shard": self.shard.to_dict() | {"url": None},
            "fingerprint": self.sink.fingerprint,
            "records": envelope.records,
            "notes": list(envelope.notes),
            "rejected": dict(sorted(self.reasons["rejected"].items())),
            "dead": dict(sorted(self.reasons["dead"].items())),
            "files": files,
        }
        record = self.folder / "manifest.json"
        with record.open("wb") as file:
            file.write(orjson.dumps(manifest, option=orjson.OPT_INDENT_2))
            os.fsync(file.fileno())
        for part, writer in self.parts.items():
            self.output.commit(writer.path, part_path(part, self.shard.name))
        final = manifest_path(self.output.path, self.shard.name)
        self.output.commit(record, f"_manifest/{final.name}")
        self.folder.rmdir()
        return final

    def abandon(self) -> None:
        """Take this attempt's temporary files away."""
        shutil.rmtree(self.folder, ignore_errors=True)


def _count(counts: dict[str, int], reasons: pa.Array) -> None:
    for entry in reasons.value_counts().to_pylist():
        counts[entry["values"]] = counts.get(entry["values"], 0) + entry["counts"]
