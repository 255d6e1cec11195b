"""The public Python API."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import curricle
from curricle.schemas.column import Column

ROOT = Path(__file__).parents[1]
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
        "shelf", "text", "title", "text_chars", "charset", "charset_source", "page_truncated", "extract_confidence",
        "language", "language_score", "language_mixed", "script", "text_direction",
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


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(lambda: (text for text in (LONG, "short")), id="a generator"),
        pytest.param(lambda: np.array([LONG, "short"]), id="a NumPy array"),
        pytest.param(lambda: {"text": [LONG, "short"]}, id="a dictionary of columns"),
        pytest.param(lambda: pa.table({"text": [LONG, "short"]}).to_reader(), id="a reader"),
        pytest.param(lambda: pa.array([LONG, "short"]).dictionary_encode(), id="dictionary-encoded"),
        pytest.param(lambda: pa.array([LONG, "short"], pa.string_view()), id="string views"),
    ],
)
def test_texts_may_be_given_in_many_forms(given):
    assert curricle.score(given(), recipe=RECIPE).equals(curricle.score([LONG, "short"], recipe=RECIPE))


def test_texts_may_be_given_as_a_data_frame_or_a_series():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"text": [LONG, None], "shelf": [1, 2]}, index=[7, 8])
    assert curricle.score(frame, recipe=RECIPE).column("shelf").to_pylist() == [1, 2]
    assert curricle.score(frame["text"], recipe=RECIPE).column("text_chars").to_pylist() == [len(LONG), None]


def test_a_scored_table_can_be_scored_again():
    scored = curricle.score([LONG, "short"], recipe=RECIPE)
    assert curricle.score(scored, recipe=RECIPE).column("reject_reason").to_pylist() == [None, "short"]
    none = curricle.score(scored, recipe={"stages": {"language": {}}})
    assert none.column("reject_reason").to_pylist() == [None, None]
    assert none.column_names.count("reject_value") == 1


def test_html_may_be_given_as_payload():
    page = pa.table({"text": pa.nulls(1, pa.string()), "payload": ["<p>Some words.</p>"], "payload_type": ["text/html"]})
    assert curricle.score(page, recipe=RECIPE).column("text").to_pylist() == ["Some words."]


def test_settings_may_be_numpy_numbers():
    table = curricle.score([LONG], recipe=RECIPE, settings={"stages.language.min_score": np.float64(1.0)})
    assert table.column("language").to_pylist() == ["und"]


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


TWO_TEXTS = pa.Table.from_arrays([pa.array(["a"]), pa.array(["b"])], names=["text", "text"])


def _stage(kernel, **fields):
    return curricle.Stage(name="mine", kernel=kernel, **fields)


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
        pytest.param(lambda: curricle.score(None), "texts must be strings or None", id="None as texts"),
        pytest.param(lambda: curricle.score(["a\ud800"]), "surrogates not allowed", id="half a surrogate pair"),
        pytest.param(lambda: curricle.score(TWO_TEXTS), "two columns 'text'", id="a column twice"),
        pytest.param(
            lambda: curricle.score(pa.table({"text": ["a"], "payload": [3]})), "column 'payload' has type int64", id="a payload"
        ),
        pytest.param(lambda: curricle.score(["a"], settings=["x"]), "settings must be a dictionary", id="a list of settings"),
        pytest.param(lambda: curricle.score(["a"], settings={"read": object()}), "settings: read cannot be", id="an object"),
        pytest.param(lambda: curricle.score(["a"], settings={"read": 2**70}), "settings: read cannot be", id="a huge number"),
        pytest.param(lambda: curricle.plan("web", []), "inputs: the list is empty", id="an empty list of inputs"),
        pytest.param(lambda: curricle.plan("web", None), "inputs must be a path, a URL or a list", id="None as inputs"),
        pytest.param(lambda: curricle.plan("web", [b"a"]), "inputs must be a path, a URL or a list", id="bytes as input"),
        pytest.param(lambda: curricle.run("web", "a", None), "output must be a path or a URL, not None", id="None as output"),
        pytest.param(lambda: curricle.run("web", "a", "b", workers=0), "workers must be a whole number", id="no workers"),
        pytest.param(lambda: curricle.open(None), "path must be a path or a URL, not None", id="None as path"),
        pytest.param(lambda: curricle.open_curriculum(None), "path must be a path or a URL", id="None as curriculum"),
        pytest.param(lambda: curricle.make_curriculum("demo", [], "c"), "outputs: the list is empty", id="no outputs"),
        pytest.param(lambda: curricle.run_stage(_stage(lambda b, _: b.slice(1)), ["a"]), "changed the rows", id="a row lost"),
        pytest.param(
            lambda: curricle.run_stage(_stage(lambda b, _: b.take([1, 0])), ["a", "b"]), "order of the rows", id="another order"
        ),
        pytest.param(
            lambda: curricle.run_stage(_stage(lambda b, _: b.append_column("n", b["text"])), ["a"]),
            "a column 'n' that it does not declare",
            id="a column not declared",
        ),
        pytest.param(lambda: _stage(len, columns=("n",)), "columns must be a tuple of Column objects", id="columns as text"),
        pytest.param(lambda: _stage(len, reads="text"), "reads must be a tuple of texts", id="reads as text"),
        pytest.param(lambda: _stage(len, config=dict), "config must be a subclass of curricle.Config", id="another config"),
        pytest.param(lambda: _stage(5), "kernel must be a function", id="no kernel"),
        pytest.param(lambda: curricle.run_stage(_stage(len, columns=len), ["a"]), "cannot be computed", id="columns that fail"),
        pytest.param(
            lambda: curricle.run_stage(_stage(max, packages=("no_such_module",)), ["a"]), "'no_such_module'", id="no package"
        ),
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
