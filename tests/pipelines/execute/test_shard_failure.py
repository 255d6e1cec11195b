"""A failure names its shard; where a process keeps failures the shard is dropped, never committed, and the next one goes on."""

from collections.abc import Iterator

import apache_beam as beam
import pyarrow as pa
import pytest

from curricle.pipelines.execute.commit import WriteShards
from curricle.pipelines.execute.read_shards import ReadShard
from curricle.pipelines.execute.run_shard import local_options
from curricle.pipelines.execute.run_stage import RunKernel, RunStage
from curricle.pipelines.execute.shard_failure import ShardError, fail_batch, fail_shard, has_failed, set_failure_handler
from curricle.pipelines.inputs.find import find_inputs, plan_shards
from curricle.pipelines.output.write import Sink
from curricle.pipelines.plan.run_plan import output_schemas
from curricle.schemas.config import Config
from curricle.schemas.shards import Envelope, Shard, seal
from curricle.schemas.stage import Stage, Step
from curricle.stages.decide import STAGE, DecideConfig
from curricle.stages.read.config import ReadConfig

WHOLE = Shard(name="a", source="in/a.jsonl", url="/in/a.jsonl", format="jsonl")
RANGE = Shard(name="b", source="in/b.parquet", url="/in/b.parquet", format="parquet", start=3, end=7)


@pytest.fixture
def kept() -> Iterator[list[tuple[str, str]]]:
    found: list[tuple[str, str]] = []
    set_failure_handler(lambda shard, cause, _error: found.append((shard, cause)))
    yield found
    set_failure_handler(None)


def refuse(batch: pa.RecordBatch, config: Config) -> pa.RecordBatch:
    raise ValueError("no luck\n  at all")


PLACES = {
    "a whole file": (WHOLE, "in/a.jsonl: reading: ValueError: two lines"),
    "row groups": (RANGE, "in/b.parquet, row groups 3 to 7: reading: ValueError: two lines"),
}


@pytest.mark.parametrize(("shard", "message"), PLACES.values(), ids=PLACES)
def test_an_error_names_source_and_range_in_one_line(shard, message):
    with pytest.raises(ShardError) as raised:
        fail_shard(shard, "reading", ValueError("two\nlines"))
    assert str(raised.value) == message
    assert isinstance(raised.value.__cause__, ValueError)


def test_a_kernel_names_its_stage_and_the_offsets_of_its_documents():
    batch = seal(pa.record_batch({"source_offset": [40, 7, 12]}), Envelope(shard=WHOLE, sequence=0))
    kernel = RunKernel(Step("s", Stage(name="s", kernel=refuse), Config()))
    kernel.setup()
    with pytest.raises(ShardError) as raised:
        list(kernel.process(batch))
    assert str(raised.value) == "in/a.jsonl: stage 's', documents at 7 to 40: ValueError: no luck at all"


def test_a_batch_of_another_pipeline_raises_what_was_raised():
    with pytest.raises(ValueError, match="as it is"):
        fail_batch(pa.record_batch({"x": [1]}), "s", ValueError("as it is"))


def refuse_one(batch: pa.RecordBatch, config: Config) -> pa.RecordBatch:
    if "poison" in batch.column("text").to_pylist():
        raise ValueError("poison")
    return batch


def test_a_shard_that_fails_is_not_committed_and_the_next_one_is(tmp_path, kept):
    for name, texts in {"a": ["1", "2", "poison", "4"], "b": ["5"]}.items():
        (tmp_path / f"{name}.jsonl").write_text("".join(f'{{"text": "{text}"}}\n' for text in texts))
    read, decide_all = ReadConfig(batch_rows=1), Step("decide", STAGE, DecideConfig(rules=()))
    poisoned = Step("s", Stage(name="s", kernel=refuse_one), Config())
    shards = plan_shards(find_inputs([str(tmp_path / "*.jsonl")]), read)
    sink = Sink(output=str(tmp_path / "out"), schemas=output_schemas(read, (decide_all,)), fingerprint="f")
    with beam.Pipeline(options=local_options()) as pipeline:
        rows = pipeline | beam.Create(shards, reshuffle=False) | ReadShard(read)
        _ = rows | beam.ParDo(RunKernel(poisoned)) | RunStage(decide_all) | WriteShards(sink)
    assert [(shard.partition(".")[0], cause) for shard, cause in kept] == [
        ("a", "stage 's', documents at 28 to 28: ValueError: poison")
    ]
    assert [has_failed(shard) for shard in shards] == [True, False]
    assert [path.name.partition(".")[0] for path in (tmp_path / "out/_manifest").iterdir()] == ["b"]
    assert not list((tmp_path / "out/_tmp").iterdir())
