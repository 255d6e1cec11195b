"""CSV and TSV: one row or one dead letter for each row, however values are quoted and the file is compressed."""

import bz2
import gzip
import lzma
from pathlib import Path

import pytest
import zstandard

from curricle.schemas.columns import READ_SCHEMA
from curricle.schemas.shards import Shard, document_id
from curricle.stages.read.config import ReadConfig
from curricle.stages.read.csv import read_csv
from curricle.stages.read.notes import Notes


def read(tmp_path: Path, data: bytes, name: str = "x.csv", config: ReadConfig | None = None, source: str = "x") -> list[dict]:
    path = tmp_path / name
    path.write_bytes(data)
    batches = list(read_csv(Shard(name="s", source=source, url=str(path), format="csv"), config or ReadConfig(), Notes()))
    assert all(batch.schema == READ_SCHEMA for batch in batches)
    rows = [row for batch in batches for row in batch.to_pylist()]
    assert [row["source_offset"] for row in rows] == list(range(len(rows)))
    assert [row["id"] for row in rows] == [document_id(source, offset) for offset in range(len(rows))]
    return rows


def outline(rows: list[dict]) -> list[tuple[str | None, str | None, str | None]]:
    return [(row["text"], row["url"], row["dead_reason"]) for row in rows]


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize(("name", "delimiter"), [("x.csv", ","), ("x.TSV", "\t"), ("x.tsv", "\t")])
def test_values_may_hold_quotes_delimiters_and_line_ends(tmp_path, mark, end, name, delimiter):
    lines = ["text,url,n", '"a ""b"", c\nd",u,5', ",,", "e,v,6"]
    data = mark + end.join(lines).replace(",", delimiter).encode() + end.encode()
    rows = read(tmp_path, data, name)
    first = 'a "b", c\nd'.replace(",", delimiter).replace("\n", end if end == "\n" else "\n")
    assert outline(rows) == [(first, "u", None), ("", "", None), ("e", "v", None)]
    assert [row["metadata"] for row in rows] == ['{"n":"5"}', '{"n":""}', '{"n":"6"}']


def pack_zstd(data: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(data)


@pytest.mark.parametrize(
    ("suffix", "pack"), [(".gz", gzip.compress), (".zst", pack_zstd), (".bz2", bz2.compress), (".xz", lzma.compress)]
)
def test_a_compressed_table_is_read(tmp_path, suffix, pack):
    assert outline(read(tmp_path, pack(b"text,url\na,b\n"), f"x.csv{suffix}")) == [("a", "b", None)]
    assert outline(read(tmp_path, pack(b"text\turl\na\tb\n"), f"x.tsv{suffix}")) == [("a", "b", None)]


def test_a_bad_row_costs_no_other(tmp_path):
    rows = read(tmp_path, b"text,url\na,b\nonly\nc,d,e\nf,g\n\xff,h\ni,j\nk\n")
    few, many = (f"{count} values, and the first row names 2 columns" for count in (1, 3))
    assert outline(rows) == [
        ("a", "b", None),
        (None, None, few),
        (None, None, many),
        ("f", "g", None),
        (None, "h", "'text' is not UTF-8"),
        ("i", "j", None),
        (None, None, few),
    ]
    assert rows[2]["dead_bytes"] == b"c,d,e"


def test_bad_rows_in_many_blocks_keep_their_places(tmp_path):
    lines = ["bad" if number % 1000 == 7 else f"text {number} {'x' * 2000},u" for number in range(12_000)]
    rows = read(tmp_path, "\n".join(["text,url", *lines, ""]).encode())
    assert [row["text"] for row in rows] == [None if line == "bad" else line[:-2] for line in lines]


def test_a_cut_file_is_one_dead_letter_behind_its_whole_rows(tmp_path):
    data = gzip.compress(b"".join(b"text %d,u\n" % number for number in range(100_000)))
    rows = read(tmp_path, gzip.compress(b"text,url\n") + data[: len(data) // 2], "x.csv.gz")
    assert len(rows) > 1000
    assert rows[-1]["dead_reason"].startswith("the file ends inside a gzip member")
    assert [row["text"] for row in rows[:1000]] == [f"text {number}" for number in range(1000)]


def test_a_quote_that_does_not_end_costs_the_rest_only(tmp_path):
    rows = read(tmp_path, b'text,url\na,b\n"c,d\n' + b"e,f\n" * 100)
    assert outline(rows)[0] == ("a", "b", None)
    assert all(row["dead_reason"] for row in rows[1:])


@pytest.mark.parametrize(
    ("data", "message"),
    [(b"a,b\n1,2\n", r"no column 'text' \(choose from: a, b\)"), (b"", "no row with the names of the columns")],
)
def test_a_table_without_the_column_is_refused(tmp_path, data, message):
    with pytest.raises(ValueError, match=message):
        read(tmp_path, data)


def test_columns_may_be_named_and_the_path_gives_some(tmp_path):
    config = ReadConfig(text_column="body", url_column="link")
    rows = read(tmp_path, b"body,link,body_html\nt,u,h\n", config=config, source="in/lang=de/x.csv")
    assert outline(rows) == [("t", "u", None)]
    assert rows[0]["metadata"] == '{"body_html":"h","lang":"de"}'
