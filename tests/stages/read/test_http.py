"""HTTP responses in WARC records: encodings are undone or said to be broken, never taken for HTML."""

import gzip
import io
import zlib

import pytest
import zstandard
from fastwarc.stream_io import BrotliWriter

from curricle.stages.read.http import decode_body, is_html, parse_response

BODY = b"<html>" + b"hello " * 100
LIMIT = 1 << 20
PACKED = zstandard.ZstdCompressor().compress(BODY)


def brotli(data: bytes) -> bytes:
    out = io.BytesIO()
    writer = BrotliWriter(out)
    writer.write(data)
    writer.close()
    return out.getvalue()


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
    expected = BODY if body else b""
    assert decode_body(body, {"content-encoding": encoding}, LIMIT, cut=False) == expected
    headers = {"content-encoding": encoding, "transfer-encoding": "Chunked"}
    assert decode_body(chunked(body), headers, LIMIT, cut=False) == expected


def test_a_body_that_is_called_chunked_but_is_html_stands() -> None:
    assert decode_body(BODY, {"transfer-encoding": "chunked", "content-encoding": "gzip"}, LIMIT, cut=False) == BODY


@pytest.mark.parametrize(
    ("encoding", "body", "reason"),
    [
        pytest.param("gzip", gzip.compress(BODY)[:-12], "Content-Encoding gzip ends early", id="gzip-cut"),
        pytest.param("gzip", gzip.compress(BODY)[:-8] + bytes(8), "Content-Encoding gzip is broken", id="gzip-checksum"),
        pytest.param("gzip", b"\x89PNG\0\1", "Content-Encoding is gzip but the body is not", id="gzip-binary"),
        pytest.param("deflate", b"\xff" * 50, "Content-Encoding deflate is broken", id="deflate"),
        pytest.param("br", brotli(BODY)[:-4], "Content-Encoding br is broken", id="brotli-cut"),
        pytest.param("zstd", b"\0\1\2", "Content-Encoding is zstd but the body is not", id="zstd-binary"),
        pytest.param("zstd", PACKED[:-3], "Content-Encoding zstd ends early", id="zstd-cut"),
        pytest.param("zstd", PACKED[:6] + b"\xff" * 9, "Content-Encoding zstd is broken", id="zstd"),
        pytest.param(
            "gzip", gzip.compress(bytes(LIMIT + 1)), f"the body has more than {LIMIT} bytes when decoded", id="gzip-bomb"
        ),
        pytest.param("br", brotli(bytes(LIMIT + 1)), f"the body has more than {LIMIT} bytes when decoded", id="brotli-bomb"),
    ],
)
def test_broken_encodings_are_said_to_be(encoding: str, body: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=f"^{reason}$"):
        decode_body(body, {"content-encoding": encoding}, LIMIT, cut=False)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        pytest.param(b"5\r\nhello\r\nzz\r\nfoo\r\n", "chunked encoding is broken at byte 10 of the body", id="bad-size"),
        pytest.param(b"ff\r\nhello", "chunked encoding ends inside a chunk", id="cut"),
        pytest.param(b"hello", "chunked encoding is broken at byte 0 of the body", id="no-chunks-no-html"),
    ],
)
def test_broken_chunks_are_said_to_be(body: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=f"^{reason}$"):
        decode_body(body, {"transfer-encoding": "chunked"}, LIMIT, cut=False)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(b"5\r\nhello\r\n", b"hello", id="no-last-chunk"),
        pytest.param(b"5\nhello\n0\n\n", b"hello", id="line-feeds-only"),
        pytest.param(b"5  \r\nhello\r\n000\r\n\r\n", b"hello", id="spaces-and-zeros"),
        pytest.param(b"0\r\n\r\n", b"", id="nothing"),
        pytest.param(b"", b"", id="empty"),
    ],
)
def test_unusual_chunks_are_read(body: bytes, expected: bytes) -> None:
    assert decode_body(body, {"transfer-encoding": "chunked"}, LIMIT, cut=False) == expected


def test_a_body_that_the_crawler_cut_may_end_early() -> None:
    packed = gzip.compress(BODY)[:-12]
    assert BODY.startswith(decode_body(packed, {"content-encoding": "gzip"}, LIMIT, cut=True)[:10])
    assert decode_body(b"ff\r\nhello", {"transfer-encoding": "chunked"}, LIMIT, cut=True) == b"hello"
    assert decode_body(b"5\r\nhello\r\nf", {"transfer-encoding": "chunked"}, LIMIT, cut=True) == b"hello"


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
    ],
)
def test_heads_are_parsed(block: bytes, status: int, headers: dict[str, str], body: bytes) -> None:
    response = parse_response(block)
    assert response is not None
    assert (response.status, response.headers, block[response.body_at :]) == (status, headers, body)


@pytest.mark.parametrize("block", [b"", b"<html>", b"HTTP/1.1 abc", b"HTTP/1.1 20", b"HTTP/1.1 2000", b" HTTP/1.1 200"])
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
    ],
)
def test_html_is_known_by_type_or_first_tag(media: str, body: bytes, expected: bool) -> None:
    assert is_html(media, body) is expected
