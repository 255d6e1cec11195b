"""Checks the graph as an engine will run it, after Beam's own fusion, before anything starts.

A PCollection whose type Beam does not know is pickled, and text that crosses a shuffle is copied four times. Neither shows in a
small run.
"""

import re
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners import pipeline_context
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.transforms import environments

from curricle.errors import GraphError as GraphError
from curricle.pipelines.execute.attempt_log import Attempts
from curricle.pipelines.execute.batch_coder import RecordBatchCoder
from curricle.pipelines.execute.graph import SPREAD, build, remote_execution
from curricle.pipelines.output.write import Sink
from curricle.pipelines.plan.run_plan import Plan

PICKLE = re.compile(r"FastPrimitives|Pickle|pickle|Dill")
BATCHES = RecordBatchCoder.__name__
SOURCE, SINK = "beam:runner:source:v1", "beam:runner:sink:v1"  # ends of a fused stage


@dataclass(frozen=True)
class Fused:
    """Transforms that run in one process, without encoding between them."""

    labels: tuple[str, ...]  # our transforms, in order
    inside: tuple[str, ...]  # coders from the reader on; not used while batches stay in one process
    output: str | None  # coder of the shuffle after it; None at the end


def plan_pipeline(plan: Plan, options: PipelineOptions) -> beam.Pipeline:
    """The pipeline of an engine's first job, without an output."""
    pipeline = beam.Pipeline(options=options)
    sink = Sink(output="", schemas=plan.schemas, fingerprint=plan.fingerprint)
    build(pipeline, plan.shards, plan.recipe.read, plan.steps, sink, remote_execution(sink, Attempts("", 1), one_at_a_time=False))
    return pipeline


def fused_stages(pipeline: beam.Pipeline) -> list[Fused]:
    """The fused stages of the pipeline. GraphError if batches are pickled or cross a shuffle."""
    proto = pipeline.to_runner_api(default_environment=environments.EmbeddedPythonEnvironment.default())
    _check_types(proto)
    components, stages = FnApiRunner().create_stages(proto)
    context = pipeline_context.PipelineContext(components.components)
    found = []
    for stage in stages:
        ends: dict[str, str] = {}
        labels: dict[str, None] = {}
        inside: dict[str, None] = {}
        for transform in stage.transforms:
            label = transform.unique_name.partition("/")[0]
            into = transform.inputs if transform.spec.urn == SINK else transform.outputs
            coders = [_coder(context, components.components, name) for name in into.values()]
            if transform.spec.urn in (SOURCE, SINK):
                ends[transform.spec.urn] = coders[0]
                continue
            labels[label] = None
            if label not in SPREAD:
                inside |= dict.fromkeys(coders)
        if crossing := [coder for coder in ends.values() if BATCHES in coder]:
            raise GraphError(f"text crosses a shuffle at {', '.join(labels)} ({crossing[0]}): shuffle hashes, not documents")
        found.append(Fused(tuple(labels), tuple(inside), ends.get(SINK)))
    return found


def _check_types(proto: Any) -> None:
    context = pipeline_context.PipelineContext(proto.components)
    for transform in proto.components.transforms.values():
        if transform.subtransforms or not transform.unique_name or transform.unique_name.partition("/")[0] in SPREAD:
            continue
        for name in transform.outputs.values():
            if PICKLE.search(coder := _coder(context, proto.components, name)):
                raise GraphError(f"{transform.unique_name}: its output is pickled ({coder}); annotate the function's type")


def _coder(context: Any, components: Any, pcollection: str) -> str:
    return str(context.coders.get_by_id(components.pcollections[pcollection].coder_id))
