"""WARC files: which records are documents, and that damage costs its own record only."""

import gzip
import re
from pathlib import Path

import orjson
import pytest
import zstandard
from fastwarc.warc import ArchiveIterator, WarcRecordType
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from curricle.schemas.columns import READ_SCHEMA
from curricle.schemas.shards import Shard, document_id
from curricle.stages.read.compressed import Bzip2, Gzip, Xz, Zstd
from curricle.stages.read.config import ReadConfig
from curricle.stages.read.notes import Notes
from curricle.stages.read.warc import read_warc

HTML = b"<html><p>%s</p></html>"


def record(block: bytes, kind: str = "response", *, url: str = "http://a.example/", length: int | None = None, **extra: str):
    lines = ["WARC/1.0", f"WARC-Type: {kind}", f"WARC-Target-URI: {url}", "WARC-Date: 2024-01-02T03:04:05Z"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in extra.items()]
    lines += [f"Content-Length: {len(block) if length is None else length}", "", ""]
    return "\r\n".join(lines).encode() + block + b"\r\n\r\n"


def page(body: bytes, *headers: str, status: str = "200 OK", content_type: str | None = "text/html") -> bytes:
    lines = [f"HTTP/1.1 {status}", *([f"Content-Type: {content_type}"] if content_type else []), *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def numbered(count: int) -> list[bytes]:
    return [record(page(HTML % str(n).encode() * 50), WARC_Record_ID=f"<urn:uuid:{n}>") for n in range(count)]


def read(path: Path, config: ReadConfig | None = None) -> tuple[list[dict], list[str]]:
    notes = Notes()
    shard = Shard(name="s", source="in.warc", url=str(path), format="warc")
    batches = list(read_warc(shard, config or ReadConfig(), notes))
    assert all(batch.schema == READ_SCHEMA for batch in batches)
    rows = [row for batch in batches for row in batch.to_pylist()]
    assert [row["id"] for row in rows] == [document_id("in.warc", row["source_offset"]) for row in rows]
    assert len({row["id"] for row in rows}) == len(rows)
    assert [row["source_offset"] for row in rows] == sorted(row["source_offset"] for row in rows)
    return rows, notes


def read_bytes(tmp_path: Path, data: bytes, name: str = "x.warc", config: ReadConfig | None = None):
    path = tmp_path / name
    path.write_bytes(data)
    return read(path, config)


def dead(rows: list[dict]) -> list[tuple[int, str]]:
    return [(row["source_offset"], row["dead_reason"]) for row in rows if row["dead_reason"]]


def good(rows: list[dict]) -> list[str]:
    return [row["source_id"] for row in rows if row["dead_reason"] is None]


def ids(numbers) -> list[str]:
    return [f"urn:uuid:{n}" for n in numbers]


def test_a_response_gives_every_column(tmp_path: Path) -> None:
    first = record(b"software: x", "warcinfo")
    extra = {"WARC_Record_ID": "<urn:uuid:1>", "WARC_IP_Address": "1.2.3.4", "Content_Type": "application/http"}
    data = first + record(page(HTML % b"x", content_type="text/html; charset=latin-1"), url="<http://a b/>", **extra)
    rows, notes = read_bytes(tmp_path, data)
    assert rows == [
        {
            "id": document_id("in.warc", len(first)),
            "source": "in.warc",
            "source_offset": len(first),
            "source_id": "urn:uuid:1",
            "url": "http://a b/",
            "date": "2024-01-02T03:04:05Z",
            "metadata": '{"WARC-IP-Address":"1.2.3.4","Content-Type":"application/http"}',
            "text": None,
            "payload": HTML % b"x",
            "payload_type": "text/html; charset=latin-1",
            "payload_truncated": False,
            "dead_stage": None,
            "dead_reason": None,
            "dead_bytes": None,
        }
    ]
    assert notes == ["skipped: 1 warcinfo"]
    assert read(tmp_path / "x.warc", ReadConfig(metadata=False))[0][0]["metadata"] is None


def test_a_wet_record_gives_text_and_keeps_its_language_header(tmp_path: Path) -> None:
    data = record("Grüße\nNUL \0".encode(), "conversion", WARC_Identified_Content_Language="deu", Content_Type="text/plain")
    rows, _ = read_bytes(tmp_path, data)
    assert (rows[0]["text"], rows[0]["payload"], rows[0]["payload_type"]) == ("Grüße\nNUL \0", None, None)
    assert orjson.loads(rows[0]["metadata"]) == {"WARC-Identified-Content-Language": "deu", "Content-Type": "text/plain"}


def test_a_wet_text_cut_inside_a_character_lives_and_one_in_another_encoding_is_dead(tmp_path: Path) -> None:
    data = record("Grüße aus Köln é".encode()[:-1], "conversion") + record("Привет".encode("cp1251"), "conversion")
    rows, notes = read_bytes(tmp_path, data)
    assert rows[0]["text"] == "Grüße aus Köln \ufffd"
    assert (rows[1]["text"], rows[1]["dead_reason"]) == (None, "the text is not UTF-8")
    assert (rows[1]["dead_stage"], rows[1]["dead_bytes"]) == ("read", "Привет".encode("cp1251"))
    assert notes == ["texts with invalid UTF-8 replaced: 1"]


@pytest.mark.parametrize(
    ("block", "kind", "headers", "note"),
    [
        pytest.param(page(b"\x89PNG", content_type="image/png"), "response", {}, "1 response of image/png", id="image"),
        pytest.param(page(b"", status="404 No"), "response", {}, "1 response with status 404", id="status"),
        pytest.param(page(b"text only", content_type=None), "response", {}, "1 response of no type", id="no-type-no-html"),
        pytest.param(page(b"<html>", content_type="text/plain"), "response", {}, "1 response of text/plain", id="plain-stays"),
        pytest.param(b"a. IN A", "response", {"Content_Type": "text/dns"}, "1 response of text/dns", id="dns"),
        pytest.param(b"GET / HTTP/1.1\r\n\r\n", "request", {}, "1 request", id="request"),
        pytest.param(b"", "revisit", {}, "1 revisit", id="revisit"),
        pytest.param(b"{}", "metadata", {}, "1 metadata", id="metadata"),
        pytest.param(b"x", "resource", {"Content_Type": "image/gif"}, "1 resource of image/gif", id="resource"),
        pytest.param(b"x", "", {}, "1 records without a type", id="no-warc-type"),
    ],
)
def test_a_record_that_is_no_page_is_counted_and_gives_no_row(tmp_path, block, kind, headers, note) -> None:
    assert read_bytes(tmp_path, record(block, kind, **headers)) == ([], [f"skipped: {note}"])


@pytest.mark.parametrize(
    ("block", "kind", "headers", "payload_type"),
    [
        pytest.param(page(b" <!DOCTYPE html><p>", content_type=None), "response", {}, None, id="no-type-but-html"),
        pytest.param(page(b"<p>x", content_type="unknown/unknown"), "response", {}, "unknown/unknown", id="unknown-type"),
        pytest.param(page(b"x", content_type="Application/XHTML+XML"), "response", {}, "Application/XHTML+XML", id="xhtml"),
        pytest.param(b"HTTP/1.0 200\nContent-Type: text/html\n\nx", "response", {}, "text/html", id="line-feeds-only"),
        pytest.param(b"<p>x", "resource", {"Content_Type": "text/html"}, "text/html", id="resource"),
    ],
)
def test_a_page_is_known_by_type_or_look(tmp_path, block, kind, headers, payload_type) -> None:
    rows, notes = read_bytes(tmp_path, record(block, kind, **headers))
    assert [(row["dead_reason"], row["payload_type"]) for row in rows] == [(None, payload_type)]
    assert rows[0]["payload"] in block
    assert notes == []


def test_other_statuses_are_documents_if_the_config_says_so(tmp_path: Path) -> None:
    data = record(page(b"<p>gone", status="404 Not Found"))
    assert len(read_bytes(tmp_path, data, config=ReadConfig(statuses=(200, 404)))[0]) == 1
    assert len(read_bytes(tmp_path, data, config=ReadConfig(statuses=()))[0]) == 1


def test_a_response_without_a_status_line_is_dead(tmp_path: Path) -> None:
    rows, _ = read_bytes(tmp_path, record(b"<html>no http", Content_Type="application/http"))
    assert dead(rows) == [(0, "the response has no HTTP status line")]
    assert (rows[0]["url"], rows[0]["dead_bytes"]) == ("http://a.example/", b"<html>no http")


def test_folded_and_doubled_headers_are_kept(tmp_path: Path) -> None:
    data = record(page(b"<p>")).replace(b"WARC-Date", b"X-A: 1\r\n 2\r\nX-B: 1\r\nX-B: 2\r\nX-B: 3\r\nWARC-Date")
    assert orjson.loads(read_bytes(tmp_path, data)[0][0]["metadata"]) == {"X-A": "1 2", "X-B": ["1", "2", "3"]}


def compress_each(records: list[bytes], kind: str) -> list[bytes]:
    if kind == ".gz":
        return [gzip.compress(item, mtime=0) for item in records]
    return [zstandard.ZstdCompressor(write_checksum=True).compress(item) for item in records] if kind else records


@pytest.mark.parametrize("kind", ["", ".gz", ".zst"])
def test_offsets_are_those_of_the_stored_records(tmp_path: Path, kind: str) -> None:
    members = compress_each(numbered(30), kind)
    rows, notes = read_bytes(tmp_path, b"".join(members), f"x.warc{kind}")
    assert [row["source_offset"] for row in rows] == [sum(map(len, members[:n])) for n in range(30)]
    assert good(rows) == ids(range(30))
    assert notes == []


def test_a_file_compressed_as_one_member_counts_records_from_its_start(tmp_path: Path) -> None:
    rows, _ = read_bytes(tmp_path, gzip.compress(b"".join(numbered(40))), "x.warc.gz")
    assert [row["source_offset"] for row in rows] == list(range(40))
    assert good(rows) == ids(range(40))


def test_blocks_that_do_not_begin_with_records_are_one_stream(tmp_path: Path) -> None:
    data = b"".join(numbered(40))
    members = [gzip.compress(data[at : at + 1000]) for at in range(0, len(data), 1000)]
    rows, _ = read_bytes(tmp_path, b"".join(members), "x.warc.gz")
    assert good(rows) == ids(range(40))


def test_a_zstd_dictionary_in_the_first_frame_is_used(tmp_path: Path) -> None:
    records = numbered(200)
    dictionary = zstandard.train_dictionary(4096, records)
    compressor = zstandard.ZstdCompressor(dict_data=dictionary)
    head = zstandard.ZstdCompressor().compress(dictionary.as_bytes())
    frame = b"\x5d\x2a\x4d\x18" + len(head).to_bytes(4, "little") + head
    data = frame + b"".join(compressor.compress(item) for item in records)
    rows, notes = read_bytes(tmp_path, data, "x.warc.zst")
    assert (good(rows), notes) == (ids(range(200)), [])


REASONS = {".gz": {"gzip data is damaged", "gzip checksum is wrong"}, ".zst": {"zstd data is damaged", "zstd checksum is wrong"}}


@pytest.mark.parametrize("kind", [".gz", ".zst"])
def test_a_corrupt_member_costs_its_own_record_only(tmp_path: Path, kind: str) -> None:
    members = compress_each(numbered(9), kind)
    bad = bytearray(members[4])
    bad[len(bad) // 2 : len(bad) // 2 + 8] = b"\xff" * 8
    rows, _ = read_bytes(tmp_path, b"".join([*members[:4], bytes(bad), *members[5:]]), f"x.warc{kind}")
    assert good(rows) == ids([0, 1, 2, 3, 5, 6, 7, 8])
    [(offset, reason)] = dead(rows)
    assert offset == sum(map(len, members[:4]))
    assert reason in REASONS[kind]


def test_a_wrong_checksum_kills_the_record_and_shows_its_first_bytes(tmp_path: Path) -> None:
    members = compress_each(numbered(3), ".gz")
    members[1] = members[1][:-8] + b"\0\0\0\0" + members[1][-4:]
    rows, _ = read_bytes(tmp_path, b"".join(members), "x.warc.gz")
    assert good(rows) == ids([0, 2])
    assert dead(rows) == [(len(members[0]), "gzip checksum is wrong")]
    assert rows[1]["dead_bytes"] == numbered(3)[1][:200]


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kind=st.sampled_from([".gz", ".zst"]), data=st.data())
def test_whatever_happens_inside_members_the_others_are_read(tmp_path: Path, kind: str, data: st.DataObject) -> None:
    """Any bytes written over the insides of some members: every other record is read, and each damaged one is dead."""
    members = compress_each(numbered(8), kind)
    hit = data.draw(st.sets(st.integers(0, 7), min_size=1, max_size=3))
    for n in hit:
        # Magic and gzip's header are left: bytes there (time, system) may change without damage.
        at = data.draw(st.integers(12, len(members[n]) - 9))
        new = data.draw(st.binary(min_size=1, max_size=8))
        member = members[n][:at] + new + members[n][at + len(new) :]
        members[n] = member if member != members[n] else member[:at] + bytes([member[at] ^ 1]) + member[at + 1 :]
    rows, _ = read_bytes(tmp_path, b"".join(members), f"x.warc{kind}")
    assert set(ids(set(range(8)) - hit)) <= set(good(rows))
    # Members whose very first bytes are damaged too are not told from a damaged one before them.
    assert 1 <= len(dead(rows)) <= len(hit)
    assert {row["source_offset"] for row in rows if row["dead_reason"]} <= {sum(map(len, members[:n])) for n in hit}


def test_what_looks_like_a_record_behind_damage_is_not_believed(tmp_path: Path) -> None:
    """A damaged member may decode to anything: here the damage hit a length, and a nested record seems to follow."""
    block = page(HTML % b"x" * 50)
    bad = bytearray(gzip.compress(record(block, length=len(block) - 30) + numbered(9)[8]))
    bad[-8:-4] = bytes(4)
    members = compress_each(numbered(3), ".gz")
    rows, _ = read_bytes(tmp_path, members[0] + bytes(bad) + members[2], "x.warc.gz")
    assert good(rows) == ids([0, 2])
    assert dead(rows) == [(len(members[0]), "gzip checksum is wrong")]


def test_neighbours_that_are_damaged_are_a_dead_letter_each(tmp_path: Path) -> None:
    members = compress_each(numbered(5), ".gz")
    for n in (1, 2, 4):
        members[n] = members[n][:-60] + b"\xff" * 8 + members[n][-52:]
    rows, _ = read_bytes(tmp_path, b"".join(members), "x.warc.gz")
    assert good(rows) == ids([0, 3])
    assert [offset for offset, _ in dead(rows)] == [sum(map(len, members[:n])) for n in (1, 2, 4)]


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=3000), kind=st.sampled_from(["", ".gz", ".zst"]))
def test_no_bytes_make_the_reader_fail(tmp_path: Path, data: bytes, kind: str) -> None:
    # A name without .gz and the first bytes of a compressed file: planning refuses that, and the reader believes the bytes.
    assume(kind or not data.startswith((Gzip.magic, Zstd.magic, Bzip2.magic, Xz.magic)))
    rows, _ = read_bytes(tmp_path, data + compress_each(numbered(1), kind)[0], f"x.warc{kind}")
    assert len(dead(rows)) <= 1 + data.count(b"WARC/")
    assert good(rows) == ids([0])


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), kind=st.sampled_from(["", ".gz", ".zst"]))
def test_a_file_cut_anywhere_keeps_all_whole_records(tmp_path: Path, data: st.DataObject, kind: str) -> None:
    members = compress_each(numbered(4), kind)
    whole = b"".join(members)
    cut = data.draw(st.integers(1, len(whole)))
    rows, _ = read_bytes(tmp_path, whole[:cut], f"x.warc{kind}")
    complete = sum(sum(map(len, members[: n + 1])) <= cut for n in range(4))
    assert good(rows)[:complete] == ids(range(complete))
    # One more may be whole: only line ends or the checksum of its member were cut off.
    assert len(good(rows)) - complete in (0, 1)
    at_an_edge = cut == sum(map(len, members[:complete]))
    assert len(dead(rows)) == (0 if at_an_edge or len(good(rows)) > complete else 1)
    assert all(re.search("ends inside|bytes are there|no end|not a WARC", reason) for _, reason in dead(rows))


@pytest.mark.parametrize(("kind", "name"), [(".gz", "gzip member"), (".zst", "zstd frame")])
def test_a_cut_behind_the_last_record_is_only_noted(tmp_path: Path, kind: str, name: str) -> None:
    members = compress_each(numbered(3), kind)
    rows, notes = read_bytes(tmp_path, b"".join(members)[:-2], f"x.warc{kind}")
    assert (good(rows), dead(rows)) == (ids(range(3)), [])
    assert notes == [f"the file ends inside a {name} (byte {sum(map(len, members[:2]))}), behind its last record"]


@pytest.mark.parametrize("junk", [b"junk" * 100, b"\x1f\x8b\x08\0junk" * 30, b"\0\0x"], ids=["text", "like-gzip", "zeros-and-x"])
@pytest.mark.parametrize("kind", ["", ".gz", ".zst"])
def test_garbage_between_records_is_one_dead_letter(tmp_path: Path, kind: str, junk: bytes) -> None:
    members = compress_each(numbered(4), kind)
    rows, _ = read_bytes(tmp_path, b"".join([*members[:2], junk, *members[2:]]), f"x.warc{kind}")
    assert good(rows) == ids(range(4))
    assert [offset for offset, _ in dead(rows)] == [sum(map(len, members[:2]))]
    assert next(row["dead_bytes"] for row in rows if row["dead_reason"]).startswith(junk[:3])


@pytest.mark.parametrize("at", [2, 4], ids=["between", "at-the-end"])
def test_zeros_between_members_are_only_noted(tmp_path: Path, at: int) -> None:
    members = compress_each(numbered(4), ".gz")
    rows, notes = read_bytes(tmp_path, b"".join([*members[:at], bytes(100_000), *members[at:]]), "x.warc.gz")
    assert good(rows) == ids(range(4))
    assert dead(rows) == []
    assert notes == [f"100000 zero bytes at byte {sum(map(len, members[:at]))}"]


@pytest.mark.parametrize("error", [-30, -1, +5, +300, +1500, +(10**9)], ids="{:+}".format)
@pytest.mark.parametrize("kind", ["", ".gz", ".zst"])
def test_a_wrong_content_length_costs_no_other_record(tmp_path: Path, kind: str, error: int) -> None:
    records = numbered(6)
    block = page(HTML % b"2" * 50)
    length = len(block) + error
    records[2] = record(block, length=length)
    members = compress_each(records, kind)
    rows, notes = read_bytes(tmp_path, b"".join(members), f"x.warc{kind}")
    if kind:  # the end of its member ends the record
        assert dead(rows) == []
        assert len(rows) == 6
        assert rows[2]["payload"] == HTML % b"2" * 50
        assert "records with a wrong Content-Length, read to the end of their member: 1" in notes
    else:
        assert good(rows) == ids([0, 1, 3, 4, 5])
        [(offset, reason)] = dead(rows)
        assert offset == sum(map(len, members[:2]))
        assert reason == f"Content-Length {length} is wrong" or reason.endswith(f"of the record's {length} bytes are there")


@pytest.mark.parametrize("kind", [".gz", ".zst"])
def test_a_wrong_content_length_in_a_member_of_several_records_costs_its_own_record_only(tmp_path: Path, kind: str) -> None:
    records = numbered(4)
    block = page(HTML % b"1" * 50)
    records[1] = record(block, length=len(block) - 20)
    [member] = compress_each([b"".join(records)], kind)
    rows, _ = read_bytes(tmp_path, member, f"x.warc{kind}")
    assert good(rows) == ids([0, 2, 3])
    assert [reason for _, reason in dead(rows)] == [f"Content-Length {len(block) - 20} is wrong"]


@pytest.mark.parametrize("ends", [b"", b"\n", b"\r\n", b"\r\n\r\n\r\n"], ids=["none", "LF", "one", "three"])
def test_wrong_line_ends_behind_a_record_cost_nothing(tmp_path: Path, ends: bytes) -> None:
    records = numbered(3)
    rows, _ = read_bytes(tmp_path, b"".join(item.removesuffix(b"\r\n\r\n") + ends for item in records))
    assert (good(rows), dead(rows)) == (ids(range(3)), [])


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        pytest.param(b"Content-Length: ", b"Content-Lenght: ", "no valid Content-Length", id="no-length"),
        pytest.param(b"Content-Length: ", b"Content-Length: x", "no valid Content-Length", id="length-no-number"),
        pytest.param(b"WARC/1.0", b"WRAC/1.0", "not a WARC record", id="no-version"),
    ],
)
def test_a_broken_header_costs_its_own_record_only(tmp_path: Path, old: bytes, new: bytes, reason: str) -> None:
    records = numbered(3)
    bad = records[1].replace(old, new)
    rows, _ = read_bytes(tmp_path, records[0] + bad + records[2])
    assert good(rows) == ids([0, 2])
    assert dead(rows) == [(len(records[0]), reason)]
    assert rows[1]["dead_bytes"] == bad[:200]


def test_bytes_missing_from_the_middle_cost_the_records_that_they_touch(tmp_path: Path) -> None:
    records = numbered(6)
    data = b"".join(records)
    start = len(records[0]) + len(records[1]) // 2
    rows, _ = read_bytes(tmp_path, data[:start] + data[start + len(records[1]) + 7 :])
    assert good(rows) == ids([0, 3, 4, 5])
    assert [offset for offset, _ in dead(rows)] == [len(records[0])]


@pytest.mark.parametrize("kind", ["", ".gz", ".zst"])
def test_a_record_over_the_limit_is_one_dead_letter(tmp_path: Path, kind: str) -> None:
    records = numbered(3)
    block = page(b"<p>" + b"x" * 3_000_000)
    records[1] = record(block)
    members = compress_each(records, kind)
    rows, _ = read_bytes(tmp_path, b"".join(members), f"x.warc{kind}", ReadConfig(max_record_bytes=100_000))
    assert good(rows) == ids([0, 2])
    assert dead(rows) == [(len(members[0]), f"the record has {len(block)} bytes, more than 100000")]


def test_a_decoded_body_over_the_limit_is_a_dead_letter(tmp_path: Path) -> None:
    data = record(page(gzip.compress(b"x" * 200_000), "Content-Encoding: gzip"))
    rows, _ = read_bytes(tmp_path, data, config=ReadConfig(max_record_bytes=100_000))
    assert dead(rows) == [(0, "the body has more than 100000 bytes when decoded")]


def test_batches_are_bounded_in_bytes_and_rows(tmp_path: Path) -> None:
    path = tmp_path / "x.warc"
    path.write_bytes(b"".join(numbered(10)))
    shard = Shard(name="s", source="s", url=str(path), format="warc")
    sizes = [len(batch) for batch in read_warc(shard, ReadConfig(batch_rows=4), [])]
    assert sizes == [4, 4, 2]
    sizes = [len(batch) for batch in read_warc(shard, ReadConfig(batch_bytes=2 * len(HTML % b"0" * 50)), [])]
    assert sizes == [2, 2, 2, 2, 2]


def test_the_many_kinds_of_skipped_records_make_one_bounded_note(tmp_path: Path) -> None:
    data = b"".join(record(b"x", "resource", Content_Type=f"a/t{n:03}") for n in range(100))
    _, [note] = read_bytes(tmp_path, data)
    assert note.startswith("skipped: 1 resource of a/t000, ")
    assert note.endswith(", 80 others")


def fastwarc_pages(path: Path) -> dict[str, tuple[int, str, bytes]]:
    pages = {}
    with path.open("rb") as file:
        for item in ArchiveIterator(file, record_types=WarcRecordType.response, auto_decode="all"):
            if item.http_headers is None or item.http_headers.status_code != 200:
                continue
            if (item.http_content_type or "").lower() in ("text/html", "application/xhtml+xml"):
                url = item.headers["WARC-Target-URI"].strip("<>")
                pages[item.record_id.strip("<>")] = (item.stream_pos, url, item.reader.read())
    return pages


@pytest.mark.parametrize(
    ("name", "pages"),
    [
        ("real_warc/aut-example-ia2008.warc.gz", 94),
        ("real_warc/commoncrawl-whirlwind.warc.gz", 1),
        ("real_warc/dolma-sample-0000.warc.gz", 22),
        ("real_warc/resiliparse-warcfile.warc.gz", 16),
        ("real_warc/ukwa-govuk-a.warc.gz", 32),
        ("real_warc/ukwa-govuk-revisit.warc.gz", 6),
        ("real_warc/warcio-example-iana.org-chunked.warc", 1),
        ("real_warc/warcio-example.warc", 1),
        ("real_warc/warcio-example.warc.gz", 1),
        ("warc/pages-00000.warc.gz", 331),
        ("warc/docs-multilang-00000.warc.gz", 793),
    ],
)
def test_healthy_real_files_give_what_fastwarc_gives(shared_data: Path, name: str, pages: int) -> None:
    path = shared_data / "web_html" / name
    rows, _ = read(path)
    assert dead(rows) == []
    assert {row["source_id"]: (row["source_offset"], row["url"], row["payload"]) for row in rows} == fastwarc_pages(path)
    assert len(rows) == pages


def test_real_wet_files_are_read_whole(shared_data: Path) -> None:
    rows, notes = read(shared_data / "web_text" / "pages-wet-00000.warc.wet.gz")
    assert (len(rows), dead(rows), notes) == (500, [], ["skipped: 1 warcinfo"])
    rows, _ = read(shared_data / "web_html" / "real_warc" / "commoncrawl-whirlwind.warc.wet.gz")
    assert [(row["source_offset"], row["url"]) for row in rows] == [(466, "https://an.wikipedia.org/wiki/Escopete")]
    assert orjson.loads(rows[0]["metadata"])["WARC-Identified-Content-Language"] == "spa"


def test_real_damaged_files_say_what_is_wrong(shared_data: Path) -> None:
    folder = shared_data / "web_html" / "real_warc"
    rows, _ = read(folder / "resiliparse-clipped.warc.gz")
    assert (good(rows), dead(rows)) == ([], [(0, "the file ends inside a gzip member")])
    rows, notes = read(folder / "warcio-example-trunc.warc")
    assert (good(rows), dead(rows)) == ([], [(1197, "Content-Length 973 is wrong")])
    assert notes == ["skipped: 2 warcinfo, 1 request"]
    rows, notes = read(folder / "warcio-example-bad.warc.gz.bad")  # all records in one member
    assert [(row["source_offset"], row["url"]) for row in rows] == [(1, "http://example.com?example=1")]
    assert notes == ["skipped: 2 request, 1 warcinfo, 1 revisit, 1 response with status 302"]


def test_pages_that_are_called_chunked_but_are_not_are_read(shared_data: Path) -> None:
    rows, notes = read(shared_data / "web_html" / "real_warc" / "pywb-iana.warc.gz")
    assert (len(rows), dead(rows)) == (16, [])
    assert "171 request, 123 revisit" in notes[0]
    assert all(row["payload"].lstrip().lower().startswith((b"<!doctype", b"<html")) for row in rows)
