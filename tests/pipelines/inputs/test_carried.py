"""Columns of the input become columns of the output, with one type in all files."""

import gzip
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import curricle
from curricle.errors import InputError
from curricle.pipelines.inputs.carried import with_types
from curricle.pipelines.inputs.find import find_inputs
from curricle.stages.read.config import ReadConfig
from curricle.stages.read.types import column_of, common_type, stored_type, type_named

RECIPE = {"stages": {}, "decide": [{"name": "small", "column": "minhash_cluster_size", "max": 5}]}


def lines(path: Path, *rows: dict) -> Path:
    content = b"".join(orjson.dumps(row) + b"\n" for row in rows)
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def types(config: ReadConfig, *paths: Path) -> dict[str, str]:
    found = with_types(config, find_inputs([str(path) for path in paths]))
    return {name: found.carry_types.get(name, "ours") for name in found.carry}


def test_types_come_from_all_inputs(tmp_path: Path) -> None:
    one = lines(tmp_path / "a.jsonl", {"text": "a", "n": 1, "x": 1, "b": True, "t": ["p"], "o": {"k": 1}, "none": None})
    two = lines(tmp_path / "b.jsonl.gz", {"text": "a", "n": 2, "x": 1.5, "b": None, "t": [], "o": {"k": "v"}})
    config = ReadConfig(carry=("n", "x", "b", "t", "o", "o.k", "none", "language"))
    assert types(config, one, two) == {
        "n": "int64", "x": "double", "b": "bool", "t": "list<item: string>", "o": "string", "o.k": "string", "none": "string",
        "language": "ours",
    }  # fmt: skip


def test_parquet_and_tables_have_their_types(tmp_path: Path) -> None:
    table = pa.table({"text": ["a"], "n": pa.array([1], pa.int16()), "s": [{"k": 1}], "d": pa.array(["x"]).dictionary_encode()})
    pq.write_table(table, tmp_path / "a.parquet")
    (tmp_path / "lang=en").mkdir()
    (tmp_path / "lang=en/b.csv").write_text("text,n\na,1\n")
    config = ReadConfig(carry=("n", "s", "s.k", "d", "lang"))
    with pytest.raises(InputError, match=r"read\.carry: no input has a column 'lang'"):
        types(config, tmp_path / "a.parquet")
    assert types(config, tmp_path / "a.parquet", tmp_path / "lang=en/b.csv") == {
        "n": "string", "s": "string", "s.k": "int64", "d": "string", "lang": "string",
    }  # fmt: skip


def test_given_types_are_kept(tmp_path: Path) -> None:
    path = lines(tmp_path / "a.jsonl", {"text": "a", "n": 1, "m": 1})
    config = ReadConfig(carry=("n", "m"), carry_types={"n": "float"})
    assert types(config, path) == {"n": "float", "m": "int64"}


def test_a_star_is_every_field_that_is_not_used_otherwise(tmp_path: Path) -> None:
    path = lines(tmp_path / "a.jsonl", {"text": "a", "url": "u", "id": 1, "source": "s", "n": 1, "language": "en", "z": "q"})
    assert types(ReadConfig(carry=("z", "*")), path) == {"z": "string", "n": "int64", "language": "ours"}


def test_a_column_that_no_input_has_is_one_line(tmp_path: Path) -> None:
    path = lines(tmp_path / "a.jsonl", {"text": "a", "cluster_size": 1})
    with pytest.raises(InputError, match=r"^read\.carry: no input has a column 'clustersize'; did you mean 'cluster_size'\?$"):
        types(ReadConfig(carry=("clustersize",)), path)


@pytest.mark.parametrize("kind", ["jsonl", "parquet", "csv"])
def test_rules_and_curricula_use_carried_columns(kind: str, tmp_path: Path) -> None:
    rows = [{"text": f"text number {n}", "minhash_cluster_size": n, "layer": f"l{n % 2}"} for n in range(10)]
    path = tmp_path / f"in.{kind}"
    if kind == "jsonl":
        lines(path, *rows)
    elif kind == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    else:
        path.write_text("text,minhash_cluster_size,layer\n" + "".join(f"{','.join(map(str, row.values()))}\n" for row in rows))
    read = {"carry": ["minhash_cluster_size", "layer"]} | (
        {"carry_types": {"minhash_cluster_size": "int64"}} if kind == "csv" else {}
    )
    output = curricle.run({**RECIPE, "read": read}, [str(path)], tmp_path / "out")
    kept = output.kept.to_table()
    assert kept["minhash_cluster_size"].to_pylist() == [0, 1, 2, 3, 4, 5]
    assert kept.schema.field("minhash_cluster_size").type == pa.int64()
    assert kept["metadata"].null_count == 6
    repeats = {"by": "minhash_cluster_size", "table": {3: 2, 5: 3}}
    phase = {"name": "one", "tokens": "all", "where": {"layer": "l1"}, "repeats": repeats}
    made = curricle.make_curriculum({"phases": [phase]}, [tmp_path / "out"], tmp_path / "cur")
    assert made is not None
    found = pq.read_table(tmp_path / "cur/01-one")["minhash_cluster_size"].to_pylist()
    assert sorted(found) == [1, 3, 3, 5, 5, 5]


def test_a_second_run_keeps_what_the_first_one_knew(tmp_path: Path) -> None:
    path = lines(tmp_path / "in.jsonl", {"text": "one two", "id": "x", "n": 1, "other": 2}, {"text": "three", "n": 5})
    first = curricle.run({"read": {"carry": ["n"]}, "stages": {}, "decide": []}, [str(path)], tmp_path / "one").kept.to_table()
    second = curricle.run({"read": {"carry": ["*"]}, "stages": {}, "decide": []}, [str(tmp_path / "one/kept")], tmp_path / "two")
    again = second.kept.to_table()
    for name in ("id", "source", "source_offset", "source_id", "metadata", "text", "n"):
        assert again[name].to_pylist() == first[name].to_pylist(), name


@pytest.mark.parametrize(
    ("values", "kind", "found", "lost"),
    [
        ([1, "2", 3.0, 1.5, True, "x", None, 10**30], "int64", [1, 2, 3, None, None, None, None, None], 4),
        ([1, "2.5", float("inf"), False], "float64", [1.0, 2.5, float("inf"), None], 1),
        ([True, False, 1, "true"], "bool", [True, False, None, True], 1),
        (["a", 1, [1], None], "string", ["a", "1", "[1]", None], 0),
        ([["a"], [], [1], None], "list<string>", [["a"], [], None, None], 1),
        ([300, 1], "int8", [None, 1], 1),
    ],
)
def test_values_that_do_not_fit_are_null_and_counted(values: list, kind: str, found: list, lost: int) -> None:
    array, count = column_of(values, type_named(kind))
    assert (array.to_pylist(), count, array.type) == (found, lost, type_named(kind))


@pytest.mark.parametrize(
    ("one", "other", "common"),
    [("int8", "int32", "int32"), ("uint8", "int8", "int64"), ("int64", "float", "double"), ("bool", "int64", "string")],
)
def test_a_common_type_holds_both(one: str, other: str, common: str) -> None:
    assert str(common_type(pa.type_for_alias(one), pa.type_for_alias(other))) == common


def test_what_has_no_plain_type_is_stored_as_its_json() -> None:
    assert stored_type(pa.struct([("a", pa.int64())])) == pa.string()
    assert stored_type(pa.large_string()) == pa.string()
    assert stored_type(pa.list_(pa.struct([("a", pa.int64())]))) == pa.string()
    assert stored_type(pa.large_list(pa.int8())) == pa.list_(pa.int8())
