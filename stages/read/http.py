"""Parses the HTTP response in a WARC record: status, headers, and the body with its transfer and content encodings removed.

Lenient as browsers are: servers write status lines and headers in many ways, and crawlers keep headers over bodies that they have
already decoded.
"""

import io
import re
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

import brotli

from curricle.stages.read.compressed import MemberError, Zstd
from curricle.stages.read.files import Window
from curricle.stages.read.records import parse_head

_STATUS = re.compile(rb"[ \t\r\n]*(?:HTTP|ICY|H(?=[23]))(?:/?[\d.]+)?:?[ \t]+(\d{3})(?!\d)", re.IGNORECASE)
"""`HTTP/1.1 200 OK`, and what else servers write: `http/1.1`, `HTTP/2`, `HTTP 200`, `ICY 200 OK`, `H3 200`, `HTTP/1.1: 200`."""

_HEAD_END = re.compile(rb"\r?\n\r?\n")
_CHUNK = re.compile(rb"[ \t]*([0-9a-fA-F]{1,8})[ \t]*(?:;[^\r\n]*)?(\r?\n)")
_HTML = re.compile(
    rb"(?:<\?xml[^>]*>|<!--.*?-->|\s)*"
    rb"<(?:!doctype\s+html|html|head|body|title|meta|link|script|style|table|div|font|iframe|center|h1|br|p|a|b)[\s>/]",
    re.IGNORECASE | re.DOTALL,
)
_XHTML = re.compile(rb"<!doctype\s+html|<(?:\w+:)?html[\s>]", re.IGNORECASE)
_MEDIA = re.compile(r"[\s\"',;]*([!#$%&*+.^`|~\w-]+/[!#$%&*+.^`|~\w-]+)")
_BINARY = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")
_GZIP = b"\x1f\x8b"
HTML_TYPES = ("text/html", "application/xhtml+xml")
XML_TYPES = ("application/xml", "text/xml")
UNKNOWN_TYPES = ("", "unknown/unknown", "application/unknown", "*/*")
SNIFFED = 1445
"""Bytes at the start of a body that decide what it is (WHATWG MIME Sniffing)."""


STEP, SMALL_STEP = 1 << 20, 64
"""Decoded bytes at a time, and stored bytes at a time near damage."""


class Body(NamedTuple):
    """A decoded body; `truncated` if its encodings end early or break, so that only the start is there."""

    data: bytes
    truncated: bool


@dataclass(frozen=True, slots=True)
class Response:
    """The head of an HTTP response, and the offset of its body."""

    status: int
    headers: dict[str, str]  # names in lower case; of repeated ones the first, but all encodings and the last valid Content-Type
    body_at: int


def parse_response(block: bytes) -> Response | None:
    """Parse the head of a response. Returns None if the block does not start with a status line."""
    status = _STATUS.match(block)
    if status is None:
        return None
    end = _HEAD_END.search(block, status.end())
    at = end.end() if end else len(block)
    headers: dict[str, str] = {}
    for name, value in parse_head(block[status.end() : at]):
        key = name.lower()
        if key == "content-encoding" and key in headers:  # each line adds an encoding
            headers[key] = f"{headers[key]}, {value}"
        elif key == "content-type" and media_type(value) and "/" in media_type(value):  # the last valid one (WHATWG Fetch)
            headers[key] = value
        else:
            headers.setdefault(key, value)
    return Response(int(status[1]), headers, at)


def media_type(content_type: str | None) -> str:
    """The first media type in a Content-Type header, in lower case; empty if there is none.

    Found in `Text/HTML; charset=x`, and in what servers write for it: `text/html,text/html`, `text/html charset=x`,
    `"text/html"`, `; text/html`.
    """
    found = _MEDIA.match(content_type or "")
    return found[1].lower() if found else (content_type or "").split(";")[0].strip().lower()


def may_be_html(media: str) -> bool:
    """False for a type whose body need not be looked at."""
    return media in HTML_TYPES or media in XML_TYPES or media in UNKNOWN_TYPES or "/" not in media


def is_html(media: str, body: bytes) -> bool:
    """True for the two HTML types, for XML that is XHTML, and for an unknown type if the body begins like HTML."""
    if media in HTML_TYPES:
        return True
    if media in XML_TYPES:
        return _XHTML.search(body[:SNIFFED]) is not None
    return may_be_html(media) and looks_like_html(body)


def looks_like_html(body: bytes) -> bool:
    """True if the first tag in the first 1,445 bytes is an HTML tag (WHATWG MIME Sniffing)."""
    return _HTML.match(body[:SNIFFED].removeprefix(b"\xef\xbb\xbf")) is not None


def decode_body(body: bytes, headers: dict[str, str], limit: int) -> Body:
    """Remove the encodings of a body, as far as it has them.

    Crawlers often store a decoded body with the original headers, so an encoding that the body does not begin with is ignored.
    All members of gzip and frames of zstd are decoded. Where an encoding ends early or breaks, the body is what comes before.

    Raises ValueError with the reason of a dead letter: the body is larger than `limit` bytes when decoded, or an encoding that it
    begins with breaks before anything could be decoded.
    """
    truncated = False
    if "chunked" in headers.get("transfer-encoding", "").lower():
        body, truncated = _unchunk(body)
    encodings = [name.strip().lower() for name in headers.get("content-encoding", "").split(",")]
    for encoding in reversed(encodings):
        body, cut = _decode(body, encoding, limit)
        truncated |= cut
    return Body(body, truncated)


def _unchunk(body: bytes) -> Body:
    """The chunks joined; the body as it is if it does not begin with a chunk."""
    chunks: list[bytes] = []
    at = 0
    while head := _CHUNK.match(body, at):
        size, start = int(head[1], 16), head.end()
        if size == 0:
            return Body(b"".join(chunks), False)
        end = start + size
        if end > len(body):
            if not chunks and head[2] != b"\r\n":  # more likely a text that begins with a number
                break
            return Body(b"".join([*chunks, body[start:]]), True)
        at = end + (2 if body[end : end + 2] == b"\r\n" else body[end : end + 1] == b"\n")
        if at == end and end < len(body) and _CHUNK.match(body, end) is None:
            if not chunks:
                break
            return Body(b"".join([*chunks, body[start:end]]), True)
        chunks.append(body[start:end])
    return Body(b"".join(chunks), True) if chunks else Body(body, False)


def _decode(body: bytes, encoding: str, limit: int) -> Body:
    if encoding in ("gzip", "x-gzip", "deflate", "br", "zstd"):
        stripped = body.lstrip(b"\r\n")
        if stripped.startswith(_GZIP):
            return _collect(_members(stripped), encoding, limit)
        if Zstd().at_start(stripped[:4]):
            return _collect(_frames(stripped), encoding, limit)
        if encoding == "deflate" and body and not looks_like_html(body):
            return _or_unchanged(body, _inflate_deflate(body), encoding, limit)
        if encoding == "br" and body and not looks_like_html(body):
            return _or_unchanged(body, _brotli(body), encoding, limit)
    return Body(body, False)  # also `identity`, and the many invalid values such as `utf-8`


def _or_unchanged(body: bytes, blocks: Iterator[bytes], encoding: str, limit: int) -> Body:
    """The decoded body; the body as it is if it is text and decoding breaks, for these formats have no mark at their start."""
    try:
        decoded = _collect(blocks, encoding, limit)
    except _NothingDecodedError:
        if _is_text(body):
            return Body(body, False)
        raise
    return Body(body, False) if decoded.truncated and _is_text(body) else decoded


def _is_text(body: bytes) -> bool:
    head = body[:SNIFFED]
    return _BINARY.search(head) is None or head.startswith((b"\xff\xfe", b"\xfe\xff")) or _utf16_without_bom(head)


def _utf16_without_bom(head: bytes) -> bool:
    return len(head) >= 4 and (head[1::2].count(0) * 10 > len(head) * 4 or head[::2].count(0) * 10 > len(head) * 4)


class _NothingDecodedError(ValueError):
    """An encoding breaks before anything is decoded."""


def _collect(blocks: Iterable[bytes], encoding: str, limit: int) -> Body:
    """Join decoded blocks until they end or break."""
    out: list[bytes] = []
    size = 0
    try:
        for block in blocks:
            out.append(block)
            size += len(block)
            if size > limit:
                raise ValueError(f"the body has more than {limit} bytes when decoded")
    except MemberError:
        if not size:
            raise _NothingDecodedError(f"Content-Encoding {encoding} is broken") from None
        return Body(b"".join(out), True)
    return Body(b"".join(out), False)


def _members(body: bytes) -> Iterator[bytes]:
    """All members of a gzip body. What follows the last one and is no member is ignored, as browsers do."""
    while body.startswith(_GZIP):
        inflater = zlib.decompressobj(31)
        yield from _inflate(inflater, body)
        if not inflater.eof:
            if _is_whole(body):
                return
            raise MemberError("the body ends inside a gzip member")
        body = inflater.unused_data


def _is_whole(member: bytes) -> bool:
    """Whether the compressed data of a gzip member without its trailer are complete."""
    try:
        inflater = zlib.decompressobj(-15)
        for _ in _inflate(inflater, member[_gzip_header_bytes(member) :]):
            pass
    except (MemberError, IndexError, ValueError):
        return False
    return inflater.eof


def _gzip_header_bytes(member: bytes) -> int:
    """Length of a gzip header (RFC 1952, 2.3). IndexError or ValueError if it is not complete."""
    flags, at = member[3], 10
    if flags & 4:
        at += 2 + int.from_bytes(member[at : at + 2], "little")
    for flag in (8, 16):
        if flags & flag:
            at = member.index(0, at) + 1
    return at + (2 if flags & 2 else 0)


def _inflate(inflater: "zlib._Decompress", data: bytes) -> Iterator[bytes]:
    """Decode in bounded steps until the data end; MemberError at damage, after what comes before it.

    A call that meets damage loses its output, so the data are then decoded again in small pieces.
    """
    fresh, decoded = inflater.copy(), 0
    try:
        rest = data
        while rest and not inflater.eof:
            block = inflater.decompress(rest, STEP)
            rest = inflater.unconsumed_tail
            decoded += len(block)
            if block:
                yield block
        return
    except zlib.error as error:
        failure = MemberError(str(error))
    with suppress(zlib.error):
        for at in range(0, len(data), SMALL_STEP):
            block = fresh.decompress(data[at : at + SMALL_STEP])
            decoded -= len(block)
            if decoded < 0:
                yield block[decoded:]
                decoded = 0
    raise failure


def _inflate_deflate(body: bytes) -> Iterator[bytes]:
    """`deflate` with the header of zlib, as the standard says, or without."""
    zlib_head = len(body) > 1 and body[0] & 15 == 8 and int.from_bytes(body[:2], "big") % 31 == 0
    inflater = zlib.decompressobj(15 if zlib_head else -15)
    yield from _inflate(inflater, body)
    if not inflater.eof:
        raise MemberError("the body ends inside the compressed data")


def _frames(body: bytes) -> Iterator[bytes]:
    """All frames of a zstd body. What follows the last one and is no frame is ignored."""
    window, codec = Window(io.BytesIO(body)), Zstd()
    while codec.at_start(window.peek(4)):
        yield from codec.member(window)


def _brotli(body: bytes) -> Iterator[bytes]:
    decoder = brotli.Decompressor()
    try:
        block = decoder.process(body, output_buffer_limit=STEP)
        while block:
            yield block
            block = b"" if decoder.is_finished() else decoder.process(b"", output_buffer_limit=STEP)
    except brotli.error as error:
        raise MemberError(str(error)) from None
    if not decoder.is_finished():
        raise MemberError("the body ends inside the compressed data")
