"""The Beam graph that is really run: one fused stage, and batches never pickled."""

import apache_beam as beam
import pyarrow as pa
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners import pipeline_context
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.transforms import environments

from curricle.pipelines.cli.demo import SAMPLE
from curricle.pipelines.engines.fused import GraphError, fused_stages, plan_pipeline
from curricle.pipelines.execute.graph import build
from curricle.pipelines.execute.read_shards import ReadShard
from curricle.pipelines.execute.run_shard import local_options
from curricle.pipelines.output.write import Sink
from curricle.pipelines.plan.recipe import SHIPPED, load_recipe
from curricle.pipelines.plan.run_plan import make_plan
from curricle.schemas.yaml_file import shipped

CHECKED = PipelineOptions([], runner="FnApiRunner")


@pytest.fixture(scope="module")
def plan():
    return make_plan(load_recipe("web"), [str(SAMPLE)])


@pytest.fixture(scope="module", params=[(name, options) for name in shipped(SHIPPED) for options in (CHECKED, local_options())])
def graph(request):
    name, options = request.param
    plan = make_plan(load_recipe(name), [str(SAMPLE)])
    pipeline = beam.Pipeline(options=options)
    build(pipeline, plan.shards[:1], plan.recipe.read, plan.steps, Sink(output="/o", schemas=plan.schemas, fingerprint="f"))
    return pipeline, pipeline.to_runner_api(default_environment=environments.EmbeddedPythonEnvironment.default())


def group(batches: beam.PCollection[pa.RecordBatch]) -> beam.PCollection:
    return batches | "Key" >> beam.Map(keyed) | "Group" >> beam.GroupByKey()


def keyed(batch: pa.RecordBatch) -> tuple[int, pa.RecordBatch]:
    return batch.num_rows, batch


def unannotated(batch):
    return batch.slice(0)


BREAKS = {
    "a function without a type pickles": (
        beam.Map(unannotated),
        "Broken: its output is pickled (FastPrimitivesCoder); annotate the function's type",
    ),
    "a batch is grouped": (beam.ptransform_fn(group)(), "text crosses a shuffle at .*RecordBatchCoder"),
}


@pytest.mark.parametrize(("broken", "message"), BREAKS.values(), ids=BREAKS)
def test_a_graph_that_pickles_or_shuffles_text_is_refused(plan, broken, message):
    pipeline = beam.Pipeline("FnApiRunner")
    batches = pipeline | "Items" >> beam.Create(plan.shards) | "Read" >> ReadShard(plan.recipe.read)
    assert len(fused_stages(pipeline)) == 2
    _ = batches | "Broken" >> broken
    with pytest.raises(GraphError, match=message.replace("(", "\\(").replace(")", "\\)")):
        fused_stages(pipeline)


def test_a_plan_for_an_engine_reads_decides_and_commits_in_one_stage(plan):
    first, second = fused_stages(plan_pipeline(plan, CHECKED))
    assert "Read" not in first.labels
    assert second.labels[:3] == ("Items", "Begin", "Read")
    assert second.labels[-1] == "Commit"
    assert (second.inside, second.output) == (("RecordBatchCoder", "StrUtf8Coder"), None)


def test_no_pickle_coder_carries_batches(graph):
    _, proto = graph
    context = pipeline_context.PipelineContext(proto.components)
    coders = {
        pcollection.unique_name: str(context.coders.get_by_id(pcollection.coder_id))
        for pcollection in proto.components.pcollections.values()
    }
    batches = {name: coder for name, coder in coders.items() if "Items" not in name and "Commit" not in name}
    assert len(batches) > 3
    assert set(batches.values()) == {"RecordBatchCoder"}


def test_text_crosses_no_stage_boundary(graph):
    _, proto = graph
    _, stages = FnApiRunner().create_stages(proto)
    fused = [[t.unique_name for t in stage.transforms] for stage in stages]
    with_batches = [names for names in fused if any("Read" in name for name in names)]
    assert len(with_batches) == 1
    assert any("Commit" in name for name in with_batches[0])
