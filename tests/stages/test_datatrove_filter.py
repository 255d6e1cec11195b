"""datatrove's filters and formatters as a stage: verdicts, texts, dead letters, refused settings; its readers and writers."""

import subprocess
import sys
from pathlib import Path

import apache_beam as beam
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from apache_beam.testing.test_pipeline import TestPipeline as Pipeline
from apache_beam.testing.util import assert_that, equal_to

from curricle.models.cards import ModelError
from curricle.pipelines.cli.demo import SAMPLE
from curricle.pipelines.execute.run_shard import run_shard
from curricle.pipelines.execute.run_stage import RunStage
from curricle.pipelines.execute.shard_task import ShardTask
from curricle.pipelines.output.dataset_card import dataset_card
from curricle.pipelines.output.manifest import Totals
from curricle.pipelines.output.write import Sink
from curricle.pipelines.plan.recipe import RecipeError, check_recipe
from curricle.pipelines.plan.run_plan import Plan, make_plan
from curricle.schemas.columns import DEAD
from curricle.schemas.rule import Rule
from curricle.schemas.shards import Envelope, Shard, seal, unseal
from curricle.schemas.stage import Step
from curricle.stages.datatrove_filter import STAGE, DatatroveConfig, build_steps, run_datatrove
from curricle.stages.decide import DecideConfig, decide

PROSE = "The quick brown fox jumps over the lazy dog and then it rests with all of the others.\n" * 8


def batch_of(texts: list[str | None], **columns: list[object] | pa.Array) -> pa.RecordBatch:
    rows = {"id": pa.array([str(i) for i in range(len(texts))]), "text": pa.array(texts, pa.string())}
    rows |= {column.name: pa.nulls(len(texts), column.dtype) for column in DEAD}
    rows |= {name: values if isinstance(values, pa.Array) else pa.array(values) for name, values in columns.items()}
    return seal(pa.record_batch(rows), Envelope(shard=Shard(name="s", source="s", url="/s", format="jsonl"), sequence=7))


def run(batch: pa.RecordBatch, *steps: dict[str, object]) -> pa.RecordBatch:
    config = DatatroveConfig.model_validate(list(steps))
    return run_datatrove(batch, build_steps(config), config)


def test_verdicts_are_those_of_datatrove_itself(shared_data):
    from datatrove.data import Document
    from datatrove.pipeline.filters import FineWebQualityFilter, GopherQualityFilter

    texts = pq.read_table(shared_data / "web_text/web-00000.parquet", columns=["text"])["text"].to_pylist()[::50]
    out = run(
        batch_of(texts), {"filter": "GopherQualityFilter"}, {"filter": "FineWebQualityFilter", "args": {"short_line_thr": 0.5}}
    )
    for column, judge in (
        ("datatrove_gopher_quality", GopherQualityFilter()),
        ("datatrove_fine_web_quality", FineWebQualityFilter(short_line_thr=0.5)),
    ):
        answers = [judge.filter(Document(text=text, id="")) for text in texts]
        assert out.column(column).to_pylist() == ["keep" if answer is True else answer[1] for answer in answers]
        assert len(set(out.column(column).to_pylist())) > 3
    assert out.column("text").to_pylist() == texts


def test_a_decision_rejects_with_the_filters_own_reason():
    out = run(batch_of([PROSE, "Too short.", None]), {"filter": "GopherQualityFilter"})
    rule = Rule.model_validate({"name": "gopher", "column": "datatrove_gopher_quality", "in": ["keep"]})
    rows = decide(out, DecideConfig(rules=(rule,))).to_pylist()
    assert [(row["reject_reason"], row["reject_value"]) for row in rows] == [
        (None, None),
        ("gopher", "gopher_short_doc"),
        (None, None),
    ]


def test_formatters_and_filters_that_clean_change_text_and_text_chars():
    text = "| |\nHome\n" + PROSE
    out = run(
        batch_of([text, None, "short"], text_chars=pa.array([1, None, 5], pa.int32())),
        {"formatter": "SymbolLinesFormatter", "args": {"symbols_to_remove": ["|"]}},
        {"filter": "C4QualityFilter", "args": {"min_num_sentences": 2}},
        {"filter": "RegexFilter", "args": {"regex_exp": "Home"}, "name": "home"},
    )
    assert out.schema.names[-2:] == ["datatrove_c4_quality", "datatrove_home"]
    assert out.column("text").to_pylist() == [PROSE.strip(), None, "short"]
    assert out.column("text_chars").to_pylist() == [len(PROSE.strip()), None, 5]
    assert out.column("datatrove_c4_quality").to_pylist() == ["keep", None, "too_few_sentences"]
    assert out.column("datatrove_home").to_pylist() == ["keep", None, "keep"]
    assert unseal(out).sequence == 7


def test_a_filter_without_a_reason_says_drop():
    out = run(batch_of(["Home", "away"]), {"filter": "RegexFilter", "args": {"regex_exp": "Home"}})
    assert out.column("datatrove_regex").to_pylist() == ["drop", "keep"]


def test_an_exception_makes_its_row_a_dead_letter_and_no_other():
    step = {"filter": "GopherQualityFilter", "args": {"min_doc_words": 0}}  # divides by the number of words
    with pytest.warns(RuntimeWarning, match="empty slice|invalid value"):
        out = run(batch_of([PROSE, " \n", "", PROSE], text_chars=pa.array([1, 0, 0, 1], pa.int32())), step)
    assert out.column("dead_reason").to_pylist() == [
        None,
        *["GopherQualityFilter: ZeroDivisionError: division by zero"] * 2,
        None,
    ]
    assert out.column("dead_stage").to_pylist() == [None, "datatrove", "datatrove", None]
    assert out.column("dead_bytes").to_pylist() == [None, b" \n", b"", None]
    assert out.column("text").to_pylist() == [PROSE, None, None, PROSE]
    assert out.column("text_chars").to_pylist()[1:3] == [None, None]
    assert out.column("datatrove_gopher_quality").to_pylist() == ["keep", None, None, "keep"]


def test_an_error_of_the_machine_fails_the_batch(tmp_path):
    from datatrove.pipeline.filters import LambdaFilter

    config = DatatroveConfig.model_validate({"filter": "RegexFilter", "args": {"regex_exp": "x"}})
    with pytest.raises(FileNotFoundError, match=r"no\.bin"):
        run_datatrove(batch_of([PROSE]), (LambdaFilter(lambda _: (tmp_path / "no.bin").read_bytes()),), config)


def test_rows_that_are_dead_or_rejected_are_left_alone():
    batch = batch_of([PROSE, PROSE, "| x", None], reject_reason=["low", None, None, None])
    out = run(batch, {"filter": "GopherQualityFilter"}, {"formatter": "SymbolLinesFormatter"})
    assert out.column("datatrove_gopher_quality").to_pylist() == [None, "keep", "gopher_short_doc", None]
    assert out.column("text").to_pylist() == [PROSE, PROSE.strip(), "| x", None]
    assert run(batch_of([]), {"filter": "GopherQualityFilter"}).num_rows == 0


def test_a_filter_sees_the_columns_and_the_inputs_own_fields_as_metadata():
    from datatrove.pipeline.filters import LambdaFilter

    seen = []
    config = DatatroveConfig.model_validate({"filter": "RegexFilter", "args": {"regex_exp": "x"}})
    look = LambdaFilter(lambda document: bool(seen.append((document.id, document.metadata))) or True)
    batch = batch_of([PROSE, PROSE], url=["http://a.b/", None], metadata=['{"k": [1]}', None], language=["en", "de"])
    run_datatrove(batch, (look,), config)
    assert seen == [("0", {"k": [1], "url": "http://a.b/", "language": "en"}), ("1", {"language": "de"})]


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        (
            {"filter": "GopherQualityFiler"},
            "steps.0: datatrove has no filter 'GopherQualityFiler'; did you mean 'GopherQualityFilter'?",
        ),
        ({"formatter": "FTFYFormater"}, "steps.0: datatrove has no formatter 'FTFYFormater'; did you mean 'FTFYFormatter'?"),
        (
            [{"filter": "RegexFilter", "args": {"regex_exp": "a"}}, {"filter": "GopherQualityFilter", "args": {"min_words": 3}}],
            "steps.1: GopherQualityFilter has no argument 'min_words'; did you mean 'min_doc_words'?",
        ),
        (
            {"filter": "RegexFilter", "args": {"regex_exp": "["}},
            "steps.0: RegexFilter: error: unterminated character set at position 0",
        ),
        (
            {"filter": "RegexFilter"},
            "steps.0: RegexFilter: TypeError: RegexFilter.__init__() missing 1 required positional argument: 'regex_exp'",
        ),
        ({"filter": "SamplerFilter"}, "steps.0: SamplerFilter draws at random, so a second run would give another output"),
        ({"formatter": "PIIFormatter"}, "steps.0: PIIFormatter changes a text depending on earlier ones; use the stage redact"),
        ({"filtr": "RegexFilter"}, "steps.0.filtr: unknown key; did you mean 'filter'?"),
        ({"filter": "A", "formatter": "B"}, "steps.0: give either filter or formatter"),
        ([{"filter": "C4QualityFilter"}] * 2, "two filters write the column 'datatrove_c4_quality'; give each a name"),
        ({"version": "0.0.1", "steps": []}, "version: the recipe was made with datatrove 0.0.1"),
    ],
)
def test_refused_settings_are_one_line(steps, message):
    with pytest.raises(RecipeError) as caught:
        check_recipe("r", {"stages": {"datatrove": steps}}, "r.yaml")
    start, text = str(caught.value).split(message[:20], 1)
    assert start == "r.yaml: stages.datatrove" + (": " if message.startswith("two") else ".")
    assert (message[:20] + text).startswith(message)
    assert "\n" not in text


def test_no_step_is_an_error_of_the_plan():
    with pytest.raises(ModelError, match="datatrove: no step; give filter or formatter, or a list of them"):
        make_plan(check_recipe("r", {"stages": {"datatrove": None}}, "r.yaml"), [str(SAMPLE)])


def test_datatrove_is_imported_when_a_recipe_names_a_step_of_it():
    code = (
        "import sys, curricle.pipelines.plan.recipe as r; assert 'datatrove' not in sys.modules;"
        "r.check_recipe('r', {'stages': {'datatrove': {'filter': 'C4QualityFilter'}}}, 'r'); assert 'datatrove' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, timeout=120)


def test_through_beam_and_a_reshuffle():
    batches = [batch_of([PROSE, None]), batch_of(["short"]), batch_of([])]
    with Pipeline("FnApiRunner") as pipeline:
        config = DatatroveConfig.model_validate({"filter": "GopherQualityFilter"})
        stage = RunStage(Step("datatrove", STAGE, config))
        out = pipeline | beam.Create(batches) | beam.Reshuffle() | stage
        verdicts = out | beam.FlatMap(lambda batch: batch.column("datatrove_gopher_quality").to_pylist())
        assert_that(verdicts, equal_to(["keep", None, "gopher_short_doc"]))


def run_plan(plan: Plan, output: Path) -> pa.Table:
    sink = Sink(output=str(output), schemas=plan.schemas, fingerprint=plan.fingerprint)
    for shard in plan.shards:
        run_shard(ShardTask(shard, plan.recipe.read, plan.steps, sink), lambda *_: None)
    return pq.read_table(output / "kept")


def test_a_recipe_runs_rejects_by_reason_and_datatrove_reads_the_output(tmp_path):
    from datatrove.pipeline.readers import ParquetReader

    stages = {"extract": None, "datatrove": [{"filter": "GopherQualityFilter"}, {"formatter": "SymbolLinesFormatter"}]}
    rules = [{"name": "gopher", "column": "datatrove_gopher_quality", "in": ["keep"]}]
    recipe = check_recipe("r", {"stages": stages, "decide": rules}, "r.yaml")
    plan = make_plan(recipe, [str(SAMPLE / "documents.parquet")])
    assert check_recipe("r", orjson.loads(orjson.dumps(recipe.resolved())), "r.yaml").sha256() == recipe.sha256()
    kept = run_plan(plan, tmp_path)
    assert set(kept["datatrove_gopher_quality"].to_pylist()) == {"keep"}
    rejected = pq.read_table(tmp_path / "rejected")
    assert rejected.num_rows > 3
    assert rejected["reject_value"].to_pylist() == rejected["datatrove_gopher_quality"].to_pylist()
    assert "| `datatrove_gopher_quality` | string |" in dataset_card(plan, Totals())

    documents = list(ParquetReader(str(tmp_path / "kept"))())
    assert [document.text for document in documents] == kept["text"].to_pylist()
    assert [document.id for document in documents] == kept["id"].to_pylist()
    assert [document.metadata["url"] for document in documents] == kept["url"].to_pylist()


@pytest.mark.parametrize("expand", [True, False], ids=["metadata as columns", "metadata as one field"])
@pytest.mark.parametrize("kind", ["ParquetWriter", "JsonlWriter"])
def test_what_datatrove_writes_is_read(tmp_path, kind, expand):
    from datatrove.data import Document
    from datatrove.pipeline import writers

    documents = [Document(text=f"{PROSE}{n}", id=f"d{n}", metadata={"url": f"http://a.b/{n}", "score": n}) for n in range(5)]
    with getattr(writers, kind)(str(tmp_path / "in"), expand_metadata=expand) as writer:
        for document in documents:
            writer.write(document)
    plan = make_plan(check_recipe("r", {"stages": {"extract": None}}, "r.yaml"), [str(tmp_path / "in")])
    rows = run_plan(plan, tmp_path / "out").to_pylist()
    assert [(row["text"], row["source_id"]) for row in rows] == [(document.text, document.id) for document in documents]
    own = [orjson.loads(row["metadata"]) for row in rows]
    if expand:
        assert [row["url"] for row in rows] == [document.metadata["url"] for document in documents]
        assert [fields["score"] for fields in own] == [0, 1, 2, 3, 4]
    else:
        assert [fields["metadata"] for fields in own] == [document.metadata for document in documents]
