"""Runs one shard in a worker process: the plan's Beam graph on FnApiRunner, in memory."""

import logging
from typing import Any, TypeVar

import apache_beam as beam
from apache_beam.metrics.metric import MetricsFilter
from apache_beam.options.pipeline_options import PipelineOptions

from curricle.pipelines.execute.events import ReportProgress
from curricle.pipelines.execute.graph import build
from curricle.pipelines.execute.progress import set_listener
from curricle.pipelines.execute.run_stage import METRICS
from curricle.pipelines.execute.shard_task import ShardTask

V = TypeVar("V", bound=PipelineOptions)


class _LocalOptions(PipelineOptions):
    """Options whose views are cached by class: Beam asks for some 150 views per graph, and builds a parser for each."""

    def view_as(self, cls: type[V]) -> V:
        views: dict[type[PipelineOptions], Any] = self.__dict__.setdefault("_views", {})
        if cls not in views:
            views[cls] = super().view_as(cls)
        return views[cls]


def local_options() -> PipelineOptions:
    """Options for FnApiRunner in this process.

    Type checks are off, which saves 50 ms per shard: the graph is the same for every shard, and a test checks its types.
    """
    return _LocalOptions([], runner="FnApiRunner", direct_running_mode="in_memory", pipeline_type_check=False)


def run_shard(task: ShardTask, report_progress: ReportProgress) -> dict[str, int]:
    """Read, measure, decide and commit one shard. Returns microseconds of CPU time by stage."""
    logging.getLogger("apache_beam").setLevel(logging.ERROR)
    set_listener(report_progress)
    try:
        pipeline = beam.Pipeline(options=local_options())
        build(pipeline, [task.shard], task.read, task.steps, task.sink)
        result = pipeline.run()
        result.wait_until_finish()
    finally:
        set_listener(None)
    counters = result.metrics().query(MetricsFilter().with_namespace(METRICS))["counters"]
    return {counter.key.metric.name.removesuffix("_cpu_us"): counter.committed for counter in counters}
