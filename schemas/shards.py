"""A shard: one input file, or a range of a large one. The unit of commit, retry, resume and file naming."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

import orjson
import pyarrow as pa
import xxhash

Format = Literal["warc", "jsonl", "parquet", "csv", "text"]

ENVELOPE = b"curricle.envelope"


@dataclass(frozen=True, kw_only=True)
class Shard:
    """The part of the input that one call of a reader reads.

    `start` and `end` are bytes of an uncompressed JSONL file (lines that begin in [start, end)) or row groups of a
    Parquet file; a compressed or WARC file is always one shard with start 0 and end None (to the end).
    """

    name: str  # usable as a file name; depends only on source, format and range
    source: str  # as the user named it; part of every document's id
    url: str  # absolute path or fsspec URL to open
    format: Format
    start: int = 0
    end: int | None = None
    size: int = 0  # stored bytes of this range; the largest shard is started first
    version: str = ""  # changes when the input file changes: size and modification time, or an object store's ETag

    @property
    def label(self) -> str:
        """The source and its range, for messages."""
        if self.start == 0 and self.end is None:
            return self.source
        return f"{self.source}, {'row groups' if self.format == 'parquet' else 'bytes'} {self.start} to {self.end}"

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)


def document_id(source: str, offset: int) -> str:
    """32 hex digits: XXH3-128 of source, a NUL and the decimal offset, which do not depend on how the file was split."""
    return xxhash.xxh3_128_hexdigest(f"{source}\0{offset}".encode())


@dataclass(frozen=True, kw_only=True)
class Envelope:
    """Travels in a batch's schema metadata from reader to writer: which shard and batch it is, and whether the shard ends here.

    The last batch of a shard has no rows, `last=True` and the reader's own totals. The writer compares them with what arrived, so
    that a lost, repeated or split shard cannot be committed.
    """

    shard: Shard
    sequence: int
    last: bool = False
    records: int = 0
    notes: tuple[str, ...] = ()  # one line each: damage that affected no record, such as a truncated end
    skipped: tuple[tuple[str, int], ...] = ()  # kinds of records that are no documents, and how many


def seal(batch: pa.RecordBatch, envelope: Envelope) -> pa.RecordBatch:
    """The batch with `envelope` in its schema metadata."""
    return batch.replace_schema_metadata({**(batch.schema.metadata or {}), ENVELOPE: orjson.dumps(asdict(envelope))})


def unseal(batch: pa.RecordBatch) -> Envelope:
    """The envelope of a batch; ValueError if a stage dropped it."""
    data = (batch.schema.metadata or {}).get(ENVELOPE)
    if data is None:
        raise ValueError("a batch without an envelope reached the sink: a stage dropped the schema metadata")
    fields = orjson.loads(data)
    return Envelope(
        **{
            **fields,
            "shard": Shard(**fields["shard"]),
            "notes": tuple(fields["notes"]),
            "skipped": tuple(map(tuple, fields["skipped"])),
        }
    )
