"""Parses the HTTP response in a WARC record: status, headers, and the body with its transfer and content encodings removed.

Lenient as browsers are: servers write status lines and headers in many ways, and crawlers keep headers over bodies that they have
already decoded.
"""

import io
import re
import zlib
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import brotli

from curricle.stages.read.compressed import MemberError, Zstd, decode_bytewise
from curricle.stages.read.files import Window
from curricle.stages.read.records import parse_head
from curricle.stages.utf16 import utf16_without_mark

_STATUS = re.compile(rb"[ \t\r\n]*(?:HTTPS?|ICY|H(?=[23]))(?:/?v?[\d.x]*)?[ \t]*(?::[ \t]*|[ \t])(\d{3})(?!\d)", re.IGNORECASE)
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
COMPRESSIONS = ("gzip", "x-gzip", "deflate", "br", "zstd")
UNKNOWN_TYPES = ("", "unknown/unknown", "application/unknown", "*/*")
SNIFFED = 1445
"""Bytes at the start of a body that decide what it is (WHATWG MIME Sniffing)."""


STEP = 1 << 20
"""Decoded bytes at a time."""
FIRST_PIECE, PIECE = 1 << 10, 1 << 16
"""Stored bytes at a time: at the start of a further member, for a body may have very many, and at most."""
SMALL_PIECE = 1 << 12
"""Stored bytes at a time where damage is searched."""


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
        elif key == "content-type" and key in headers and "/" in media_type(value):  # the last valid one (WHATWG Fetch)
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
    if "content-encoding" not in headers and "transfer-encoding" not in headers:
        return Body(body, False)
    transfer = _names(headers.get("transfer-encoding", ""))
    if any(name.startswith("chunked") for name in transfer):
        body, truncated = _unchunk(body)
    encodings = [*_names(headers.get("content-encoding", "")), *transfer]
    ignored = None
    for encoding in reversed(encodings):
        decoded, cut = _decode(body, encoding, limit)
        if decoded is body and body and encoding in COMPRESSIONS:
            ignored = encoding
        body, truncated = decoded, truncated or cut
    if ignored and not _is_text(body):
        raise ValueError(f"Content-Encoding is {ignored} but the body is not")
    return Body(body, truncated)


def _names(header: str) -> list[str]:
    """The encodings that a header lists, in lower case: `gzip`, `"gzip"`, `gzip;q=1`, `gzip, br`."""
    return [name.split(";")[0].strip(" \t\"'").lower() for name in header.split(",")]


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
    if encoding in COMPRESSIONS:
        stripped = body.lstrip(b"\r\n")
        if stripped.startswith(_GZIP):
            return _collect(_members(stripped), encoding, limit)
        if Zstd.at_start(stripped[:4]):
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
    return _BINARY.search(head) is None or head.startswith((b"\xff\xfe", b"\xfe\xff")) or utf16_without_mark(head) is not None


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
    at = 0
    while body.startswith(_GZIP, at):
        at = yield from _inflate(body, at, 31)


def _inflate_deflate(body: bytes) -> Iterator[bytes]:
    """`deflate` with the header of zlib, as the standard says, or without."""
    zlib_head = len(body) > 1 and body[0] & 15 == 8 and int.from_bytes(body[:2], "big") % 31 == 0
    yield from _inflate(body, 0, 15 if zlib_head else -15)


def _inflate(body: bytes, start: int, window_bits: int) -> Generator[bytes, None, int]:
    """Decode one member in bounded steps and return where it ends. MemberError at its early end or damage, after what is before.

    Only the trailer may be missing.
    """
    inflater = zlib.decompressobj(window_bits)
    at, size, decoded = start, FIRST_PIECE if start else PIECE, 0
    try:
        while not inflater.eof:
            data = inflater.unconsumed_tail
            if not data:
                data = body[at : at + size]
                at, size = at + len(data), min(2 * size, PIECE)
            block = inflater.decompress(data, STEP)
            decoded += len(block)
            if block:
                yield block
            elif not data:
                break
    except zlib.error as error:
        failure = str(error)
    else:
        if inflater.eof:
            return at - len(inflater.unused_data)
        if _is_whole(body[start:], window_bits):
            return len(body)
        raise MemberError("the body ends inside the compressed data")
    yield from _before_damage(body[start:at], window_bits, decoded)
    raise MemberError(failure)


def _before_damage(data: bytes, window_bits: int, decoded: int) -> Iterator[bytes]:
    """What damaged data hold beyond the first `decoded` bytes: a call that meets the damage loses its output."""
    inflater, seen = zlib.decompressobj(window_bits), 0
    for at in range(0, len(data), SMALL_PIECE):
        before, piece = inflater.copy(), data[at : at + SMALL_PIECE]
        try:
            block = inflater.decompress(piece)
        except zlib.error:
            block = b"".join(decode_bytewise(before, piece))
        yield block[max(decoded - seen, 0) :]
        seen += len(block)


def _is_whole(member: bytes, window_bits: int) -> bool:
    """Whether the compressed data of a member without its whole trailer are complete."""
    try:
        head = _gzip_header_bytes(member) if window_bits == 31 else 2 if window_bits > 0 else 0
        inflater = zlib.decompressobj(-15)
        rest = member[head:]
        while rest and not inflater.eof:
            inflater.decompress(rest, STEP)
            rest = inflater.unconsumed_tail
    except (zlib.error, IndexError, ValueError):
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


def _frames(body: bytes) -> Iterator[bytes]:
    """All frames of a zstd body. What follows the last one and is no frame is ignored."""
    window, codec = Window(io.BytesIO(body)), Zstd()
    while codec.at_start(window.peek(4)):
        yield from codec.member(window)


def _brotli(body: bytes) -> Iterator[bytes]:
    """Decode in bounded steps; near damage byte by byte, for a call that meets it loses its output."""
    pieces = [body[at : at + SMALL_PIECE] for at in range(0, len(body), SMALL_PIECE)]
    decoder, decoded, whole = brotli.Decompressor(), 0, 0
    try:
        for piece in pieces:
            for block in _brotli_piece(decoder, piece):
                decoded += len(block)
                yield block
            whole += 1
            if decoder.is_finished():
                return
    except brotli.error as error:
        failure = str(error)
    else:
        raise MemberError("the body ends inside the compressed data")
    decoder, seen = brotli.Decompressor(), 0
    try:
        for piece in [*pieces[:whole], *(pieces[whole][at : at + 1] for at in range(len(pieces[whole])))]:
            for block in _brotli_piece(decoder, piece):
                yield block[max(decoded - seen, 0) :]
                seen += len(block)
            if decoder.is_finished():  # what follows is no part of it
                return
    except brotli.error:
        pass
    raise MemberError(failure)


def _brotli_piece(decoder: brotli.Decompressor, piece: bytes) -> Iterator[bytes]:
    block = decoder.process(piece, output_buffer_limit=STEP)
    yield block
    while block and not decoder.can_accept_more_data() and not decoder.is_finished():
        block = decoder.process(b"", output_buffer_limit=STEP)
        yield block
