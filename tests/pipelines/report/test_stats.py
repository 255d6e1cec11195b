"""`curricle stats` over a run of the demo's recipe, recomputed with pandas."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from curricle.pipelines.cli.main import group as curricle
from curricle.pipelines.report import statistics as of_outputs

SAMPLE = Path(__file__).parents[3] / "pipelines" / "sample"
QUANTILES = [0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1]
NAMES = ["min", "p1", "p5", "p25", "median", "p75", "p95", "p99", "max"]


def call(*arguments: object) -> tuple[int, str, str]:
    done = CliRunner().invoke(curricle, [*map(str, arguments)])
    return done.exit_code, done.stdout, done.stderr


@pytest.fixture(scope="module")
def output(tmp_path_factory) -> Path:
    made = tmp_path_factory.mktemp("stats") / "out"
    code, shown, error = call("run", "demo", "--input", SAMPLE, "--output", made, "--workers", 1, "--quiet")
    assert code == 0, shown + error
    return made


@pytest.fixture(scope="module")
def rows(output) -> pd.DataFrame:
    tables = [pq.read_table(output / split).to_pandas().assign(split=split) for split in ("kept", "rejected")]
    return pd.concat(tables, ignore_index=True)


def measured(output: Path, *arguments: str) -> dict:
    code, shown, error = call("stats", output, "--json", *arguments)
    assert code == 0, error
    return json.loads(shown)


def check(group: dict, rows: pd.DataFrame) -> None:
    assert (group["documents"], group["kept"]) == (len(rows), (rows["split"] == "kept").sum())
    for name, found in group["numbers"].items():
        values = rows[name].dropna().astype("float64")
        assert found["nulls"] == len(rows) - len(values), name
        if len(values):
            assert [found[key] for key in NAMES] == pytest.approx(values.quantile(QUANTILES).tolist(), rel=1e-12), name
            assert found["mean"] == pytest.approx(values.mean(), rel=1e-12)
        else:
            assert {found[key] for key in (*NAMES, "mean")} == {None}
    for name, found in group["categories"].items():
        values = rows[name].explode().dropna() if name == "failed_rules" else rows[name].fillna("null")
        values = values.map({True: "true", False: "false"}.get) if name == "page_truncated" else values
        assert {key: count for key, count in found.items() if key != "null" or name != "page_truncated"} == dict(
            values.dropna().value_counts()
        ), name


def test_statistics_of_all_documents_are_those_of_pandas(output, rows):
    found = measured(output)
    assert (found["documents"], found["not_counted"]) == (len(rows), [])
    (everything,) = found["groups"]
    check(everything, rows)
    assert {"text_chars", "ppl_clean", "quality_overall_score"} <= everything["numbers"].keys()
    assert {"language", "domain", "page_truncated", "failed_rules"} <= everything["categories"].keys()
    assert not {"id", "url", "text", "source_offset", "title"} & {*everything["numbers"], *everything["categories"]}


@pytest.mark.parametrize("by", [["language"], ["domain", "split"], ["quality_overall_score"], ["split", "language", "domain"]])
def test_groups_hold_every_document_once_and_have_their_own_statistics(output, rows, by):
    found = measured(output, "--by", ",".join(by))
    expected = {tuple(None if pd.isna(value) else value for value in key): part for key, part in rows.groupby(by, dropna=False)}
    assert sum(group["documents"] for group in found["groups"]) == len(rows)
    assert {tuple(group["group"][name] for name in by) for group in found["groups"]} == expected.keys()
    sizes = [group["documents"] for group in found["groups"]]
    assert sizes == sorted(sizes, reverse=True)
    for group in found["groups"]:
        check(group, expected[tuple(group["group"][name] for name in by)])


@pytest.mark.parametrize(
    ("by", "message"),
    [
        (
            "langauge",
            "grouped by 'langauge'; use a column of categories or whole numbers, or 'split'; did you mean 'language'?",
        ),
        ("ppl_clean", "documents cannot be grouped by 'ppl_clean'"),
        ("failed_rules", "documents cannot be grouped by 'failed_rules'"),
    ],
)
def test_a_column_that_makes_no_groups_is_named(output, by, message):
    code, _, error = call("stats", output, "--by", by)
    assert code == 2
    assert message in error


def test_a_column_of_free_text_is_not_counted(output, monkeypatch):
    monkeypatch.setattr(of_outputs, "MOST_VALUES", 10)
    found = measured(output)
    assert {"language", "domain", "topic"} <= set(found["not_counted"])
    assert "language" not in found["groups"][0]["categories"]
    assert "script" in found["groups"][0]["categories"]


def test_nan_counts_as_null(output, rows, tmp_path):
    changed = tmp_path / "out"
    shutil.copytree(output, changed)
    path = next(path for path in sorted((changed / "kept").glob("*.parquet")) if pq.read_metadata(path).num_rows)
    table = pq.read_table(path)
    at = table.schema.get_field_index("ppl_clean")
    filled = pc.fill_null(table.column(at), float("nan"))
    lost = pc.if_else(pc.greater(filled, 300), pa.scalar(float("nan")), filled)
    pq.write_table(table.set_column(at, table.schema.field(at), lost), path)
    found = measured(changed)["groups"][0]["numbers"]["ppl_clean"]
    more = pc.sum(pc.greater(table.column(at), 300)).as_py()
    assert more > 0
    assert found["nulls"] == rows["ppl_clean"].isna().sum() + more


def test_the_terminal_shows_groups_columns_and_values(output, rows):
    code, shown, _ = call("stats", output, "--by", "language")
    english = rows[rows["language"] == "en"]
    kept = (english["split"] == "kept").sum()
    assert code == 0
    assert f"language en: {len(english):,} documents: {kept} kept, {len(english) - kept} rejected" in shown
    assert "ppl_clean" in shown
    assert "script: Latn" in shown
