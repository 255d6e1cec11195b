"""A stage as a Beam transform: its kernel on every batch."""

import time
from collections.abc import Callable, Hashable, Iterator
from typing import Any

import apache_beam as beam
import curricle.pipelines.execute.batch_coder  # noqa: F401  registers the coder
import pyarrow as pa
from apache_beam.metrics import Metrics
from curricle.pipelines.execute.load_once import load_once
from curricle.pipelines.execute.shard_failure import fail_batch

METRICS = "curricle"

Kernel = Callable[..., pa.RecordBatch]


class RunKernel(beam.DoFn):
    """`kernel(batch, config)`, or `kernel(batch, load(config), config)` where `load` is given.

    `load` runs once per process and config (`pipelines.execute.load_once`). A kernel that raises, or loses rows or the
    envelope, fails the shard (`pipelines.execute.shard_failure`).
    CPU time of the kernel is counted in the metric `<stage>_cpu_us`.
    """

    def __init__(self, stage: str, kernel: Kernel, config: Hashable, load: Callable[[Any], Any] | None = None) -> None:
        self.stage, self.kernel, self.config, self.load = stage, kernel, config, load
        self.cpu_us = Metrics.counter(METRICS, f"{stage}_cpu_us")
        self.arguments: tuple[Any, ...] = ()

    def setup(self) -> None:
        """Load the model."""
        self.arguments = (self.config,) if self.load is None else (load_once(self.config, self.load), self.config)

    def process(self, batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        """One batch in, one batch out."""
        started = time.thread_time_ns()
        try:
            out = self.kernel(batch, *self.arguments)
            if out.num_rows != batch.num_rows or out.schema.metadata != batch.schema.metadata:
                raise RuntimeError(f"stage {self.stage!r} changed the rows or the envelope of a batch")
        except Exception as error:
            fail_batch(batch, self.stage, error)
            return
        self.cpu_us.inc((time.thread_time_ns() - started) // 1000)
        yield out


class RunStage(beam.PTransform):
    """Run a stage's kernel on every batch: `RunStage("language", tag_language, LanguageConfig(), load_model)`."""

    def __init__(self, stage: str, kernel: Kernel, config: Hashable, load: Callable[[Any], Any] | None = None) -> None:
        super().__init__()
        self.stage, self.kernel, self.config, self.load = stage, kernel, config, load

    def expand(self, batches: beam.PCollection[pa.RecordBatch]) -> beam.PCollection[pa.RecordBatch]:
        """One batch in, one batch out."""
        return batches | "Run" >> beam.ParDo(RunKernel(self.stage, self.kernel, self.config, self.load))
