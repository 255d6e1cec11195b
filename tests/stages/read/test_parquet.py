"""Parquet files: a row for each row, in bounded batches, and honest counts where a row group is damaged."""

import datetime as dt
import decimal
import itertools
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curricle.schemas.columns import READ_SCHEMA
from curricle.schemas.shards import Shard, document_id
from curricle.stages.read.config import ReadConfig
from curricle.stages.read.notes import Notes
from curricle.stages.read.parquet import check_columns, read_parquet


def read(path: Path, config: ReadConfig | None = None, start: int = 0, end: int | None = None) -> tuple[list[dict], list[str]]:
    notes = Notes()
    shard = Shard(name="s", source="in.parquet", url=str(path), format="parquet", start=start, end=end)
    batches = list(read_parquet(shard, config or ReadConfig(), notes))
    assert all(batch.schema.names[: len(READ_SCHEMA)] == READ_SCHEMA.names for batch in batches)
    for batch in batches:
        batch.validate(full=True)
    return [row for batch in batches for row in batch.to_pylist()], notes


def write(tmp_path: Path, columns: dict, *, rows: int = 1000, **options) -> Path:
    table = pa.table(columns)
    path = tmp_path / "x.parquet"
    pq.write_table(table, path, row_group_size=rows, **options)
    return path


def test_a_row_gives_every_column(tmp_path: Path) -> None:
    columns = {
        "n": [1, 2],
        "text": ["a", "b\0"],
        "url": ["http://a/", None],
        "id": [7, 8],
        "date": ["2024", None],
        "s": ["é", None],
    }
    rows, notes = read(write(tmp_path, columns))
    assert rows == [
        {
            "id": document_id("in.parquet", 0),
            "source": "in.parquet",
            "source_offset": 0,
            "source_id": "7",
            "url": "http://a/",
            "date": "2024",
            "metadata": '{"n":1,"s":"é"}',
            "text": "a",
            "payload": None,
            "payload_type": None,
            "payload_truncated": None,
            "dead_stage": None,
            "dead_reason": None,
            "dead_bytes": None,
        },
        {
            "id": document_id("in.parquet", 1),
            "source": "in.parquet",
            "source_offset": 1,
            "source_id": "8",
            "url": None,
            "date": None,
            "metadata": '{"n":2}',
            "text": "b\0",
            "payload": None,
            "payload_type": None,
            "payload_truncated": None,
            "dead_stage": None,
            "dead_reason": None,
            "dead_bytes": None,
        },
    ]
    assert notes == []
    assert [row["metadata"] for row in read(write(tmp_path, columns), ReadConfig(metadata=False))[0]] == [None, None]


def test_columns_are_named_by_the_config(tmp_path: Path) -> None:
    path = write(tmp_path, {"content": ["c"], "text": ["t"], "u": ["http://u/"], "n": ["i"], "d": ["2024"]})
    [row], _ = read(path, ReadConfig(text_column="content", url_column="u", id_column="n", date_column="d"))
    assert [row[name] for name in ("text", "url", "source_id", "date")] == ["c", "http://u/", "i", "2024"]
    assert row["metadata"] == '{"text":"t"}'


@pytest.mark.parametrize(
    "kind",
    [
        pa.string(),
        pa.large_string(),
        pa.string_view(),
        pa.binary(),
        pa.large_binary(),
        pa.dictionary(pa.int32(), pa.string()),
        pa.dictionary(pa.int8(), pa.large_string()),
    ],
    ids=str,
)
def test_text_may_have_any_text_type(tmp_path: Path, kind: pa.DataType) -> None:
    texts = ["é", None, "", "é"]
    array = pa.array(texts, kind.value_type).dictionary_encode() if pa.types.is_dictionary(kind) else pa.array(texts).cast(kind)
    rows, _ = read(write(tmp_path, {"text": array, "url": array}))
    assert [row["text"] for row in rows] == ["é", None, "", "é"]
    assert [row["url"] for row in rows] == ["é", None, "", "é"]
    assert [row["dead_reason"] for row in rows] == [None, "'text' is null", None, None]
    assert [row["dead_stage"] for row in rows] == [None, "read", None, None]
    assert [row["dead_bytes"] for row in rows] == [None, b"", None, None]


DAY = dt.datetime(2024, 2, 29, 12, 30, 0, 123456)


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        pytest.param(pa.array([1.5]), '{"x":1.5}', id="float"),
        pytest.param(pa.array([float("nan")]), '{"x":null}', id="NaN-is-null"),
        pytest.param(pa.array([float("inf")]), '{"x":null}', id="infinity-is-null"),
        pytest.param(pa.array([True]), '{"x":true}', id="boolean"),
        pytest.param(pa.array([2**63], pa.uint64()), '{"x":9223372036854775808}', id="uint64"),
        pytest.param(pa.array([DAY.date()]), '{"x":"2024-02-29"}', id="date"),
        pytest.param(pa.array([DAY], pa.timestamp("us")), '{"x":"2024-02-29T12:30:00.123456"}', id="timestamp"),
        pytest.param(pa.array([DAY], pa.timestamp("us", "UTC")), '{"x":"2024-02-29T12:30:00.123456+00:00"}', id="timestamp-utc"),
        pytest.param(pa.array([1], pa.timestamp("ns")), '{"x":"1970-01-01T00:00:00.000000001"}', id="nanoseconds"),
        pytest.param(pa.array([400_000_000_000_000], pa.timestamp("ms")), '{"x":"14645-06-30 15:06:40.000"}', id="year-14645"),
        pytest.param(pa.array([DAY.time()]), '{"x":"12:30:00.123456"}', id="time"),
        pytest.param(pa.array([decimal.Decimal("1.20")]), '{"x":"1.20"}', id="decimal"),
        pytest.param(pa.array([b"abc"]), '{"x":"abc"}', id="bytes-that-are-text"),
        pytest.param(pa.array([b"\xff\xfe"]), '{"x":"//4="}', id="bytes-as-base64"),
        pytest.param(pa.array([[1, None, 2]]), '{"x":[1,null,2]}', id="list"),
        pytest.param(pa.array([{"b": {"c": "d"}, "a": None}]), '{"x":{"b":{"c":"d"},"a":null}}', id="struct"),
        pytest.param(pa.array([[("k", 1)]], pa.map_(pa.string(), pa.int8())), '{"x":[["k",1]]}', id="map"),
        pytest.param(pa.array(["v"]).dictionary_encode(), '{"x":"v"}', id="dictionary"),
        pytest.param(pa.nulls(1), None, id="null"),
    ],
)
def test_other_fields_become_json(tmp_path: Path, array: pa.Array, expected: str | None) -> None:
    [row], _ = read(write(tmp_path, {"text": ["a"], "x": array}))
    assert row["metadata"] == expected


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        pytest.param(pa.array([DAY], pa.timestamp("us")), "2024-02-29T12:30:00.123456", id="timestamp"),
        pytest.param(pa.array([DAY.date()]), "2024-02-29", id="date"),
        pytest.param(pa.array([2024]), "2024", id="integer"),
        pytest.param(pa.array([1.5]), "1.5", id="float"),
        pytest.param(pa.array([["a", "b"]]), '["a","b"]', id="list"),
    ],
)
def test_a_date_of_any_type_is_text(tmp_path: Path, array: pa.Array, expected: str) -> None:
    [row], _ = read(write(tmp_path, {"text": ["a"], "date": array}))
    assert row["date"] == expected


def invalid(values: list[bytes]) -> pa.Array:
    """A string array that Arrow did not check."""
    return pa.Array.from_buffers(pa.string(), len(values), pa.array(values, pa.binary()).buffers())


@pytest.mark.parametrize("kind", ["string", "binary"])
def test_text_that_is_not_utf8_is_a_dead_letter_and_its_neighbours_live(tmp_path: Path, kind: str) -> None:
    values = [b"good", b"\xff" * 300, b"fine"]
    rows, _ = read(write(tmp_path, {"text": pa.array(values) if kind == "binary" else invalid(values)}))
    assert [row["text"] for row in rows] == ["good", None, "fine"]
    assert [row["dead_reason"] for row in rows] == [None, "'text' is not UTF-8", None]
    assert rows[1]["dead_bytes"] == b"\xff" * 200


def test_other_strings_that_are_not_utf8_cost_no_row(tmp_path: Path) -> None:
    columns = {"text": ["a", "b"], "url": invalid([b"\xff", b"u"]), "s": invalid([b"s", b"\xff"])}
    rows, _ = read(write(tmp_path, columns))
    assert [(row["text"], row["url"], row["metadata"]) for row in rows] == [
        ("a", "/w==", '{"s":"s"}'),
        ("b", "u", '{"s":"/w=="}'),
    ]


def test_a_text_over_the_limit_is_a_dead_letter(tmp_path: Path) -> None:
    rows, _ = read(write(tmp_path, {"text": ["a" * 10, "é" * 6, "b"]}), ReadConfig(max_record_bytes=10))
    assert [row["dead_reason"] for row in rows] == [None, "'text' has more than 10 bytes", None]
    assert rows[1]["dead_bytes"] == ("é" * 6).encode()


def test_batches_are_bounded_in_bytes_and_rows(tmp_path: Path) -> None:
    texts = ["x" * 10] * 90 + [str(n % 10) * 10_000 for n in range(10)]
    path = write(tmp_path, {"text": texts}, use_dictionary=False, compression="none")
    shard = Shard(name="s", source="s", url=str(path), format="parquet")
    batches = list(read_parquet(shard, ReadConfig(batch_bytes=20_000), []))
    assert [text for batch in batches for text in batch.column("text").to_pylist()] == texts
    assert max(batch.column("text").nbytes for batch in batches) < 50_000
    assert [len(batch) for batch in read_parquet(shard, ReadConfig(batch_rows=40), [])] == [40, 40, 20]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(st.none() | st.text(max_size=5), max_size=30), size=st.integers(1, 10), data=st.data())
def test_any_splitting_gives_the_same_rows(tmp_path: Path, texts: list[str | None], size: int, data: st.DataObject) -> None:
    path = write(tmp_path, {"text": pa.array(texts, pa.string())}, rows=size)
    groups = pq.read_metadata(path).num_row_groups
    cuts = sorted(data.draw(st.lists(st.integers(0, groups), max_size=4)))
    whole, _ = read(path)
    assert [row["text"] for row in whole] == texts
    assert [row["source_offset"] for row in whole] == list(range(len(texts)))
    parts = [row for start, end in itertools.pairwise([0, *cuts, groups]) for row in read(path, start=start, end=end)[0]]
    assert parts == whole


def damage(path: Path, group: int, column: int = 0) -> None:
    chunk = pq.read_metadata(path).row_group(group).column(column)
    data = bytearray(path.read_bytes())
    at = chunk.data_page_offset
    data[at : at + chunk.total_compressed_size] = b"\xee" * chunk.total_compressed_size
    path.write_bytes(data)


@pytest.mark.parametrize("column", [0, 1], ids=["text", "other-column"])
def test_a_damaged_row_group_is_a_dead_letter_for_each_of_its_rows(tmp_path: Path, column: int) -> None:
    texts = [f"text {n}" for n in range(50)]
    path = write(tmp_path, {"text": texts, "n": list(range(50))}, rows=10, use_dictionary=False)
    damage(path, 2, column)
    rows, _ = read(path)
    assert [row["source_offset"] for row in rows] == list(range(50))
    assert [row["id"] for row in rows] == [document_id("in.parquet", n) for n in range(50)]
    assert [row["text"] for row in rows] == [*texts[:20], *[None] * 10, *texts[30:]]
    assert [row["dead_stage"] for row in rows] == [*[None] * 20, *["read"] * 10, *[None] * 20]
    assert all(row["dead_reason"].startswith("row group 2 is damaged: ") for row in rows[20:30])
    assert {row["dead_bytes"] for row in rows[20:30]} == {b""}


def test_pages_before_the_damaged_one_are_kept(tmp_path: Path) -> None:
    texts = [f"{n}" * 50 for n in range(1000)]
    options = {"use_dictionary": False, "compression": "none", "data_page_size": 1000, "write_batch_size": 10}
    path = write(tmp_path, {"text": texts}, **options)
    data = bytearray(path.read_bytes())
    at = data.index(texts[700].encode())
    data[at - 500 : at + 20_000] = b"\xee" * 20_500
    path.write_bytes(data)
    rows, _ = read(path, ReadConfig(batch_rows=50))
    assert len(rows) == 1000
    kept = next(n for n, row in enumerate(rows) if row["dead_reason"])
    assert 600 <= kept <= 700
    assert [row["text"] for row in rows] == texts[:kept] + [None] * (1000 - kept)


def test_a_flipped_bit_is_found_by_the_page_checksum(tmp_path: Path) -> None:
    path = write(tmp_path, {"text": ["good text", "more text"]}, compression="none", write_page_checksum=True)
    path.write_bytes(path.read_bytes().replace(b"good text", b"goof text", 1))
    rows, _ = read(path)
    assert [row["text"] for row in rows] == [None, None]
    assert "row group 0 is damaged" in rows[0]["dead_reason"]


def test_an_error_of_the_storage_is_no_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk or a network that fails must fail the shard, not turn its rows into dead letters."""
    path = write(tmp_path, {"text": ["a"]})
    shard = Shard(name="s", source="s", url=str(path), format="parquet")
    for error in (OSError(5, "Input/output error"), TimeoutError("timed out"), PermissionError("no")):

        def fail(*_: object, error: OSError = error, **__: object):
            raise error
            yield

        monkeypatch.setattr(pq.ParquetFile, "iter_batches", fail)
        with pytest.raises(type(error)):
            list(read_parquet(shard, ReadConfig(), []))


@pytest.mark.parametrize("rows", [0, 25_000])
def test_a_large_lost_row_group_and_an_empty_file(tmp_path: Path, rows: int) -> None:
    path = write(
        tmp_path, {"text": ["text"] * rows} if rows else {"text": pa.array([], pa.string())}, rows=50_000, use_dictionary=False
    )
    if rows:
        damage(path, 0)
    read_rows, _ = read(path)
    assert [row["source_offset"] for row in read_rows] == list(range(rows))
    assert all(row["dead_reason"] for row in read_rows)


def test_carried_columns_are_real_columns_and_no_metadata(tmp_path: Path) -> None:
    columns = {
        "text": ["a"],
        "language": pa.array(["en"], pa.large_string()),
        "quality_accuracy": pa.array([3], pa.int8()),
        "failed_rules": [["x"]],
        "other": [1],
    }
    config = ReadConfig(carry=("quality_accuracy", "language", "domain", "failed_rules"))
    [batch] = read_parquet(Shard(name="s", source="s", url=str(write(tmp_path, columns)), format="parquet"), config, [])
    assert batch.schema.names == [*READ_SCHEMA.names, "quality_accuracy", "language", "domain", "failed_rules"]
    assert [batch.schema.field(name).type for name in config.carry] == [column.dtype for column in config.carried()]
    [row] = batch.to_pylist()
    assert [row[name] for name in config.carry] == [3, "en", None, ["x"]]
    assert row["metadata"] == '{"other":1}'


OWN = {
    "id": ["0123"],
    "source": ["first.jsonl"],
    "source_offset": pa.array([77], pa.int64()),
    "source_id": ["i"],
    "url": ["u"],
    "date": ["d"],
    "metadata": ['{"a":1}'],
    "text": ["a"],
    "language": ["en"],
    "text_chars": pa.array([1], pa.int32()),
}


def own_file(tmp_path: Path) -> Path:
    path = tmp_path / "own.parquet"
    pq.write_table(pa.table(OWN).replace_schema_metadata({"curricle": "sha"}), path)
    return path


def test_a_file_of_our_own_keeps_its_identity_when_columns_are_carried(tmp_path: Path) -> None:
    [row], notes = read(own_file(tmp_path), ReadConfig(carry=("language",)))
    kept = ("id", "source", "source_offset", "source_id", "url", "date", "metadata", "text", "language")
    assert [row[name] for name in kept] == ["0123", "first.jsonl", 77, "i", "u", "d", '{"a":1}', "a", "en"]
    assert notes == ["columns not carried: text_chars"]


def test_a_file_of_our_own_keeps_its_identity_without_carry_too(tmp_path: Path) -> None:
    [row], notes = read(own_file(tmp_path))
    kept = ("id", "source", "source_offset", "source_id", "url", "date", "metadata", "text")
    assert [row[name] for name in kept] == ["0123", "first.jsonl", 77, "i", "u", "d", '{"a":1}', "a"]
    assert notes == ["columns not carried: language, text_chars"]


def test_own_columns_of_any_type_are_carried(tmp_path: Path) -> None:
    columns = {
        "text": ["a", "b"],
        "minhash_cluster_size": pa.array([3, None], pa.int32()),
        "score": pa.array([0.5, 2], pa.float32()),
        "when": pa.array([0, None], pa.timestamp("us")),
        "kind": pa.array(["x", "y"]).dictionary_encode(),
        "meta": [{"layer": 2, "n": 1}, {"layer": None, "n": 2}],
        "json": ['{"deep": {"er": 7}}', "no object"],
    }
    types = {
        "minhash_cluster_size": "int32", "score": "float", "when": "timestamp[us]", "kind": "string", "meta.layer": "int64",
        "json.deep.er": "int64",
    }  # fmt: skip
    config = ReadConfig(carry=tuple(types), carry_types=types, metadata=False)
    [batch] = read_parquet(Shard(name="s", source="s", url=str(write(tmp_path, columns)), format="parquet"), config, [])
    assert {name: str(batch.schema.field(name).type) for name in types} == types
    assert batch.select(list(types)).to_pydict() == {
        "minhash_cluster_size": [3, None],
        "score": [0.5, 2],
        "when": [datetime(1970, 1, 1), None],
        "kind": ["x", "y"],
        "meta.layer": [2, None],
        "json.deep.er": [7, None],
    }


@pytest.mark.parametrize(
    ("schema", "config", "message"),
    [
        pytest.param({"a": pa.string(), "b": pa.int8()}, {}, "no column 'text' (choose from: a, b)", id="missing"),
        pytest.param({"text": pa.int64()}, {}, "column 'text' has type int64; text is required", id="no-text"),
        pytest.param(
            {"text": pa.string(), "language": pa.int8()},
            {"carry": ("language",)},
            "column 'language' has type int8; only string can be carried",
            id="carried-type",
        ),
    ],
)
def test_a_schema_that_does_not_fit_is_refused(schema: dict, config: dict, message: str) -> None:
    with pytest.raises(ValueError, match=r".") as raised:
        check_columns(pa.schema(schema), ReadConfig(**config))
    assert str(raised.value) == message


def test_a_column_name_that_occurs_twice_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^2 columns 'text' "):
        check_columns(pa.schema([("text", pa.string()), ("text", pa.string())]), ReadConfig())


@pytest.mark.parametrize(("name", "rows"), [("docs-00000", 5071), ("web-00000", 1754), ("web-00001", 1754)])
def test_real_files_are_read_whole(shared_data: Path, name: str, rows: int) -> None:
    path = shared_data / "web_text" / f"{name}.parquet"
    read_rows, notes = read(path)
    table = pq.read_table(path)
    assert (len(read_rows), notes, {row["dead_reason"] for row in read_rows}) == (rows, [], {None})
    for name, column in (("text", "text"), ("url", "url"), ("source_id", "id")):
        assert [row[name] for row in read_rows] == table[column].to_pylist()


def test_later_columns_of_one_name_get_another_one(tmp_path: Path) -> None:
    arrays = [pa.array(["t"]), pa.array(["u"]), pa.array(["v"]), pa.array([1]), pa.array([2]), pa.array([3])]
    table = pa.Table.from_arrays(arrays, ["text", "url", "url", "n", "n", "n"])
    pq.write_table(table, tmp_path / "x.parquet")
    rows, notes = read(tmp_path / "x.parquet")
    assert (rows[0]["url"], rows[0]["metadata"]) == ("u", '{"url_2":"v","n":1,"n_2":2,"n_3":3}')
    assert notes == [f"several columns have the name {name!r}; the later ones are {name}_2, ..." for name in ("n", "url")]
    assert read(tmp_path / "x.parquet", ReadConfig(metadata=False))[0][0]["url"] == "u"


@pytest.mark.parametrize(
    ("column", "name", "url"),
    [
        ([{"url": "u", "k": 1}], "m.url", "u"),
        ([{"a": {"b": "u"}}], "m.a.b", "u"),
        (['{"url": "u"}'], "m.url", "u"),
        ([None], "m.url", None),
        ([{"k": 1}], "m.url", None),
    ],
)
@pytest.mark.parametrize("metadata", [True, False])
def test_a_column_may_be_a_nested_field(tmp_path: Path, column: list, name: str, url: str | None, metadata: bool) -> None:
    path = write(tmp_path, {"text": ["t"], "m": pa.array(column)})
    rows, notes = read(path, ReadConfig(url_column=name, metadata=metadata))
    assert rows[0]["url"] == url
    missing = column == [{"k": 1}] or column == [None]
    assert notes == ([f"read.url_column: no document has {name!r}"] if missing else [])


def test_the_text_may_be_a_nested_field(tmp_path: Path) -> None:
    path = write(tmp_path, {"content": [{"body": "t"}, {"body": None}, None]})
    rows, _ = read(path, ReadConfig(text_column="content.body"))
    assert [(row["text"], row["dead_reason"]) for row in rows] == [("t", None)] + [(None, "'content.body' is null")] * 2


def test_a_part_in_which_all_texts_are_null_is_read(tmp_path: Path) -> None:
    rows, _ = read(write(tmp_path, {"text": pa.nulls(2), "url": ["a", "b"]}))
    assert [(row["url"], row["dead_reason"]) for row in rows] == [("a", "'text' is null"), ("b", "'text' is null")]


def test_folders_named_as_hive_names_them_give_columns(tmp_path: Path) -> None:
    path = write(tmp_path, {"text": ["t"], "n": [1]})
    shard = Shard(
        name="s", source="in/lang=de/n=2/date=2024/none=__HIVE_DEFAULT_PARTITION__/x.parquet", url=str(path), format="parquet"
    )
    [row] = [row for batch in read_parquet(shard, ReadConfig(), Notes()) for row in batch.to_pylist()]
    assert (row["date"], row["metadata"]) == ("2024", '{"n":1,"lang":"de"}')
