"""Reads one shard as batches with an envelope. The last batch is empty and holds the total number of rows."""

from collections.abc import Iterator

import pyarrow as pa

from curricle.schemas.shards import Envelope, Shard, seal
from curricle.stages.read.config import ReadConfig
from curricle.stages.read.csv import read_csv
from curricle.stages.read.files import is_empty
from curricle.stages.read.jsonl import read_jsonl
from curricle.stages.read.notes import Notes
from curricle.stages.read.parquet import read_parquet
from curricle.stages.read.rows import empty_batch
from curricle.stages.read.text import read_text
from curricle.stages.read.warc import read_warc

READERS = {"warc": read_warc, "jsonl": read_jsonl, "parquet": read_parquet, "csv": read_csv, "text": read_text}


def read_shard(shard: Shard, config: ReadConfig) -> Iterator[pa.RecordBatch]:
    """Yield sealed batches of READ_SCHEMA and `config.carry`, numbered from 0, then one without rows and with `last=True`."""
    notes = Notes()
    sequence = records = 0
    if shard.start == 0 and is_empty(shard.url):
        notes.append("the file is empty")
    else:
        for batch in READERS[shard.format](shard, config, notes):
            yield seal(batch, Envelope(shard=shard, sequence=sequence))
            sequence += 1
            records += batch.num_rows
    skipped = tuple(notes.skipped.most_common())
    last = Envelope(shard=shard, sequence=sequence, last=True, records=records, notes=tuple(notes), skipped=skipped)
    yield seal(empty_batch(config), last)
