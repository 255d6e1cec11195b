"""What a file is: the name says it and the content must agree."""

import bz2
import gzip
import lzma

import pytest
import zstandard

from curricle.stages.read.formats import format_of, why_not_in_folder

WARC = b"WARC/1.0\r\nWARC-Type: warcinfo\r\n"
JSONL = b'{"text":"a"}\n'
PARQUET = b"PAR1\x15\x04"


def gz(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


def zstd(data: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(data)


@pytest.mark.parametrize(
    ("name", "head", "expected"),
    [
        ("x.warc", WARC, "warc"),
        ("x.WARC.GZ", gz(WARC), "warc"),
        ("x.warc.zst", zstd(WARC), "warc"),
        ("x.warc.wet.gz", gz(WARC), "warc"),
        ("x.wet", b"\r\n" + WARC, "warc"),
        ("x.jsonl", JSONL, "jsonl"),
        ("x.jsonl", b"\xef\xbb\xbf\n " + JSONL, "jsonl"),
        ("x.ndjson.gz", gz(JSONL), "jsonl"),
        ("x.jsonl.zst", zstd(JSONL), "jsonl"),
        ("c4-train.00000-of-01024.json.gz", gz(JSONL), "jsonl"),
        ("x.parquet", PARQUET, "parquet"),
        ("x.pq", PARQUET, "parquet"),
        ("no suffix", WARC, "warc"),
        ("x.json", JSONL, "jsonl"),
        ("x.warc.gz.bad", gz(WARC), "warc"),
        ("x.dat", PARQUET, "parquet"),
        ("x.txt.zst", zstd(JSONL), "jsonl"),
        ("x.txt", b"plain", "text"),
        ("x.txt.gz", gz(b"plain"), "text"),
        ("x.txt", b"", "text"),
        ("x.jsonl", b"", "jsonl"),
        ("x.parquet", b"", "parquet"),
        ("x.jsonl.gz", gz(b""), "jsonl"),
        ("x.jsonl.bz2", bz2.compress(JSONL), "jsonl"),
        ("x.jsonl.xz", lzma.compress(JSONL), "jsonl"),
        ("x.jsonl.gzip", gz(JSONL), "jsonl"),
        ("x.json.zstd", zstd(JSONL), "jsonl"),
        ("x.warc.bz2", bz2.compress(WARC), "warc"),
        ("part-00000", JSONL, "jsonl"),
        ("part-00000.gz", gz(JSONL), "jsonl"),
        ("x.csv", b"text,url\n", "csv"),
        ("x.tsv.xz", lzma.compress(b"text\turl\n"), "csv"),
    ],
)
def test_name_and_content_agree(name: str, head: bytes, expected: str) -> None:
    assert format_of(name, head) == expected


@pytest.mark.parametrize(
    ("name", "head", "expected"),
    [
        pytest.param("x.jsonl", b"broken line\n" + JSONL, "jsonl", id="first-line"),
        pytest.param("x.jsonl", b"[1,2,3]\n" + JSONL, "jsonl", id="first-line-an-array"),
        pytest.param("x.warc", b"junk" * 100 + WARC, "warc", id="first-record"),
        pytest.param("x.warc.gz", gz(WARC)[:10] + b"\x07" * 30, "warc", id="first-member"),
        pytest.param("x.warc.gz", b"junk" + gz(WARC), "warc", id="before-the-first-member"),
        pytest.param("x.jsonl.zst", zstd(JSONL)[:9], "jsonl", id="cut-frame"),
    ],
)
def test_damage_at_the_start_is_left_to_the_reader(name: str, head: bytes, expected: str) -> None:
    assert format_of(name, head) == expected


@pytest.mark.parametrize(
    ("name", "head", "message"),
    [
        ("x.jsonl", WARC, "the content does not match the name: it is WARC"),
        ("x.jsonl", PARQUET, "the content does not match the name: it is Parquet"),
        ("x.warc", JSONL, "the content does not match the name: it is JSON lines"),
        ("x.parquet", JSONL, "the content does not match the name: it is JSON lines"),
        ("x.parquet", b"PK\3\4", "the content does not match the name: it is a zip archive"),
        ("x.parquet", b"data", "the content does not match the name: it is not Parquet, but begins with 'data'"),
        ("x.warc.gz", WARC, "the content does not match the name: it is not compressed"),
        ("x.warc", gz(WARC), "the content does not match the name: it is gzip"),
        ("x.jsonl.gz", zstd(JSONL), "the content does not match the name: it is zstd"),
        ("x.jsonl.gz", gz(WARC), "the content does not match the name: it is WARC"),
        ("x.jsonl.gz", gz(gz(JSONL)), "the content does not match the name: it is compressed twice"),
        ("x.jsonl.gz", b"\x1f\x8b", "the content does not match the name: it is not compressed"),
        ("x.warc.gz", gz(b"a" * 300), "the content does not match the name: it is not WARC, but begins with 'aaaaaaaaaaaaaaaa'"),
        (
            "x.jsonl",
            b"plain text\n",
            "the content does not match the name: it is not JSON lines, but begins with 'plain text\\n'",
        ),
        ("x.jsonl", b'[\n{"text":"a"}]', "the content does not match the name: it is one JSON array, not JSON lines"),
        ("x.jsonl", b'[{"text":"a"}]', "the content does not match the name: it is one JSON array, not JSON lines"),
        (
            "x.jsonl",
            b'{\n "text":"a"}',
            "the content does not match the name: it is one JSON document over several lines, not JSON lines",
        ),
        ("x.jsonl", b"<!DOCTYPE html>{", "the content does not match the name: it is HTML or XML"),
        ("x.jsonl", "{}".encode("utf-16"), "the content does not match the name: it is UTF-16 text"),
        ("x.jsonl.gz", gz(b"\0" * 257 + b"ustar"), "the content does not match the name: it is a tar archive"),
        ("x.doc", b"plain", "unknown format (known: WARC, JSON lines, Parquet, .csv, .tsv, .txt): it begins with 'plain'"),
        ("x.txt", b"BZh9", "the content does not match the name: it is bzip2"),
        ("x.txt", gz(b"plain"), "the content does not match the name: it is gzip"),
        ("x.jsonl.bz2", gz(JSONL), "the content does not match the name: it is gzip"),
        ("x.doc", b"", "the file is empty, and its name does not tell its format"),
    ],
)
def test_a_file_that_is_something_else_is_refused(name: str, head: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=r".") as raised:
        format_of(name, head)
    assert str(raised.value) == message


@pytest.mark.parametrize(
    ("name", "head", "reason"),
    [
        ("x.jsonl", b"", None),
        ("x.warc.gz", b"", None),
        ("x.jsonl.bz2", b"", None),
        ("X.JSONL.GZ", b"", None),
        ("part-00000", JSONL, None),
        ("part-00000.bz2", bz2.compress(JSONL), None),
        ("x.json", JSONL * 2, None),
        ("x.json", JSONL, "is one JSON document"),
        ("x.json", b'{\n"a":1}', "is one JSON document over several lines, not JSON lines"),
        ("x.json", b'[{"a":1}]', "is one JSON array, not JSON lines"),
        ("x.jsonl.part", JSONL, "looks unfinished"),
        ("notes.txt", b"Notes", "plain text is read only if it is named"),
        ("labels.csv", b"a,b", "a table is read only if it is named"),
        ("README.md", b"# Notes", "begins with '# Notes'"),
        ("x.lz4", b"\x04\x22\x4d\x18", "is lz4"),
        ("nothing", b"", "is empty"),
    ],
)
def test_files_of_a_folder_are_read_by_what_they_are(name: str, head: bytes, reason: str | None) -> None:
    assert why_not_in_folder(name, head) == reason
