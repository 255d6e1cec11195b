"""HTTP responses in WARC records: whatever a server sent and a crawler kept, the page comes out, or one line says why not."""

import gzip
import random
import time
import zlib
from contextlib import suppress

import brotli as brotli_format
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from curricle.stages.read.http import Body, decode_body, is_html, media_type, parse_response

BODY = b"<html>" + b"hello " * 100
LIMIT = 1 << 20
NOISE = b"<html>" + "".join(random.Random(1).choices("abcdefghij ", k=10_000)).encode()


def brotli(data: bytes) -> bytes:
    return brotli_format.compress(data)


def pack(data: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(data)


PACKED, PACKED_NOISE = pack(BODY), gzip.compress(NOISE)
PACKED_GZIP = gzip.compress(BODY)
NAMED_GZIP = PACKED_GZIP[:3] + b"\x1c" + PACKED_GZIP[4:10] + b"\2\0ab" + b"name\0" + b"comment\0" + PACKED_GZIP[10:]


def raw_deflate(data: bytes) -> bytes:
    return zlib.compress(data, wbits=-15)


def chunked(data: bytes, size: int = 100) -> bytes:
    parts = [data[at : at + size] for at in range(0, len(data), size)]
    return b"".join(b"%x;ext=1\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\nTrailer: x\r\n\r\n"


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        pytest.param("gzip", gzip.compress(BODY), id="gzip"),
        pytest.param("X-GZIP", gzip.compress(BODY), id="x-gzip"),
        pytest.param("deflate", zlib.compress(BODY), id="deflate"),
        pytest.param("deflate", raw_deflate(BODY), id="raw-deflate"),
        pytest.param("br", brotli(BODY), id="brotli"),
        pytest.param("zstd", zstandard.ZstdCompressor().compress(BODY), id="zstd"),
        pytest.param("gzip, br", brotli(gzip.compress(BODY)), id="two"),
        pytest.param("identity", BODY, id="identity"),
        pytest.param("utf-8", BODY, id="no-encoding-at-all"),
        pytest.param("gzip", BODY, id="gzip-already-undone"),
        pytest.param("deflate", BODY, id="deflate-already-undone"),
        pytest.param("br", BODY, id="brotli-already-undone"),
        pytest.param("zstd", BODY, id="zstd-already-undone"),
        pytest.param("gzip", b"", id="empty"),
    ],
)
def test_encodings_are_undone(encoding: str, body: bytes) -> None:
    expected = Body(BODY if body else b"", False)
    assert decode_body(body, {"content-encoding": encoding}, LIMIT) == expected
    headers = {"content-encoding": encoding, "transfer-encoding": "Chunked"}
    assert decode_body(chunked(body), headers, LIMIT) == expected
    assert decode_body(body, headers, LIMIT) == expected  # the crawler joined the chunks and kept the header


HALF = len(BODY) // 2
WHOLE = {
    "gzip in two members": ("gzip", gzip.compress(BODY[:HALF]) + gzip.compress(BODY[HALF:])),
    "gzip behind an empty member": ("gzip", gzip.compress(b"") + gzip.compress(BODY)),
    "zstd in two frames": ("zstd", pack(BODY[:HALF]) + pack(BODY[HALF:])),
    "zstd with a skippable frame": ("zstd", b"\x50\x2a\x4d\x18\x03\0\0\0abc" + pack(BODY)),
    "gzip before garbage": ("gzip", gzip.compress(BODY) + b"garbage"),
    "gzip before zeros": ("gzip", gzip.compress(BODY) + bytes(64)),
    "gzip without its trailer": ("gzip", gzip.compress(BODY)[:-8]),
    "gzip without half of its trailer": ("gzip", gzip.compress(BODY)[:-3]),
    "gzip with a name, without its trailer": ("gzip", NAMED_GZIP[:-8]),
    "zlib without its trailer": ("deflate", zlib.compress(BODY)[:-4]),
    "brotli before garbage": ("br", brotli(BODY) + bytes(3)),
    "gzip with quotes": ('"gzip"', gzip.compress(BODY)),
    "gzip with a weight": ("gzip;q=1", gzip.compress(BODY)),
    "gzip behind a line end": ("gzip", b"\r\n" + gzip.compress(BODY)),
    "gzip called deflate": ("deflate", gzip.compress(BODY)),
    "zstd called gzip": ("gzip", pack(BODY)),
    "gzip called br": ("br", gzip.compress(BODY)),
    "gzip twice": ("gzip, gzip", gzip.compress(gzip.compress(BODY))),
    "gzip called twice, done once": ("gzip, gzip", gzip.compress(BODY)),
    "three encodings": ("gzip, zstd, br", brotli(pack(gzip.compress(BODY)))),
    "the first of two undone": ("gzip, br", gzip.compress(BODY)),
}


@pytest.mark.parametrize(("encoding", "body"), WHOLE.values(), ids=WHOLE)
def test_a_body_is_whole_however_the_server_packed_it(encoding: str, body: bytes) -> None:
    assert decode_body(body, {"content-encoding": encoding}, LIMIT) == Body(BODY, False)


UNDONE = {
    "a fragment": b"<article><h1>News</h1><p>Some text.</p></article>",
    "text": b"The harbour was built by fishermen two hundred years ago.",
    "a text that begins with a number": b"2024\nThe harbour was built.",
    "a text that begins with a word of hexadecimal digits": b"face\nto face.",
    "a long comment": b"<!-- " + b"licence " * 300 + b"--><html><p>x</p></html>",
    "utf-16": "\ufeff<html><p>Harbour</p></html>".encode("utf-16-le"),
    "utf-16 without a mark": "<html><p>Harbour</p></html>".encode("utf-16-be"),
    "windows-1251": "<p>Гавань</p>".encode("cp1251"),
}


@pytest.mark.parametrize("body", UNDONE.values(), ids=UNDONE)
@pytest.mark.parametrize("encoding", ["", "gzip", "br", "zstd", "deflate", "gzip, br"])
@pytest.mark.parametrize("transfer", ["", "chunked"])
def test_headers_over_a_body_that_the_crawler_decoded_are_ignored(body: bytes, encoding: str, transfer: str) -> None:
    headers = {"content-encoding": encoding, "transfer-encoding": transfer}
    assert decode_body(body, headers, LIMIT) == Body(body, False)


CUT = {
    "gzip": ("gzip", gzip.compress(NOISE)[:-400]),
    "deflate": ("deflate", zlib.compress(NOISE)[:-400]),
    "raw deflate": ("deflate", raw_deflate(NOISE)[:-400]),
    "br": ("br", brotli(NOISE)[:-400]),
    "zstd": ("zstd", pack(NOISE[:5000]) + pack(NOISE[5000:])[:-400]),
    "a second gzip member": ("gzip", gzip.compress(NOISE[:5000]) + gzip.compress(NOISE[5000:])[:-400]),
    "damage in the middle": (
        "gzip",
        PACKED_NOISE[: len(PACKED_NOISE) // 2] + bytes(40) + PACKED_NOISE[len(PACKED_NOISE) // 2 + 40 :],
    ),
}


@pytest.mark.parametrize("transfer", ["gzip, chunked", "chunked, gzip"])
def test_a_body_compressed_for_the_transfer_is_decoded(transfer: str) -> None:
    packed = gzip.compress(BODY)
    for body in (packed, chunked(packed), BODY, chunked(BODY)):
        assert decode_body(body, {"transfer-encoding": transfer}, LIMIT) == Body(BODY, False)


def test_very_many_members_take_linear_time() -> None:
    members = gzip.compress(b"") * 50_000 + gzip.compress(BODY)
    started = time.process_time()
    assert decode_body(members, {"content-encoding": "gzip"}, LIMIT) == Body(BODY, False)
    assert time.process_time() - started < 1  # 1.5 s and growing with the square, if the rest is copied for each


def test_all_that_comes_before_damage_is_kept() -> None:
    wrong_checksum = gzip.compress(NOISE)[:-8] + bytes(8)
    assert decode_body(wrong_checksum, {"content-encoding": "gzip"}, LIMIT) == Body(NOISE, True)
    packed = brotli(NOISE)
    broken = packed[:-3000] + b"\xff" * 3000
    found = decode_body(broken, {"content-encoding": "br"}, LIMIT)
    assert found.truncated
    assert NOISE.startswith(found.data[:2000])
    assert len(found.data) > 2000


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "zstd"])
def test_bytes_that_are_neither_compressed_nor_text_are_no_page(encoding: str) -> None:
    with pytest.raises(ValueError, match=f"^Content-Encoding is {encoding} but the body is not$"):
        decode_body(random.Random(2).randbytes(3000), {"content-encoding": encoding}, LIMIT)


@pytest.mark.parametrize(("encoding", "body"), CUT.values(), ids=CUT)
def test_a_body_that_ends_early_gives_what_can_be_decoded(encoding: str, body: bytes) -> None:
    found = decode_body(body, {"content-encoding": encoding}, LIMIT)
    assert found.truncated
    assert len(found.data) > 2000
    assert NOISE.startswith(found.data[:2000])


@pytest.mark.parametrize(
    ("encoding", "body", "reason"),
    [
        pytest.param("gzip", b"\x1f\x8b\x08\0" + b"\xff" * 50, "Content-Encoding gzip is broken", id="gzip"),
        pytest.param("deflate", b"\xff\1\2" * 50, "Content-Encoding deflate is broken", id="deflate"),
        pytest.param("br", b"\xff\1\2" * 50, "Content-Encoding br is broken", id="brotli"),
        pytest.param("zstd", PACKED[:6] + b"\xff" * 9, "Content-Encoding zstd is broken", id="zstd"),
        pytest.param(
            "gzip", gzip.compress(bytes(LIMIT + 1)), f"the body has more than {LIMIT} bytes when decoded", id="gzip-bomb"
        ),
        pytest.param(
            "gzip", gzip.compress(bytes(LIMIT)) * 2, f"the body has more than {LIMIT} bytes when decoded", id="gzip-members"
        ),
        pytest.param("zstd", pack(bytes(LIMIT)) * 2, f"the body has more than {LIMIT} bytes when decoded", id="zstd-frames"),
        pytest.param("br", brotli(bytes(LIMIT + 1)), f"the body has more than {LIMIT} bytes when decoded", id="brotli-bomb"),
        pytest.param(
            "deflate", zlib.compress(bytes(LIMIT + 1)), f"the body has more than {LIMIT} bytes when decoded", id="deflate-bomb"
        ),
    ],
)
def test_broken_encodings_are_said_to_be(encoding: str, body: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=f"^{reason}$"):
        decode_body(body, {"content-encoding": encoding}, LIMIT)


@pytest.mark.parametrize("encoding", ["gzip", "zstd", "deflate", "br"])
@given(body=st.binary(max_size=300))
def test_no_body_makes_decoding_fail_otherwise(encoding: str, body: bytes) -> None:
    for start in (b"", b"\x1f\x8b\x08\0", b"\x28\xb5\x2f\xfd", b"\x78\x9c", b"5\r\n"):
        with suppress(ValueError):
            decode_body(start + body, {"content-encoding": encoding, "transfer-encoding": "chunked"}, LIMIT)


@pytest.mark.parametrize(
    ("body", "expected", "truncated"),
    [
        pytest.param(b"5\r\nhello\r\n", b"hello", True, id="no-last-chunk"),
        pytest.param(b"5\nhello\n0\n\n", b"hello", False, id="line-feeds-only"),
        pytest.param(b"5  \r\nhello\r\n000\r\n\r\n", b"hello", False, id="spaces-and-zeros"),
        pytest.param(b"0\r\n\r\n", b"", False, id="nothing"),
        pytest.param(b"", b"", False, id="empty"),
        pytest.param(b"5\r\nhello\r\nzz\r\nfoo\r\n", b"hello", True, id="bad-size"),
        pytest.param(b"ff\r\nhello", b"hello", True, id="cut"),
        pytest.param(b"5\r\nhello\r\nf", b"hello", True, id="cut-before-a-chunk"),
        pytest.param(b"5\r\nhello\r\nff\r\n you", b"hello you", True, id="cut-in-a-chunk"),
        pytest.param(b"hello", b"hello", False, id="no-chunks"),
    ],
)
def test_chunks(body: bytes, expected: bytes, truncated: bool) -> None:
    assert decode_body(body, {"transfer-encoding": "chunked"}, LIMIT) == Body(expected, truncated)


LINES = [
    *(
        "HTTP/1.1 200 OK",
        "http/1.1 200 OK",
        "HTTP/2 200",
        "HTTP/1.1 200",
        "HTTP/1.0  200  OK",
        "HTTP/3 200 ",
        "HTTP/1.1 200 Página",
    ),
    *("HTTP 200 OK", "ICY 200 OK", "HTTP/1.1\t200 OK", "\r\nHTTP/1.1 200 OK", "H3 200", "h2 200 OK", "HTTP/1.1 200OK"),
    *("HTTP/1.1: 200 OK", "\n\nHTTP/1.1 200 OK", "Http/1.1 200 ok", " HTTP/1.1 200 OK"),
]


@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize("end", ["\r\n", "\n"])
def test_status_lines_as_servers_write_them(line: str, end: str) -> None:
    block = f"{line}{end}Content-Type: text/html{end}{end}body".encode()
    response = parse_response(block)
    assert response is not None
    assert (response.status, response.headers, block[response.body_at :]) == (200, {"content-type": "text/html"}, b"body")


@pytest.mark.parametrize(
    ("block", "status", "headers", "body"),
    [
        pytest.param(b"HTTP/1.1 200 OK\r\nA: b\r\n\r\nx", 200, {"a": "b"}, b"x", id="usual"),
        pytest.param(b"HTTP/1.0 404\nA: b\n\nx\r\n\r\n", 404, {"a": "b"}, b"x\r\n\r\n", id="line-feeds"),
        pytest.param(b"HTTP/2 200\r\n\r\n", 200, {}, b"", id="http-2"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nA: 1\r\nA: 2\r\nno colon\r\nB:\r\n\r\n", 200, {"a": "1", "b": ""}, b"", id="odd-headers"
        ),
        pytest.param(b"HTTP/1.1 200 OK\r\nA: \xff\r\n c\r\n\r\nx", 200, {"a": "\ufffd c"}, b"x", id="bytes-and-folding"),
        pytest.param(b"HTTP/1.1 200 OK\r\nA: b", 200, {"a": "b"}, b"", id="head-only"),
        pytest.param(
            b"HTTP/1.1 200 OK\nContent-Encoding: gzip\nContent-Encoding: br\n\n",
            200,
            {"content-encoding": "gzip, br"},
            b"",
            id="two-encodings",
        ),
        pytest.param(
            b"HTTP/1.1 200 OK\nContent-Type: text/plain\nContent-Type: text/html\nContent-Type: x\n\n",
            200,
            {"content-type": "text/html"},
            b"",
            id="two-types",
        ),
        pytest.param(
            "HTTP/1.1 200 OK\r\nA: a\u2028b\x0bc\x85d\x1ce\r\n\r\n".encode(),
            200,
            {"a": "a\u2028b\x0bc\x85d\x1ce"},
            b"",
            id="other-line-ends",
        ),
    ],
)
def test_heads_are_parsed(block: bytes, status: int, headers: dict[str, str], body: bytes) -> None:
    response = parse_response(block)
    assert response is not None
    assert (response.status, response.headers, block[response.body_at :]) == (status, headers, body)


@pytest.mark.parametrize("block", [b"", b"<html>", b"HTTP/1.1 abc", b"HTTP/1.1 20", b"HTTP/1.1 2000", b"Hello 200 OK", b"200 OK"])
def test_a_block_without_a_status_line_is_no_response(block: bytes) -> None:
    assert parse_response(block) is None


@pytest.mark.parametrize(
    ("media", "body", "expected"),
    [
        ("text/html", b"\x89PNG", True),
        ("application/xhtml+xml", b"", True),
        ("", b"\xef\xbb\xbf \n<!DOCTYPE HTML>", True),
        ("", b"<!-- c --><?xml version='1'?><html lang=en>", True),
        ("*/*", b"<p>", True),
        ("html", b"<br/>", True),
        ("", b"<paper>", False),
        ("", b"<?xml version='1'?><rss>", False),
        ("", b"text <html>", False),
        ("text/plain", b"<html>", False),
        ("image/png", b"<html>", False),
        ("application/xml", b"<?xml version='1'?><html xmlns='http://www.w3.org/1999/xhtml'>", True),
        ("text/xml", b"<!DOCTYPE html PUBLIC 'x'><html>", True),
        ("application/xml", b"<?xml version='1'?><rss>", False),
    ],
)
def test_html_is_known_by_type_or_first_tag(media: str, body: bytes, expected: bool) -> None:
    assert is_html(media, body) is expected


@pytest.mark.parametrize(
    ("header", "media"),
    [
        ("text/html", "text/html"),
        ("Text/HTML; charset=x", "text/html"),
        ("text/html,text/html", "text/html"),
        ("text/html charset=utf-8", "text/html"),
        ('"text/html"', "text/html"),
        ("; text/html", "text/html"),
        (" text/html ;x", "text/html"),
        ("application/xhtml+xml;q=1", "application/xhtml+xml"),
        ("*/*", "*/*"),
        ("html", "html"),
        ("", ""),
        (None, ""),
    ],
)
def test_media_types_as_servers_write_them(header: str | None, media: str) -> None:
    assert media_type(header) == media
