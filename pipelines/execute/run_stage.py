"""A stage as a Beam transform: its kernel on every batch."""

import time
from collections.abc import Iterator
from typing import Any

import apache_beam as beam
import pyarrow as pa
from apache_beam.metrics import Metrics

import curricle.pipelines.execute.batch_coder  # noqa: F401  registers the coder
from curricle.pipelines.execute.load_once import load_once
from curricle.pipelines.execute.shard_failure import fail_batch
from curricle.schemas.column import schema_of
from curricle.schemas.columns import PAYLOAD
from curricle.schemas.stage import Step

METRICS = "curricle"
_REMOVED = {column.name for column in PAYLOAD}  # by the stage that extracts the text


class RunKernel(beam.DoFn):
    """A step's kernel on every batch, with what its stage loads.

    A stage loads once per process and settings (`pipelines.execute.load_once`). A kernel that raises, loses rows or the envelope,
    or returns other columns than its stage declares, fails the shard (`pipelines.execute.shard_failure`).
    The kernel's CPU time is counted in the metric `<step>_cpu_us`.
    """

    def __init__(self, step: Step) -> None:
        self.name, self.config, self.kernel, self.load = step.name, step.config, step.stage.kernel, step.stage.load
        self.writes = schema_of(step.columns)
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
        """RuntimeError unless `out` has the rows and the envelope of `batch`, its columns and those that the stage declares."""
        if not isinstance(out, pa.RecordBatch):
            raise RuntimeError(f"stage {self.name!r} returned a {type(out).__name__}, not a RecordBatch")
        if out.num_rows != batch.num_rows or out.schema.metadata != batch.schema.metadata:
            raise RuntimeError(f"stage {self.name!r} changed the rows or the envelope of a batch")
        if self.checked and self.checked[0].equals(batch.schema) and self.checked[1].equals(out.schema):
            return
        before = {field.name: field.type for field in batch.schema if field.name not in _REMOVED}
        expected = before | {field.name: field.type for field in self.writes}
        found = {field.name: field.type for field in out.schema if field.name not in _REMOVED}
        wrong = [f"no column {name!r}" for name in expected if name not in found]
        wrong += [f"a column {name!r} that it does not declare" for name in found if name not in expected]
        wrong += [f"two columns {name!r}" for name in found if len(out.schema.get_all_field_indices(name)) > 1]
        wrong += [
            f"column {name!r} as {found[name]}, not {kind}" for name, kind in expected.items() if found.get(name, kind) != kind
        ]
        if wrong:
            raise RuntimeError(f"stage {self.name!r} returned {', '.join(wrong)}")
        self.checked = batch.schema, out.schema


class RunStage(beam.PTransform):
    """Run a step's kernel on every batch: `RunStage(Step("language", STAGE, LanguageConfig()))`."""

    def __init__(self, step: Step) -> None:
        super().__init__()
        self.step = step

    def expand(self, batches: beam.PCollection[pa.RecordBatch]) -> beam.PCollection[pa.RecordBatch]:
        """One batch in, one batch out."""
        return batches | "Run" >> beam.ParDo(RunKernel(self.step))
