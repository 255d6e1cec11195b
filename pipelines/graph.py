"""A plan's steps as a Beam graph: the only place that wires."""

from collections.abc import Iterator, Sequence
from typing import Any

import apache_beam as beam
import pyarrow as pa

from pipelines.fingerprint import check_code
from pipelines.stages import STAGES
from schemas.config import Config
from schemas.shards import Shard
from stages.decide import Decide, DecideConfig
from stages.read.config import ReadConfig
from stages.read.shard import ReadShard
from stages.write import Sink, WriteShards

Steps = tuple[tuple[str, Config], ...]
"""Stage name (or `decide`) and configuration, in order."""


class _SameCode(beam.DoFn):
    """Ends the job on a worker that would run other modules than those that planned it."""

    def __init__(self, code_sha256: str) -> None:
        self.code_sha256 = code_sha256

    def setup(self) -> None:
        check_code(self.code_sha256)

    def process(self, item: Any) -> Iterator[Any]:
        yield item


def spread(pipeline: beam.Pipeline, items: Sequence[Any], code_sha256: str | None) -> beam.PCollection[Any]:
    """The items, over all workers. `code_sha256`: of the modules that these must have; None where they are forked from here."""
    there = pipeline | "Items" >> beam.Create(items, reshuffle=len(items) > 1)
    return there if code_sha256 is None else there | "SameCode" >> beam.ParDo(_SameCode(code_sha256))


def build(
    pipeline: beam.Pipeline, shards: Sequence[Shard], read: ReadConfig, steps: Steps, sink: Sink, code_sha256: str | None = None
) -> beam.PCollection[str]:
    """Shards to paths of committed manifests. Text stays in one fused stage from reader to sink."""
    rows = spread(pipeline, shards, code_sha256) | "Read" >> ReadShard(read)
    rows.element_type = pa.RecordBatch
    for number, (name, config) in enumerate(steps):
        transform = Decide(config) if isinstance(config, DecideConfig) else STAGES[name].transform(config)
        rows = rows | f"{number}-{name}" >> transform
        rows.element_type = pa.RecordBatch  # names the coder also where Beam's type check is off
    return rows | "Commit" >> WriteShards(sink)
