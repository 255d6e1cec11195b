"""A stage as a Beam transform: its kernel on every batch."""

import time
from collections.abc import Iterator
from typing import Any

import apache_beam as beam
import pyarrow as pa
from apache_beam.metrics import Metrics

import curricle.pipelines.execute.batch_coder  # noqa: F401  registers the coder
from curricle.pipelines.execute.kernel_result import check_columns, check_rows
from curricle.pipelines.execute.load_once import load_once
from curricle.pipelines.execute.shard_failure import fail_batch
from curricle.schemas.stage import Step

METRICS = "curricle"


class RunKernel(beam.DoFn):
    """A step's kernel on every batch, with what its stage loads.

    A stage loads once per process and settings (`pipelines.execute.load_once`). A kernel that raises, loses rows or the envelope,
    or returns other columns than its stage declares, fails the shard (`pipelines.execute.shard_failure`).
    The kernel's CPU time is counted in the metric `<step>_cpu_us`.
    """

    def __init__(self, step: Step) -> None:
        self.name, self.config, self.kernel, self.load = step.name, step.config, step.stage.kernel, step.stage.load
        self.step = step
        self.cpu_us = Metrics.counter(METRICS, f"{step.name}_cpu_us")
        self.arguments: tuple[Any, ...] = ()
        self.checked: tuple[pa.Schema, pa.Schema] | None = None

    def setup(self) -> None:
        """Load the model."""
        self.arguments = (self.config,) if self.load is None else (load_once(self.config, self.load), self.config)

    def process(self, batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        """One batch in, one batch out."""
        started = time.thread_time_ns()
        try:
            out = self.kernel(batch, *self.arguments)
            self._check(batch, out)
        except Exception as error:
            fail_batch(batch, self.name, error)
            return
        self.cpu_us.inc((time.thread_time_ns() - started) // 1000)
        yield out

    def _check(self, batch: pa.RecordBatch, out: Any) -> None:
        """ExtensionError unless the rows are the same and the columns are those that the stage declares."""
        check_rows(self.name, batch, out)
        if not (self.checked and self.checked[0].equals(batch.schema) and self.checked[1].equals(out.schema)):
            check_columns(self.step, batch.schema, out.schema)
            self.checked = batch.schema, out.schema


class RunStage(beam.PTransform):
    """Run a step's kernel on every batch: `RunStage(Step("language", STAGE, LanguageConfig()))`."""

    def __init__(self, step: Step) -> None:
        super().__init__()
        self.step = step

    def expand(self, batches: beam.PCollection[pa.RecordBatch]) -> beam.PCollection[pa.RecordBatch]:
        """One batch in, one batch out."""
        return batches | "Run" >> beam.ParDo(RunKernel(self.step))
