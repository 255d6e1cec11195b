"""The public Python API."""

import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

import curricle
from curricle.schemas.column import Column

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "pipelines/sample"
RECIPE = {"stages": {"extract": {}, "language": {}}, "decide": [{"name": "short", "column": "text_chars", "min": 20}]}
LONG = "A sentence that is longer than twenty characters."


def test_importing_it_imports_nothing_else():
    code = (
        "import sys, typing; before = set(sys.modules); import curricle; print(sorted(set(sys.modules) - before - {'curricle'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_public_name_has_a_docstring_and_is_listed():
    assert dir(curricle) == curricle.__all__
    for name in curricle.__all__:
        assert getattr(curricle, name).__doc__, name
    with pytest.raises(AttributeError, match="no attribute 'scorer'"):
        _ = curricle.scorer


def test_score_keeps_rows_order_and_the_callers_columns():
    given = pa.table({"shelf": [1, 2, 3, 4], "text": pa.array([LONG, None, "short", ""], pa.large_string())})
    table = curricle.score(given, recipe=RECIPE)
    assert table.column_names == [
        "shelf", "text", "title", "text_chars", "language", "language_score",
        "reject_reason", "reject_value", "failed_rules", "dead_reason",
    ]  # fmt: skip
    assert table.column("shelf").to_pylist() == [1, 2, 3, 4]
    assert table.column("reject_reason").to_pylist() == [None, None, "short", "short"]
    assert table.column("reject_value").to_pylist() == [None, None, "5", "0"]


def test_scores_do_not_depend_on_how_texts_are_given_or_batched():
    texts = [f"{LONG} {number}" for number in range(2_500)]
    listed = curricle.score(texts, recipe=RECIPE)
    assert listed.num_rows == 2_500
    for given in (pa.array(texts), pa.chunked_array([texts[:7], texts[7:]]), pa.table({"text": texts}).to_batches()[0]):
        assert curricle.score(given, recipe=RECIPE).equals(listed)
    assert curricle.score(texts[1_500:1_600], recipe=RECIPE).equals(listed.slice(1_500, 100).combine_chunks())


def test_no_texts_give_no_rows_but_all_columns():
    assert curricle.score([], recipe=RECIPE).column_names == curricle.score([LONG], recipe=RECIPE).column_names
    assert curricle.score([], recipe=RECIPE).num_rows == 0


def test_a_run_and_score_agree(tmp_path):
    output = curricle.run("web", SAMPLE / "documents.parquet", tmp_path / "out", workers=1)
    rows = pa.concat_tables([output.kept.to_table(), output.rejected.to_table()], promote_options="default").sort_by("id")
    scored = curricle.score(rows.select(["id", "url", "text"]), recipe="web")
    for name in set(scored.column_names) & set(output.kept.schema.names):
        assert scored.column(name).to_pylist() == rows.column(name).to_pylist(), name


def test_a_column_that_a_rule_reads_may_come_with_the_table():
    decide = {"decide": [{"name": "foreign", "column": "language", "in": ["de"]}]}
    table = curricle.score(pa.table({"text": ["a", "b"], "language": ["de", "en"]}), recipe=decide)
    assert table.column("reject_reason").to_pylist() == [None, "foreign"]


def test_a_stage_of_ones_own_runs_by_itself():
    def kernel(batch, config):
        return batch.append_column("is_loud", pa.array([text.isupper() for text in batch["text"].to_pylist()]))

    column = Column(name="is_loud", dtype=pa.bool_(), doc="all capitals")
    shout = curricle.Stage(name="shout", kernel=kernel, columns=(column,))
    assert curricle.run_stage(shout, ["LOUD", "quiet"]).column("is_loud").to_pylist() == [True, False]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        pytest.param(lambda: curricle.score("one text"), "texts is one string: give a list of texts", id="a string"),
        pytest.param(lambda: curricle.score([1, 2]), "texts must be strings or None", id="numbers"),
        pytest.param(
            lambda: curricle.score(pa.table({"body": ["a"]})), "the table has no column 'text', only body", id="no text"
        ),
        pytest.param(
            lambda: curricle.score(pa.table({"text": [[1]]})), "column 'text' has type list<item: int64>", id="a list column"
        ),
        pytest.param(lambda: curricle.score(["a"], recipe="wep"), "did you mean 'web'?", id="a recipe that does not exist"),
        pytest.param(
            lambda: curricle.score(["a"], settings={"stages.langage.min_score": 1}), "did you mean 'language'?", id="a setting"
        ),
        pytest.param(lambda: curricle.run_stage("perplexity", ["a"]), "reads column 'language'", id="a missing column"),
        pytest.param(lambda: curricle.run_stage("langauge", ["a"]), "did you mean 'language'?", id="a stage"),
        pytest.param(lambda: curricle.run_stage("language", ["a"], min_scor=1), "did you mean 'min_score'?", id="its setting"),
        pytest.param(lambda: curricle.open("nowhere"), "not an output of `curricle run`", id="no output"),
        pytest.param(lambda: curricle.open_curriculum("nowhere"), "not a finished curriculum", id="no curriculum"),
        pytest.param(lambda: curricle.plan("web", "no-such-file.jsonl"), "no-such-file.jsonl", id="no input"),
    ],
)
def test_a_mistake_is_one_line(call, message):
    with pytest.raises(curricle.CurricleError) as caught:
        call()
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_shards_that_fail_raise_and_the_others_are_committed(tmp_path, monkeypatch):
    (tmp_path / "picky.py").write_text(
        "def picky(batch):\n"
        "    if 'bad' in batch['text'].to_pylist():\n"
        "        raise ValueError('a bad text')\n"
        "    return batch.append_column('ok', batch['text'].is_valid())\n"
    )
    (tmp_path / "good.jsonl").write_text('{"text": "good"}\n')
    (tmp_path / "bad.jsonl").write_text('{"text": "bad"}\n')
    monkeypatch.chdir(tmp_path)
    recipe = {"stages": {"picky": {"use": "picky:picky", "writes": {"ok": "bool"}}}}
    with pytest.raises(curricle.CurricleError, match=r"1 of 2 shards failed: .*bad.jsonl: .*a bad text"):
        curricle.run(recipe, [tmp_path / "good.jsonl", tmp_path / "bad.jsonl"], tmp_path / "out", workers=2)
    assert len(list((tmp_path / "out/kept").glob("*.parquet"))) == 1
