"""A plan's steps as a Beam graph. All wiring is here."""

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
from curricle.storage.output import OutputPath, parse_output

SPREAD = ("Items", "Each", "Begin")
"""Labels of the steps before the reader. They pass shards, which are pickled, and no text."""


@dataclass(frozen=True)
class RemoteExecution:
    """What a graph needs when an engine runs it: an engine retries items and loses workers."""

    attempts: Attempts
    commit: Callable[[Any], OutputPath]  # file of an item that exists once it is done; an importable function or a partial
    one_at_a_time: bool = False  # all items in one process, one after the other


class _Begin(beam.DoFn):
    """Passes on each item that is not done and has attempts left. Everything that follows is in the same fused stage.

    Ends the job if the worker's code, or its version of a package that decides what `steps` measure, differs from the process
    that planned the run.
    """

    def __init__(self, remote: RemoteExecution, steps: Steps) -> None:
        self.remote = remote
        self.modules = tuple(sorted({module for step in steps for module in modules_of(step)}))
        self.code_sha256 = code_sha256(self.modules)
        self.packages = package_versions(name for step in steps for name in step.packages)

    def setup(self) -> None:
        check_code(self.code_sha256, self.modules)
        check_packages(self.packages)

    def process(self, item: Any) -> Iterator[Any]:
        if self.remote.commit(item).exists():
            return
        with self.remote.attempts.begun(item.name) as begun:
            if begun:
                yield item


def _unpack(items: list[Any]) -> list[Any]:
    return items


def distribute(
    pipeline: beam.Pipeline, items: Sequence[Any], remote: RemoteExecution | None, steps: Steps = ()
) -> beam.PCollection[Any]:
    """Distribute the items over all workers, which will do `steps`; `remote` is None if they are forked from this process."""
    if remote is None or not remote.one_at_a_time:
        distributed = pipeline | "Items" >> beam.Create(items, reshuffle=len(items) > 1)
    else:
        distributed = pipeline | "Items" >> beam.Create([list(items)], reshuffle=False) | "Each" >> beam.FlatMap(_unpack)
    return distributed if remote is None else distributed | "Begin" >> beam.ParDo(_Begin(remote, steps))


def remote_execution(sink: Sink, attempts: Attempts, one_at_a_time: bool) -> RemoteExecution:
    """The settings for the shards of a run."""
    return RemoteExecution(attempts, partial(_manifest_of, sink.output), one_at_a_time)


def _manifest_of(output: str, shard: Shard) -> OutputPath:
    return manifest_path(parse_output(output), shard.name)


def build(
    pipeline: beam.Pipeline,
    shards: Sequence[Shard],
    read: ReadConfig,
    steps: Steps,
    sink: Sink,
    remote: RemoteExecution | None = None,
) -> beam.PCollection[str]:
    """Turn shards into the paths of committed manifests. Text stays in one fused stage from reader to sink."""
    rows = distribute(pipeline, shards, remote, steps) | "Read" >> ReadShard(read)
    rows.element_type = pa.RecordBatch
    for number, step in enumerate(steps):
        rows = rows | f"{number}-{step.name}" >> RunStage(step)
        rows.element_type = pa.RecordBatch  # names the coder also where Beam's type check is off
    return rows | "Commit" >> WriteShards(sink)
