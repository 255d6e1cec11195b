"""One shard to its batches, each in the shard's envelope; the last one is empty and says how many rows there were."""

from collections.abc import Iterator

import apache_beam as beam
import pyarrow as pa

import schemas.coder  # noqa: F401  registers the coder
from schemas.shards import Envelope, Shard, seal
from stages.attempt import fail, given_up
from stages.read.config import ReadConfig
from stages.read.files import is_empty
from stages.read.jsonl import read_jsonl
from stages.read.parquet import read_parquet
from stages.read.rows import empty_batch
from stages.read.text import read_text
from stages.read.warc import read_warc

READERS = {"warc": read_warc, "jsonl": read_jsonl, "parquet": read_parquet, "text": read_text}


def read_shard(shard: Shard, config: ReadConfig) -> Iterator[pa.RecordBatch]:
    """Sealed batches of READ_SCHEMA and `config.carry`, numbered from 0, then one without rows and `last=True`."""
    notes: list[str] = []
    sequence = records = 0
    if shard.start == 0 and is_empty(shard.url):
        notes.append("the file is empty")
    else:
        for batch in READERS[shard.format](shard, config, notes):
            yield seal(batch, Envelope(shard=shard, sequence=sequence))
            sequence += 1
            records += batch.num_rows
    last = Envelope(shard=shard, sequence=sequence, last=True, records=records, notes=tuple(notes))
    yield seal(empty_batch(config), last)


class ReadShardFn(beam.DoFn):
    """`read_shard` on each element."""

    def __init__(self, config: ReadConfig) -> None:
        self.config = config

    def process(self, shard: Shard) -> Iterator[pa.RecordBatch]:
        """All batches of one shard, in order, until it is given up."""
        try:
            for batch in read_shard(shard, self.config):
                yield batch
                if given_up(shard):
                    return
        except Exception as error:
            fail(shard, "reading", error)


class ReadShard(beam.PTransform):
    """Shards to sealed batches."""

    def __init__(self, config: ReadConfig) -> None:
        super().__init__()
        self.config = config

    def expand(self, shards: beam.PCollection[Shard]) -> beam.PCollection[pa.RecordBatch]:
        """Wire the reader."""
        return shards | "ReadShard" >> beam.ParDo(ReadShardFn(self.config))
