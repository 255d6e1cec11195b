"""What a worker process does with one shard: the Beam graph of the plan, on FnApiRunner, in memory."""

import logging
from collections.abc import Callable
from typing import Any, TypeVar

import apache_beam as beam
from apache_beam.metrics.metric import MetricsFilter
from apache_beam.options.pipeline_options import PipelineOptions
from curricle.pipelines.execute.graph import build
from curricle.pipelines.execute.progress import listen
from curricle.pipelines.execute.run_stage import METRICS
from curricle.pipelines.execute.task import ShardTask

V = TypeVar("V", bound=PipelineOptions)


class _LocalOptions(PipelineOptions):
    """Beam asks for a view of the options some 150 times a graph, and each builds an argument parser: kept, by class."""

    def view_as(self, cls: type[V]) -> V:
        views: dict[type[PipelineOptions], Any] = self.__dict__.setdefault("_views", {})
        if cls not in views:
            views[cls] = super().view_as(cls)
        return views[cls]


def local_options() -> PipelineOptions:
    """FnApiRunner in this process. The graph is the same for every shard, so a test checks its types: 50 ms a shard saved."""
    return _LocalOptions([], runner="FnApiRunner", direct_running_mode="in_memory", pipeline_type_check=False)


def run_shard(task: ShardTask, report: Callable[[int, int, int], None]) -> dict[str, int]:
    """Read, measure, decide and commit one shard; CPU microseconds by stage."""
    logging.getLogger("apache_beam").setLevel(logging.ERROR)
    listen(report)
    try:
        pipeline = beam.Pipeline(options=local_options())
        build(pipeline, [task.shard], task.read, task.steps, task.sink)
        result = pipeline.run()
        result.wait_until_finish()
    finally:
        listen(None)
    counters = result.metrics().query(MetricsFilter().with_namespace(METRICS))["counters"]
    return {counter.key.metric.name.removesuffix("_cpu_us"): counter.committed for counter in counters}
