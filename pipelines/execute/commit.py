"""The sink as a Beam transform: one shard after the other, each committed when its last batch is there."""

from collections.abc import Iterator

import apache_beam as beam
import curricle.pipelines.execute.batch_coder  # noqa: F401  registers the coder
import pyarrow as pa
from curricle.pipelines.execute.shard_failure import fail, given_up
from curricle.pipelines.output.write import ShardWriter, Sink
from curricle.schemas.shards import Envelope, unseal


class _WriteShards(beam.DoFn):
    def __init__(self, sink: Sink) -> None:
        self.sink = sink
        self.open: ShardWriter | None = None

    def start_bundle(self) -> None:
        self.open = None

    def process(self, batch: pa.RecordBatch) -> Iterator[str]:
        envelope = unseal(batch)
        if self.open is not None and given_up(self.open.shard):
            self._abandon()
        try:
            committed = self._write(batch, envelope)
        except Exception as error:
            self._abandon()
            fail(envelope.shard, "writing", error)
            return
        except BaseException:
            self._abandon()
            raise
        if committed is not None:
            yield committed

    def _write(self, batch: pa.RecordBatch, envelope: Envelope) -> str | None:
        if self.open is None:
            self.open = ShardWriter(self.sink, envelope.shard)
        self.open.write(batch, envelope)
        if not envelope.last:
            return None
        committed = str(self.open.commit(envelope))
        self.open = None
        return committed

    def finish_bundle(self) -> None:
        if self.open is not None:
            shard = self.open.shard
            self._abandon()
            if not given_up(shard):
                raise RuntimeError(f"shard {shard.name}: the bundle ended before the shard did: the runner split a shard")

    def _abandon(self) -> None:
        if self.open is not None:
            self.open.abandon()
            self.open = None


class WriteShards(beam.PTransform):
    """Batches of whole shards in, paths of committed manifests out."""

    def __init__(self, sink: Sink) -> None:
        super().__init__()
        self.sink = sink

    def expand(self, batches: beam.PCollection[pa.RecordBatch]) -> beam.PCollection[str]:
        """Wire the sink."""
        return batches | "Write" >> beam.ParDo(_WriteShards(self.sink))
