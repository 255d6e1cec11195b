"""JSON lines: one row or one dead letter for each line, however the file is cut or compressed."""

import gzip
import itertools
from pathlib import Path
from typing import Any

import orjson
import pytest
import zstandard
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from curricle.schemas.columns import READ_SCHEMA
from curricle.schemas.shards import Shard, document_id
from curricle.stages.read import lines
from curricle.stages.read.config import ReadConfig
from curricle.stages.read.jsonl import read_jsonl
from curricle.stages.read.notes import Notes


def read(
    path: Path, config: ReadConfig | None = None, start: int = 0, end: int | None = None, source: str = "in.jsonl"
) -> tuple[list[dict], list[str]]:
    notes = Notes()
    shard = Shard(name="s", source=source, url=str(path), format="jsonl", start=start, end=end)
    batches = list(read_jsonl(shard, config or ReadConfig(), notes))
    assert all(batch.schema == READ_SCHEMA for batch in batches)
    rows = [row for batch in batches for row in batch.to_pylist()]
    assert [row["id"] for row in rows] == [document_id(source, row["source_offset"]) for row in rows]
    assert len({row["id"] for row in rows}) == len(rows)
    return rows, notes


def read_bytes(tmp_path: Path, data: bytes, name: str = "x.jsonl", config: ReadConfig | None = None) -> list[dict]:
    (tmp_path / name).write_bytes(data)
    rows, notes = read(tmp_path / name, config)
    assert notes == []
    return rows


def outline(rows: list[dict]) -> list[tuple[int, str | None, str | None]]:
    return [(row["source_offset"], row["text"], row["dead_reason"]) for row in rows]


def test_a_line_gives_every_column(tmp_path: Path) -> None:
    data = b'{"z":1,"text":"a\\u0000b","url":"http://a/","id":"i","date":"2024","list":[1,{"b":null}],"a":"\xc3\xa9"}\n'
    assert read_bytes(tmp_path, data) == [
        {
            "id": document_id("in.jsonl", 0),
            "source": "in.jsonl",
            "source_offset": 0,
            "source_id": "i",
            "url": "http://a/",
            "date": "2024",
            "metadata": '{"z":1,"list":[1,{"b":null}],"a":"é"}',
            "text": "a\0b",
            "payload": None,
            "payload_type": None,
            "payload_truncated": None,
            "dead_stage": None,
            "dead_reason": None,
            "dead_bytes": None,
        }
    ]


def test_columns_are_named_by_the_config(tmp_path: Path) -> None:
    config = ReadConfig(text_column="content", url_column="u", id_column="n", date_column="crawled", metadata=False)
    [row] = read_bytes(tmp_path, b'{"content":"c","text":"t","u":["x"],"n":7,"crawled":1.5}', config=config)
    assert (row["text"], row["url"], row["source_id"], row["date"]) == ("c", '["x"]', "7", "1.5")
    assert row["metadata"] is None


def test_a_line_with_a_text_only_has_no_metadata(tmp_path: Path) -> None:
    [row] = read_bytes(tmp_path, b'{"text":"","url":null}')
    assert (row["text"], row["metadata"], row["url"], row["source_id"], row["date"]) == ("", None, None, None, None)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        pytest.param(b'{"text":"a\xff\xfe"}', "not UTF-8 at byte 10 of the line", id="invalid-utf-8"),
        pytest.param(b"\xc3", "not UTF-8 at byte 0 of the line", id="half-a-character"),
        pytest.param(b"[1,2,3]", "an array, not an object", id="array"),
        pytest.param(b'"text"', "a string, not an object", id="string"),
        pytest.param(b"5", "a number, not an object", id="number"),
        pytest.param(b"null", "null, not an object", id="null"),
        pytest.param(b"true", "a boolean, not an object", id="boolean"),
        pytest.param(b"{}", "no field 'text'", id="no-text"),
        pytest.param(b'{"text":null}', "'text' is null", id="text-null"),
        pytest.param(b'{"text":5}', "'text' is a number, not a string", id="text-number"),
        pytest.param(b'{"text":["a"]}', "'text' is an array, not a string", id="text-array"),
        pytest.param(b'{"text":{}}', "'text' is an object, not a string", id="text-object"),
        pytest.param(b'{"text":false}', "'text' is a boolean, not a string", id="text-boolean"),
        pytest.param(b'{"text":"a"', "not JSON: ", id="cut"),
        pytest.param(b'{"text":"a"}}', "not JSON: ", id="brace-too-many"),
        pytest.param(b'{"text":"a\0b"}', "not JSON: ", id="NUL-byte"),
        pytest.param(b'{"text":NaN}', "'text' is null", id="NaN"),
        pytest.param(b'{"text":"a","b":nan}', "not JSON: ", id="nan"),
        pytest.param(b'{"text":"a","b":NaN,}', "not JSON: ", id="comma-too-many"),
        pytest.param(b'{"text":"a","b":NaN}{}', "not JSON: ", id="two-objects"),
        pytest.param(b'{"text":"a","b":' + b"[" * 5000 + b"]" * 4999 + b"}", "not JSON: ", id="deep-and-not-closed"),
        pytest.param(b"\0" * 50, "not JSON: ", id="zeros"),
    ],
)
def test_a_bad_line_is_a_dead_letter_and_its_neighbours_live(tmp_path: Path, line: bytes, reason: str) -> None:
    good = b'{"text":"good"}\n'
    rows = read_bytes(tmp_path, good * 51 + line + b"\n" + good * 48)
    assert [row["text"] for row in rows] == ["good"] * 51 + [None] + ["good"] * 48
    bad = rows[51]
    assert bad["dead_reason"].startswith(reason) if reason.endswith(": ") else bad["dead_reason"] == reason
    assert "\n" not in bad["dead_reason"]
    assert (bad["source_offset"], bad["dead_stage"], bad["dead_bytes"]) == (len(good) * 51, "read", line[:200])
    assert [row["dead_reason"] for row in rows if row is not bad] == [None] * 99


@pytest.mark.parametrize(
    ("data", "offsets"),
    [
        pytest.param(b'{"text":"a"}', [0], id="no-line-feed-at-the-end"),
        pytest.param(b'{"text":"a"}\r\n{"text":"a"}\r\n', [0, 14], id="CRLF"),
        pytest.param(b'\xef\xbb\xbf{"text":"a"}\n{"text":"a"}', [0, 16], id="BOM"),
        pytest.param(b'\n \n\r\n\t{"text":"a"}\n\n\n{"text":"a"}\n\n', [5, 21], id="blank-lines"),
        pytest.param(b"", [], id="empty"),
        pytest.param(b"\n\n", [], id="blank-lines-only"),
        pytest.param(b"\xef\xbb\xbf", [], id="BOM-only"),
    ],
)
@pytest.mark.parametrize("kind", ["", ".gz", ".zst"])
def test_line_ends_and_offsets(tmp_path: Path, data: bytes, offsets: list[int], kind: str) -> None:
    rows = read_bytes(tmp_path, compress(data, kind), f"x.jsonl{kind}")
    assert outline(rows) == [(offset, "a", None) for offset in offsets]


def compress(data: bytes, kind: str) -> bytes:
    if kind == ".gz":
        return gzip.compress(data, mtime=0)
    return zstandard.ZstdCompressor(write_checksum=True).compress(data) if kind else data


DEEP = "[" * 5000 + "]" * 5000
ODD_VALUES = {
    "NaN": ("NaN", None),
    "infinity": ("Infinity", None),
    "minus infinity": ("-Infinity", None),
    "NaN inside": ('{"p":[0.5,NaN]}', {"p": [0.5, None]}),
    "over the range of a double": ("1e400", None),
    "under the range of a double": ("-1e400", None),
    "30 digits": ("123456789012345678901234567890", "123456789012345678901234567890"),
    "20 digits": ("-12345678901234567890", "-12345678901234567890"),
    "5,000 digits": ("9" * 5000, "9" * 5000),
    "30 digits inside": ('{"n":[123456789012345678901234567890]}', {"n": ["123456789012345678901234567890"]}),
    "a lone high surrogate": (r'"a\ud800b"', "a\ufffdb"),
    "a lone low surrogate": (r'"a\udc00"', "a\ufffd"),
    "a lone surrogate in a key": (r'{"\ud800":1}', {"\ufffd": 1}),
    "deep": (DEEP, DEEP),
    "deeper than JSON writers go": ("[" * 300 + "]" * 300, "[" * 300 + "]" * 300),
}


@pytest.mark.parametrize(("value", "expected"), ODD_VALUES.values(), ids=ODD_VALUES)
def test_an_odd_value_costs_neither_the_document_nor_its_other_fields(tmp_path: Path, value: str, expected: Any) -> None:
    path = tmp_path / "in.jsonl"
    line = '{"text":"good","a":' + value + ',"url":"u","b":[1,"x"]}'
    path.write_text(f'{{"text":"before"}}\n{line}\n{{"text":"after"}}\n')
    rows, notes = read(path)
    assert [row["text"] for row in rows] == ["before", "good", "after"]
    assert [row["dead_reason"] for row in rows] == [None] * 3
    assert rows[1]["url"] == "u"
    assert orjson.loads(rows[1]["metadata"]) == {"a": expected, "b": [1, "x"]}
    assert notes == ["values that JSON cannot hold, now null, text or U+FFFD: 1"]


@pytest.mark.parametrize("column", ["url", "id", "date"])
def test_a_long_number_in_a_named_column_keeps_its_digits(tmp_path: Path, column: str) -> None:
    path = tmp_path / "in.jsonl"
    path.write_text(f'{{"text":"a","{column}":123456789012345678901234567890}}')
    rows, notes = read(path)
    assert rows[0]["source_id" if column == "id" else column] == "123456789012345678901234567890"
    assert len(notes) == 1


def test_a_lone_surrogate_in_the_text_is_replaced_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    path.write_text(r'{"text":"a\ud83d b\ud83d\ude00"}')
    rows, notes = read(path)
    assert rows[0]["text"] == "a\ufffd b😀"
    assert notes == ["values that JSON cannot hold, now null, text or U+FFFD: 1"]


def test_usual_numbers_are_written_as_before(tmp_path: Path) -> None:
    [row] = read_bytes(tmp_path, b'{"text":"","a":18446744073709551615,"b":1e300,"c":-0.5,"d":1.0}')
    assert orjson.loads(row["metadata"]) == {"a": 18446744073709551615, "b": 1e300, "c": -0.5, "d": 1.0}


def test_a_mark_at_the_start_of_a_joined_part_is_no_damage(tmp_path: Path) -> None:
    rows = read_bytes(tmp_path, b'\xef\xbb\xbf{"text":"a"}\n' * 3)
    assert outline(rows) == [(0, "a", None), (16, "a", None), (32, "a", None)]


NESTED = {
    "inside an object": (b'{"text":"t","metadata":{"url":"u","k":1}}', "metadata.url", "u", '{"metadata":{"k":1}}'),
    "a name with hyphens": (b'{"text":"t","h":{"warc-target-uri":"u"}}', "h.warc-target-uri", "u", '{"h":{}}'),
    "two levels": (b'{"text":"t","a":{"b":{"c":"u"}}}', "a.b.c", "u", '{"a":{"b":{}}}'),
    "a literal name comes first": (b'{"text":"t","a.b":"u","a":{"b":"v"}}', "a.b", "u", '{"a":{"b":"v"}}'),
    "a literal name on the way": (b'{"text":"t","a.b":{"c":"u"}}', "a.b.c", "u", '{"a.b":{}}'),
    "inside a text that holds JSON": (b'{"text":"t","m":"{\\"url\\":\\"u\\"}"}', "m.url", "u", '{"m":"{\\"url\\":\\"u\\"}"}'),
    "not there": (b'{"text":"t","m":{"x":1}}', "m.url", None, '{"m":{"x":1}}'),
    "not an object": (b'{"text":"t","m":5}', "m.url", None, '{"m":5}'),
}


@pytest.mark.parametrize(("line", "name", "url", "metadata"), NESTED.values(), ids=NESTED)
def test_a_column_may_be_a_nested_field(tmp_path: Path, line: bytes, name: str, url: str | None, metadata: str) -> None:
    path = tmp_path / "in.jsonl"
    path.write_bytes(line)
    rows, notes = read(path, ReadConfig(url_column=name))
    assert (rows[0]["url"], rows[0]["metadata"]) == (url, metadata)
    assert notes == ([] if url else [f"read.url_column: no document has {name!r}"])


def test_the_text_may_be_a_nested_field(tmp_path: Path) -> None:
    [row] = read_bytes(tmp_path, b'{"content":{"body":"t","n":1}}', config=ReadConfig(text_column="content.body"))
    assert (row["text"], row["metadata"]) == ("t", '{"content":{"n":1}}')


def test_usual_names_that_are_absent_are_not_noted(tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    path.write_bytes(b'{"text":"t"}')
    assert read(path)[1] == []


def test_folders_named_as_hive_names_them_give_columns(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(b'{"text":"t","k":1}\n{"text":"t","lang":"en"}')
    folder = "in/lang=de/date=2024-05-01/empty=__HIVE_DEFAULT_PARTITION__/name=a%2Fb"
    rows, _ = read(path, source=f"{folder}/x=1.jsonl")
    assert [row["date"] for row in rows] == ["2024-05-01"] * 2
    assert [row["metadata"] for row in rows] == ['{"k":1,"lang":"de","name":"a/b"}', '{"lang":"en","name":"a/b"}']


@pytest.mark.parametrize("kind", ["", ".gz", ".zst"])
def test_a_line_of_50_mb_is_one_row(tmp_path: Path, kind: str) -> None:
    text = "0123456789é" * 4_200_000
    data = b'{"text":"a"}\n' + orjson.dumps({"text": text}) + b'\n{"text":"b"}\n'
    rows = read_bytes(tmp_path, compress(data, kind), f"x.jsonl{kind}")
    assert [row["source_offset"] for row in rows] == [0, 13, len(data) - 13]
    assert [row["text"] for row in rows] == ["a", text, "b"]


@pytest.mark.parametrize("size", [1001, 300_000, 3_000_000])
@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize("kind", ["", ".gz", ".zst"])
def test_a_line_over_the_limit_is_one_dead_letter(tmp_path: Path, size: int, last: bool, kind: str) -> None:
    line = b'{"text":"a"}'
    data = line + b"\n" + b"x" * size + (b"" if last else b"\n" + line)
    rows = read_bytes(tmp_path, compress(data, kind), f"x.jsonl{kind}", ReadConfig(max_record_bytes=1000))
    expected = [(0, "a", None), (13, None, f"the line has {size} bytes, more than 1000"), (13 + size + 1, "a", None)]
    assert outline(rows) == expected[: 2 if last else 3]
    assert rows[1]["dead_bytes"] == b"x" * 200


def test_a_line_of_exactly_the_limit_lives(tmp_path: Path) -> None:
    assert outline(read_bytes(tmp_path, b'{"text":"a"}\n', config=ReadConfig(max_record_bytes=12))) == [(0, "a", None)]


LINES = st.sampled_from([b'{"text":"a"}', b'{"text":"longer text","n":1}', b"bad", b"", b"\r", b"  ", b"\xff", b"x" * 40])


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    content=st.lists(LINES, max_size=12),
    ended=st.booleans(),
    cuts=st.lists(st.integers(0, 400), max_size=6),
    block=st.integers(1, 50),
)
@example(content=[b'{"text":"a"}'] * 3, ended=True, cuts=[12, 13, 14], block=1)
def test_any_splitting_gives_the_same_rows(tmp_path: Path, content, ended, cuts, block) -> None:
    """Lines belong to the range in which they begin: ranges side by side give the whole file's rows and ids."""
    data = b"\n".join(content) + (b"\n" if ended else b"")
    path = tmp_path / "x.jsonl"
    path.write_bytes(data)
    config = ReadConfig(max_record_bytes=35, batch_rows=3)
    whole, _ = read(path, config)
    edges = [0, *sorted(cut for cut in cuts if cut <= len(data)), len(data)]
    before, lines.BLOCK = lines.BLOCK, block
    try:
        parts = [row for start, end in itertools.pairwise(edges) for row in read(path, config, start, end)[0]]
    finally:
        lines.BLOCK = before
    assert parts == whole


MEMBERS = [b"".join(b'{"text":"%d"}\n' % n for n in range(start, start + 1000)) for start in range(0, 5000, 1000)]


@pytest.mark.parametrize("kind", [".gz", ".zst"])
def test_members_side_by_side_are_one_stream(tmp_path: Path, kind: str) -> None:
    data = b"".join(MEMBERS)
    rows = read_bytes(
        tmp_path, b"".join(compress(data[at : at + 777], kind) for at in range(0, len(data), 777)), f"x.jsonl{kind}"
    )
    assert [row["text"] for row in rows] == [str(n) for n in range(5000)]


@pytest.mark.parametrize("kind", [".gz", ".zst"])
def test_a_damaged_member_costs_none_of_the_others(tmp_path: Path, kind: str) -> None:
    members = [compress(member, kind) for member in MEMBERS]
    at = len(members[2]) // 2
    members[2] = members[2][:at] + b"\xff" * 20 + members[2][at + 20 :]
    path = tmp_path / f"x.jsonl{kind}"
    path.write_bytes(b"".join(members))
    rows, notes = read(path)
    place = next(n for n, row in enumerate(rows) if "stored byte" in (row["dead_reason"] or ""))
    assert [row["text"] for row in rows[:2000]] == [str(n) for n in range(2000)]
    assert [row["text"] for row in rows[place + 1 :]] == [str(n) for n in range(3000, 5000)]
    name, stored = {".gz": "gzip", ".zst": "zstd"}[kind], sum(map(len, members[:2]))
    reasons = [f"{name} {what} (stored byte {stored})" for what in ("data is damaged", "checksum is wrong")]
    assert rows[place]["dead_reason"] in reasons
    # What decodes before the damage is noticed is kept, and the note says that it may be wrong.
    assert [row["text"] for row in rows[2000:2300]] == [str(n) for n in range(2000, 2300)]
    assert notes == ["damaged members read in part: 1 (rows from them that look whole may be wrong)"]


@pytest.mark.parametrize("kind", [".gz", ".zst"])
def test_a_cut_stream_keeps_the_lines_before_and_ends_with_one_dead_letter(tmp_path: Path, kind: str) -> None:
    text = [orjson.dumps({"text": f"{n} " + "y" * (n * 7919 % 400)}) + b"\n" for n in range(5000)]
    data = compress(b"".join(text), kind)
    rows = read_bytes(tmp_path, data[: len(data) * 2 // 3], f"x.jsonl{kind}")
    *good, bad = rows
    assert len(good) > 2000
    assert [row["text"].split()[0] for row in good] == [str(n) for n in range(len(good))]
    assert bad["dead_reason"].startswith("the file ends inside a ")
    assert bad["source_offset"] == sum(map(len, text[: len(good)]))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cut=st.integers(1, 2000), kind=st.sampled_from([".gz", ".zst"]))
def test_a_stream_cut_anywhere_gives_a_beginning_of_its_lines(tmp_path: Path, cut: int, kind: str) -> None:
    data = compress(MEMBERS[0], kind)
    rows = read_bytes(tmp_path, data[:cut], f"x.jsonl{kind}")
    good = [row["text"] for row in rows if row["dead_reason"] is None]
    assert good == [str(n) for n in range(len(good))]
    assert [row["dead_reason"] is None for row in rows] == [True] * len(good) + [False] * (cut < len(data))


def test_the_rest_of_a_line_behind_damage_is_no_second_dead_letter(tmp_path: Path) -> None:
    data = b"".join(MEMBERS)
    members = [gzip.compress(data[at : at + 5001]) for at in range(0, len(data), 5001)]
    members[3] = members[3][:-8] + bytes(8)
    (tmp_path / "x.jsonl.gz").write_bytes(b"".join(members))
    rows, _ = read(tmp_path / "x.jsonl.gz")
    assert sum(row["dead_reason"] is not None for row in rows) == 1
    texts = [int(row["text"]) for row in rows if row["text"]]
    assert texts == sorted(texts)
    # Only the line over the edge between the damaged member and the next is lost: the checksum alone was wrong.
    assert len(texts) == 4999


def test_what_follows_the_stream_is_one_dead_letter(tmp_path: Path) -> None:
    data = gzip.compress(b'{"text":"a"}\n')
    rows = read_bytes(tmp_path, data + b"trailing", "x.jsonl.gz")
    assert outline(rows) == [(0, "a", None), (13, None, f"no gzip member starts here (stored byte {len(data)})")]
    assert rows[1]["dead_bytes"] == b"trailing"


def test_zeros_behind_the_stream_are_only_noted(tmp_path: Path) -> None:
    data = gzip.compress(b'{"text":"a"}\n')
    (tmp_path / "x.jsonl.gz").write_bytes(data + bytes(512))
    rows, notes = read(tmp_path / "x.jsonl.gz")
    assert (outline(rows), notes) == ([(0, "a", None)], [f"512 zero bytes at byte {len(data)}"])


def test_batches_are_bounded_in_bytes_and_rows(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(b'{"text":"a"}\n' * 10)
    shard = Shard(name="s", source="s", url=str(path), format="jsonl")
    assert [len(batch) for batch in read_jsonl(shard, ReadConfig(batch_rows=4), [])] == [4, 4, 2]
    assert [len(batch) for batch in read_jsonl(shard, ReadConfig(batch_bytes=24), [])] == [2] * 5


def test_carried_columns_are_columns_and_no_metadata(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(
        b'{"text":"a","language":"en","size":3,"meta":{"layer":2,"x":1},"tags":["p","q"],"other":[1]}\n'
        b'{"text":"b","size":"4","tags":null}\n'
        b"not json\n"
        b'{"text":"c","size":"many","meta":{"layer":2.0},"tags":"p"}\n'
        b'{"text":"d","size":true,"meta":{"layer":[]}}\n'
    )
    types = {"size": "int64", "meta.layer": "int32", "tags": "list<string>"}
    config = ReadConfig(carry=("language", "size", "meta.layer", "tags", "quality_overall_raw"), carry_types=types)
    notes: list[str] = []
    [batch] = read_jsonl(Shard(name="s", source="s", url=str(path), format="jsonl"), config, notes)
    assert batch.schema.names == [*READ_SCHEMA.names, *config.carry]
    columns = batch.select(["language", "size", "meta.layer", "tags", "quality_overall_raw"]).to_pydict()
    assert columns == {
        "language": ["en", None, None, None, None],
        "size": [3, 4, None, None, None],
        "meta.layer": [2, None, None, 2, None],
        "tags": [["p", "q"], None, None, None, None],
        "quality_overall_raw": [None] * 5,
    }
    assert batch.column("metadata").to_pylist() == ['{"meta":{"x":1},"other":[1]}', None, None, '{"meta":{}}', '{"meta":{}}']
    assert batch.column("dead_reason").null_count == 4
    assert notes == [
        "values that are no int64, null in the carried column 'size': 2",
        "values that are no int32, null in the carried column 'meta.layer': 1",
        "values that are no list<item: string>, null in the carried column 'tags': 1",
    ]


def test_a_real_file_is_read_whole(shared_data: Path) -> None:
    rows, notes = read(shared_data / "web_text" / "web-sample.jsonl.zst")
    assert (len(rows), notes, {row["dead_reason"] for row in rows}) == (450, [], {None})
    assert rows[0]["source_id"] == "d2e6108277c0e878"
    assert all(orjson.loads(row["metadata"]).keys() == {"source"} for row in rows)
