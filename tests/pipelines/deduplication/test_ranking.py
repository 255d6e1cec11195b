"""The ranking of copies: what `best` is, missing values, strings, and ties."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curricle.errors import OutputError
from curricle.pipelines.deduplication.ranking import Key, in_order, key_column, parse_ranking
from curricle.pipelines.output.attribute_tables import ShardDocuments, SplitFile


def shard(folder: Path, name: str, columns: dict[str, pa.Array]) -> ShardDocuments:
    path = folder / f"{name}.parquet"
    pq.write_table(pa.table({"id": pa.array(["a"]), **columns}), path)
    return ShardDocuments(folder / name, name, (SplitFile(path, 1, ""),))


NUMBER, TEXT, LIST = pa.array([1.0]), pa.array(["x"]), pa.array([["x"]])


def test_best_is_quality_where_all_outputs_have_it(tmp_path):
    rated = shard(tmp_path, "rated", {"quality_overall_score": NUMBER, "quality_overall_raw": NUMBER})
    scored = shard(tmp_path, "scored", {"quality_overall_score": NUMBER})
    plain = shard(tmp_path, "plain", {})
    for shards, expected in (
        ([rated], "quality_overall_raw"),
        ([rated, scored], "quality_overall_score"),
        ([rated, plain], None),
    ):
        assert [str(key) for key in parse_ranking("best", shards)] == [*([expected] if expected else []), "length"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("score", "other has no column 'score'"),
        ("tags", "has type list<.*>; a number or a string is required"),
        ("mixed", "column 'mixed' is a number in one output and a string in another"),
        ("", "has no column ''"),
    ],
)
def test_a_column_that_cannot_rank_is_refused(tmp_path, text, message):
    one = shard(tmp_path, "one", {"score": NUMBER, "tags": LIST, "mixed": NUMBER})
    other = shard(tmp_path, "other", {"tags": LIST, "mixed": TEXT})
    with pytest.raises(OutputError, match=message):
        parse_ranking(text, [one, other])


def table(**columns: list[object]) -> pa.Table:
    count = len(columns["id"])
    return pa.table({"tier": [1] * count, "place": [0] * count, "number": list(range(count)), **columns})


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ([Key("score")], ["high", "low", "a", "b"]),
        ([Key("score", lowest_first=True)], ["low", "high", "a", "b"]),
        ([Key("date")], ["b", "high", "low", "a"]),
    ],
)
def test_missing_values_come_last_and_ids_decide_between_equals(keys, expected):
    rows = table(
        id=["low", "high", "b", "a"],
        **{"by score": [1.0, 2.0, None, None], "by date": ["2020", "2020", "2021", None]},
    )
    assert [rows["id"][row].as_py() for row in in_order(rows, keys).tolist()] == expected


def test_indexes_come_first_in_their_order_then_kept_documents():
    rows = table(id=["d", "c", "b", "a"], **{"by score": [9.0, 1.0, 2.0, 3.0]})
    rows = rows.set_column(0, "tier", pa.array([2, 1, 0, 0])).set_column(1, "place", pa.array([0, 0, 7, 8]))
    assert in_order(rows, [Key("score")]).tolist() == [2, 3, 1, 0]


def test_values_that_are_compared():
    assert key_column(pa.array([1.5, float("nan"), None])).to_pylist() == [1.5, None, None]
    assert key_column(pa.array([True, None])).to_pylist() == [1.0, None]
    assert key_column(pa.array([2**60], pa.int64())).to_pylist() == [float(2**60)]
    assert key_column(pa.array(["2021"]).dictionary_encode()).to_pylist() == ["2021"]
