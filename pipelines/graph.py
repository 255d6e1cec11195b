"""A plan's steps as a Beam graph: the only place that wires."""

from collections.abc import Sequence

import apache_beam as beam
import pyarrow as pa

from pipelines.stages import STAGES
from schemas.config import Config
from schemas.shards import Shard
from stages.decide import Decide, DecideConfig
from stages.read.config import ReadConfig
from stages.read.shard import ReadShard
from stages.write import Sink, WriteShards

Steps = tuple[tuple[str, Config], ...]
"""Stage name (or `decide`) and configuration, in order."""


def build(pipeline: beam.Pipeline, shards: Sequence[Shard], read: ReadConfig, steps: Steps, sink: Sink) -> beam.PCollection[str]:
    """Shards to paths of committed manifests. Text stays in one fused stage from reader to sink."""
    rows = pipeline | "Shards" >> beam.Create(shards, reshuffle=len(shards) > 1) | "Read" >> ReadShard(read)
    rows.element_type = pa.RecordBatch
    for number, (name, config) in enumerate(steps):
        transform = Decide(config) if isinstance(config, DecideConfig) else STAGES[name].transform(config)
        rows = rows | f"{number}-{name}" >> transform
        rows.element_type = pa.RecordBatch  # names the coder also where Beam's type check is off
    return rows | "Commit" >> WriteShards(sink)
