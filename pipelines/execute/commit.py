"""The sink as a Beam transform: one shard at a time, each committed when its last batch has arrived."""

from collections.abc import Iterator

import apache_beam as beam
import pyarrow as pa

import curricle.pipelines.execute.batch_coder  # noqa: F401  registers the coder
from curricle.pipelines.execute.progress import report_progress
from curricle.pipelines.execute.shard_failure import fail_shard, has_failed
from curricle.pipelines.output.write import ShardWriter, Sink
from curricle.schemas.shards import Envelope, unseal


class _WriteShards(beam.DoFn):
    def __init__(self, sink: Sink) -> None:
        self.sink = sink
        self.writer: ShardWriter | None = None  # of the shard that is being written

    def start_bundle(self) -> None:
        self.writer = None

    def process(self, batch: pa.RecordBatch) -> Iterator[str]:
        envelope = unseal(batch)
        if self.writer is not None and has_failed(self.writer.shard):
            self._abandon()
        try:
            committed = self._write(batch, envelope)
        except Exception as error:
            self._abandon()
            fail_shard(envelope.shard, "writing", error)
            return
        except BaseException:
            self._abandon()
            raise
        if committed is not None:
            yield committed

    def _write(self, batch: pa.RecordBatch, envelope: Envelope) -> str | None:
        if self.writer is None:
            self.writer = ShardWriter(self.sink, envelope.shard)
        counts = self.writer.write(batch, envelope)
        if counts.documents:
            report_progress(*counts)
        if not envelope.last:
            return None
        committed = str(self.writer.commit(envelope))
        self.writer = None
        return committed

    def finish_bundle(self) -> None:
        if self.writer is not None:
            shard = self.writer.shard
            self._abandon()
            if not has_failed(shard):
                raise RuntimeError(f"shard {shard.name}: the bundle ended before the shard did: the runner split a shard")

    def _abandon(self) -> None:
        if self.writer is not None:
            self.writer.abandon()
            self.writer = None


class WriteShards(beam.PTransform):
    """Turn the batches of whole shards into the paths of their committed manifests."""

    def __init__(self, sink: Sink) -> None:
        super().__init__()
        self.sink = sink

    def expand(self, batches: beam.PCollection[pa.RecordBatch]) -> beam.PCollection[str]:
        """Wire the sink."""
        return batches | "Write" >> beam.ParDo(_WriteShards(self.sink))
