"""The reader as a Beam transform."""

from collections.abc import Iterator

import apache_beam as beam
import pyarrow as pa

import curricle.pipelines.execute.batch_coder  # noqa: F401  registers the coder
from curricle.pipelines.execute.shard_failure import fail_shard, has_failed
from curricle.schemas.shards import Shard
from curricle.stages.read.config import ReadConfig
from curricle.stages.read.shard import read_shard


class ReadShardFn(beam.DoFn):
    """`read_shard` on each element."""

    def __init__(self, config: ReadConfig) -> None:
        self.config = config

    def process(self, shard: Shard) -> Iterator[pa.RecordBatch]:
        """All batches of one shard, in order, until the shard has failed."""
        try:
            for batch in read_shard(shard, self.config):
                yield batch
                if has_failed(shard):
                    return
        except Exception as error:
            fail_shard(shard, "reading", error)


class ReadShard(beam.PTransform):
    """Shards to sealed batches."""

    def __init__(self, config: ReadConfig) -> None:
        super().__init__()
        self.config = config

    def expand(self, shards: beam.PCollection[Shard]) -> beam.PCollection[pa.RecordBatch]:
        """Wire the reader."""
        return shards | "ReadShard" >> beam.ParDo(ReadShardFn(self.config))
