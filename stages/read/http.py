"""Parses the HTTP response in a WARC record: status, headers, and the body with its transfer and content encodings removed."""

import io
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from fastwarc.stream_io import BrotliReader

from curricle.stages.read.compressed import MemberError, TruncatedError, Zstd
from curricle.stages.read.files import Window
from curricle.stages.read.records import parse_head

_STATUS = re.compile(rb"HTTP/[\d.]+[ \t]+(\d{3})(?!\d)")
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_CHUNK = re.compile(rb"[ \t]*([0-9a-fA-F]{1,8})[ \t]*(?:;[^\r\n]*)?\r?\n")
_HTML = re.compile(
    rb"(?:<\?xml[^>]*>|<!--.*?-->|\s)*"
    rb"<(?:!doctype\s+html|html|head|body|title|meta|link|script|style|table|div|font|iframe|center|h1|br|p|a|b)[\s>/]",
    re.IGNORECASE | re.DOTALL,
)
_BINARY = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")
HTML_TYPES = ("text/html", "application/xhtml+xml")
UNKNOWN_TYPES = ("", "unknown/unknown", "application/unknown", "*/*")


@dataclass(frozen=True, slots=True)
class Response:
    """The head of an HTTP response, and the offset of its body."""

    status: int
    headers: dict[str, str]  # names in lower case; the first value if a name is repeated
    body_at: int


def parse_response(block: bytes) -> Response | None:
    """Parse the head of a response. Returns None if the block does not start with a status line."""
    status = _STATUS.match(block)
    if status is None:
        return None
    end = _HEAD_END.search(block)
    at = end.end() if end else len(block)
    headers: dict[str, str] = {}
    for name, value in parse_head(block[:at]):
        headers.setdefault(name.lower(), value)
    return Response(int(status[1]), headers, at)


def media_type(content_type: str | None) -> str:
    """The media type of a Content-Type header: `text/html` for `Text/HTML; charset=x`, empty if there is none."""
    return (content_type or "").split(";")[0].strip().lower()


def is_html(media: str, body: bytes) -> bool:
    """True for the two HTML types, and for an unknown type if the body begins like HTML (WHATWG MIME sniffing)."""
    if media in HTML_TYPES:
        return True
    return (media in UNKNOWN_TYPES or "/" not in media) and looks_like_html(body)


def looks_like_html(body: bytes) -> bool:
    """True if the first tag in the first 1,445 bytes is an HTML tag."""
    return _HTML.match(body[:1445].removeprefix(b"\xef\xbb\xbf")) is not None


def decode_body(body: bytes, headers: dict[str, str], limit: int, cut: bool) -> bytes:
    """Remove the encodings of a body.

    Crawlers often store a decoded body with the original headers, so a body that does not begin like the encoding is used
    unchanged. With `cut` (the record has WARC-Truncated) an encoding may end early.

    Raises ValueError with the reason of a dead letter.
    """
    if "chunked" in headers.get("transfer-encoding", "").lower():
        body = _unchunk(body, cut)
    encodings = [name.strip().lower() for name in headers.get("content-encoding", "").split(",")]
    for encoding in reversed(encodings):
        body = _decode(body, encoding, limit, cut)
    return body


def _unchunk(body: bytes, cut: bool) -> bytes:
    if _CHUNK.match(body) is None and (not body or looks_like_html(body)):
        return body
    chunks, at = [], 0
    while at < len(body):
        head = _CHUNK.match(body, at)
        if head is None:
            if cut:
                break
            raise ValueError(f"chunked encoding is broken at byte {at} of the body")
        size = int(head[1], 16)
        if size == 0:
            break
        if head.end() + size > len(body) and not cut:
            raise ValueError("chunked encoding ends inside a chunk")
        chunks.append(body[head.end() : head.end() + size])
        at = head.end() + size
        at += 2 if body[at : at + 2] == b"\r\n" else body[at : at + 1] == b"\n"
    return b"".join(chunks)


def _decode(body: bytes, encoding: str, limit: int, cut: bool) -> bytes:
    if not body:
        return body
    if encoding in ("gzip", "x-gzip"):
        return _inflate(body, 31, encoding, limit, cut) if body.startswith(b"\x1f\x8b") else _unchanged(body, encoding)
    if encoding == "deflate":
        zlib_head = body[0] & 15 == 8 and int.from_bytes(body[:2], "big") % 31 == 0
        return body if looks_like_html(body) else _inflate(body, 15 if zlib_head else -15, encoding, limit, cut)
    if encoding == "br":
        return body if looks_like_html(body) else _collect(_brotli(body), encoding, limit, cut)
    if encoding == "zstd":
        if not body.startswith(b"\x28\xb5\x2f\xfd"):
            return _unchanged(body, encoding)
        return _collect(Zstd().member(Window(io.BytesIO(body))), encoding, limit, cut)
    return body  # `identity`, and the many invalid values such as `utf-8`


def _unchanged(body: bytes, encoding: str) -> bytes:
    if _BINARY.search(body[:1445]) is None:
        return body
    raise ValueError(f"Content-Encoding is {encoding} but the body is not")


def _inflate(body: bytes, window_bits: int, encoding: str, limit: int, cut: bool) -> bytes:
    inflater = zlib.decompressobj(window_bits)
    try:
        out = inflater.decompress(body, limit + 1)
    except zlib.error:
        raise ValueError(f"Content-Encoding {encoding} is broken") from None
    if len(out) > limit:
        raise ValueError(f"the body has more than {limit} bytes when decoded")
    if not inflater.eof and not cut:
        raise ValueError(f"Content-Encoding {encoding} ends early")
    return out


def _brotli(body: bytes) -> Iterator[bytes]:
    reader = BrotliReader(io.BytesIO(body))
    try:
        while block := reader.read(1 << 16):
            yield block
    except OSError as error:  # the reader does not distinguish an early end from damage
        raise MemberError(str(error)) from None


def _collect(blocks: Iterator[bytes], encoding: str, limit: int, cut: bool) -> bytes:
    out, size = [], 0
    try:
        for block in blocks:
            out.append(block)
            size += len(block)
            if size > limit:
                raise ValueError(f"the body has more than {limit} bytes when decoded")
    except TruncatedError:
        if not cut:
            raise ValueError(f"Content-Encoding {encoding} ends early") from None
    except MemberError:
        raise ValueError(f"Content-Encoding {encoding} is broken") from None
    return b"".join(out)
