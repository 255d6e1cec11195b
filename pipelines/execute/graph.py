"""A plan's steps as a Beam graph. All wiring is here."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any

import apache_beam as beam
import pyarrow as pa
from curricle.pipelines.execute.attempt_log import Attempts
from curricle.pipelines.execute.commit import WriteShards
from curricle.pipelines.execute.read_shards import ReadShard
from curricle.pipelines.execute.run_stage import RunStage
from curricle.pipelines.output.write import Sink, manifest_path
from curricle.pipelines.plan.fingerprint import check_code, check_packages, code_sha256, package_versions
from curricle.pipelines.plan.stage_table import DECIDE, STAGES, Steps
from curricle.schemas.shards import Shard
from curricle.stages.decide import DecideConfig
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

    Ends the job if the worker's code, or its version of one of `packages`, differs from the process that planned the run.
    """

    def __init__(self, remote: RemoteExecution, packages: Mapping[str, str]) -> None:
        self.remote = remote
        self.code_sha256 = code_sha256()
        self.packages = packages

    def setup(self) -> None:
        check_code(self.code_sha256)
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
    pipeline: beam.Pipeline,
    items: Sequence[Any],
    remote: RemoteExecution | None,
    packages: Mapping[str, str] = MappingProxyType({}),
) -> beam.PCollection[Any]:
    """Distribute the items over all workers; `remote` is None if the workers are forked from this process.

    `packages` are the versions that the workers must have.
    """
    if remote is None or not remote.one_at_a_time:
        distributed = pipeline | "Items" >> beam.Create(items, reshuffle=len(items) > 1)
    else:
        distributed = pipeline | "Items" >> beam.Create([list(items)], reshuffle=False) | "Each" >> beam.FlatMap(_unpack)
    return distributed if remote is None else distributed | "Begin" >> beam.ParDo(_Begin(remote, dict(packages)))


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
    packages = package_versions([config for _, config in steps]) if remote else {}
    rows = distribute(pipeline, shards, remote, packages) | "Read" >> ReadShard(read)
    rows.element_type = pa.RecordBatch
    for number, (name, config) in enumerate(steps):
        stage = DECIDE if isinstance(config, DecideConfig) else STAGES[name]
        rows = rows | f"{number}-{name}" >> RunStage(name, stage.kernel, config, stage.load)
        rows.element_type = pa.RecordBatch  # names the coder also where Beam's type check is off
    return rows | "Commit" >> WriteShards(sink)
