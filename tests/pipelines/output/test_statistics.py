"""Distributions of an output's columns."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import orjson
import pyarrow.parquet as pq
import pytest

import curricle
from curricle.errors import OutputError
from curricle.pipelines.output.manifest import read_manifests
from curricle.pipelines.output.statistics import statistics

CLI = [sys.executable, "-c", "from curricle.pipelines.cli.main import main; main()"]
RECIPE = {
    "stages": {"language": {}},
    "decide": [{"name": "short", "column": "score", "min": 3}],
    "read": {"carry": ["score", "kind", "flag"]},
}


@pytest.fixture(scope="module")
def output(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("stats")
    rows = [
        {"text": f"The river rose, {n}.", "score": n / 2 if n % 5 else None, "kind": "abc"[n % 3], "flag": n % 2 == 0}
        for n in range(100)
    ]
    for part in range(2):
        (folder / f"{part}.jsonl").write_bytes(b"\n".join(map(orjson.dumps, rows[part::2])))
    curricle.run(RECIPE, [str(folder / "0.jsonl"), str(folder / "1.jsonl")], folder / "out")
    return folder / "out"


def test_numbers_are_those_of_all_kept_and_rejected_documents(output):
    found = {row.column: row for row in statistics(output).numbers}["score"]
    values = [n / 2 for n in range(100) if n % 5]
    assert (found.group, found.count, found.nulls) == ("all", 80, 20)
    assert (found.minimum, found.maximum, found.mean) == (0.5, 49.5, pytest.approx(np.mean(values)))
    shares = {"p1": 0.01, "p5": 0.05, "p25": 0.25, "median": 0.5, "p75": 0.75, "p95": 0.95, "p99": 0.99}
    assert found.quantiles == pytest.approx({name: np.quantile(values, share) for name, share in shares.items()})


def test_groups_add_up_and_the_outcome_is_a_column(output):
    found = statistics(output, ["kind", "outcome"])
    assert set(found.documents) == {"all", "a/kept", "b/kept", "c/kept", "a/short", "b/short", "c/short"}
    assert sum(count for group, count in found.documents.items() if group != "all") == found.documents["all"] == 100
    for name in ("score", "flag", "language_score"):
        groups = {row.group: row for row in found.numbers if row.column == name}
        assert sum(row.count for group, row in groups.items() if group != "all") == groups["all"].count
    flags = {row.group: row for row in found.numbers if row.column == "flag"}
    assert flags["all"].mean == 0.5


def test_categories_are_counted_and_names_are_not(output):
    found = {row.column: row for row in statistics(output).categories}
    assert found["kind"].values == {"a": 34, "b": 33, "c": 33}
    assert found["outcome"].values == {"kept": 96, "short": 4}
    assert found["language"].nulls == 0
    assert not {"id", "text", "url", "metadata"} & found.keys()


def test_the_command_prints_tables_and_json(output):
    done = subprocess.run([*CLI, "stats", str(output), "--by", "kind"], capture_output=True, text=True, check=True)
    assert "│ score" in done.stdout
    assert "│ outcome" in done.stdout
    command = [*CLI, "stats", str(output), "--by", "kind, outcome", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert orjson.loads(done.stdout) == orjson.loads(orjson.dumps(statistics(output, ["kind", "outcome"]).to_dict()))


def test_mistakes_are_one_line(output, tmp_path):
    with pytest.raises(OutputError, match=r"no column 'kidn'; did you mean 'kind'\?"):
        statistics(output, ["kidn"])
    with pytest.raises(OutputError, match="no finished shard in this folder"):
        statistics(tmp_path)


DAMAGED = [b"", b"{}", b"[]", b"1", b'{"shard": {}, "files": {}}', b'{"shard": {"name": "x"}, "files": {"kept": 1}}']


@pytest.mark.parametrize("content", DAMAGED)
def test_a_damaged_manifest_is_one_line(content, tmp_path):
    (tmp_path / "_manifest").mkdir()
    (tmp_path / "_manifest/x.json").write_bytes(content)
    with pytest.raises(OutputError, match=r"x\.json: a damaged manifest.*; delete it and run the same command again"):
        read_manifests(tmp_path)


def test_no_text_is_read(output, monkeypatch):
    read = pq.ParquetFile.read
    names = []
    monkeypatch.setattr(pq.ParquetFile, "read", lambda self, columns: names.extend(columns) or read(self, columns))
    statistics(output, ["language"])
    assert names
    assert "text" not in names
