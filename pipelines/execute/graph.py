"""A plan's steps as a Beam graph: the only place that wires."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import apache_beam as beam
import pyarrow as pa
from curricle.pipelines.execute.attempt_log import Attempts
from curricle.pipelines.execute.commit import WriteShards
from curricle.pipelines.execute.read_shards import ReadShard
from curricle.pipelines.execute.run_stage import RunStage
from curricle.pipelines.output.write import Sink, manifest_path
from curricle.pipelines.plan.fingerprint import check_code, check_packages, code_sha256, package_versions
from curricle.pipelines.plan.stage_table import Steps, modules_of
from curricle.schemas.shards import Shard
from curricle.stages.read.config import ReadConfig

from curricle.storage.output import Place, place

SPREAD = ("Items", "Each", "Begin")
"""Labels of what comes before the reader: shards, which are pickled, and no text."""


@dataclass(frozen=True)
class Away:
    """What a graph needs where workers are not forked from this process: an engine gives items again, and loses workers."""

    attempts: Attempts
    commit: Callable[[Any], Place]  # of an item: what is there once it is done. An importable function, or a partial of one
    alone: bool = False  # one item after the other, in one process


class _Begin(beam.DoFn):
    """Passes each item on that is not done, and has not been tried too often; all that follows is in the same fused stage.

    Ends the job on a worker that would run other modules than those that planned it, or other versions of packages that decide
    what `steps` measure.
    """

    def __init__(self, away: Away, steps: Steps) -> None:
        self.away = away
        self.modules = tuple(sorted({module for step in steps for module in modules_of(step)}))
        self.code_sha256 = code_sha256(self.modules)
        self.packages = package_versions(name for step in steps for name in step.packages)

    def setup(self) -> None:
        check_code(self.code_sha256, self.modules)
        check_packages(self.packages)

    def process(self, item: Any) -> Iterator[Any]:
        if self.away.commit(item).exists():
            return
        with self.away.attempts.begun(item.name) as begun:
            if begun:
                yield item


def _each(items: list[Any]) -> list[Any]:
    return items


def spread(pipeline: beam.Pipeline, items: Sequence[Any], away: Away | None, steps: Steps = ()) -> beam.PCollection[Any]:
    """The items, over all workers; `away` is None where these are forked from here. `steps`: what the workers will do."""
    if away is None or not away.alone:
        there = pipeline | "Items" >> beam.Create(items, reshuffle=len(items) > 1)
    else:
        there = pipeline | "Items" >> beam.Create([list(items)], reshuffle=False) | "Each" >> beam.FlatMap(_each)
    return there if away is None else there | "Begin" >> beam.ParDo(_Begin(away, steps))


def away_of(sink: Sink, attempts: Attempts, alone: bool) -> Away:
    """That of the shards of a run."""
    return Away(attempts, partial(_manifest_of, sink.output), alone)


def _manifest_of(output: str, shard: Shard) -> Place:
    return manifest_path(place(output), shard.name)


def build(
    pipeline: beam.Pipeline, shards: Sequence[Shard], read: ReadConfig, steps: Steps, sink: Sink, away: Away | None = None
) -> beam.PCollection[str]:
    """Shards to paths of committed manifests. Text stays in one fused stage from reader to sink."""
    rows = spread(pipeline, shards, away, steps) | "Read" >> ReadShard(read)
    rows.element_type = pa.RecordBatch
    for number, step in enumerate(steps):
        rows = rows | f"{number}-{step.name}" >> RunStage(step)
        rows.element_type = pa.RecordBatch  # names the coder also where Beam's type check is off
    return rows | "Commit" >> WriteShards(sink)
