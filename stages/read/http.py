"""The HTTP response inside a WARC record: status, headers, and the body with its transfer and content encodings undone."""

import io
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from curricle.stages.read.compressed import MemberError, TruncatedError, Zstd
from curricle.stages.read.files import Window
from curricle.stages.read.records import parse_head
from fastwarc.stream_io import BrotliReader

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
    """The head of an HTTP response and where its body starts."""

    status: int
    headers: dict[str, str]  # names in lower case; the first of several
    body_at: int


def parse_response(block: bytes) -> Response | None:
    """None if the block does not start with a status line."""
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
    """`text/html` of `Text/HTML; charset=x`; empty for none."""
    return (content_type or "").split(";")[0].strip().lower()


def is_html(media: str, body: bytes) -> bool:
    """True for the two HTML types, and for an unknown type where the body begins like HTML (WHATWG MIME sniffing)."""
    if media in HTML_TYPES:
        return True
    return (media in UNKNOWN_TYPES or "/" not in media) and looks_like_html(body)


def looks_like_html(body: bytes) -> bool:
    """True if the first tag in the first 1,445 bytes is one of HTML's."""
    return _HTML.match(body[:1445].removeprefix(b"\xef\xbb\xbf")) is not None


def decode_body(body: bytes, headers: dict[str, str], limit: int, cut: bool) -> bytes:
    """The body without its encodings.

    Crawlers often store a decoded body under the original headers: a body that does not begin as the encoding does is
    taken as it stands. With `cut` (the record says WARC-Truncated) an encoding may end early.

    Raises ValueError with a dead letter's reason.
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
    parts, at = [], 0
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
        parts.append(body[head.end() : head.end() + size])
        at = head.end() + size
        at += 2 if body[at : at + 2] == b"\r\n" else body[at : at + 1] == b"\n"
    return b"".join(parts)


def _decode(body: bytes, encoding: str, limit: int, cut: bool) -> bytes:
    if not body:
        return body
    if encoding in ("gzip", "x-gzip"):
        return _inflate(body, 31, encoding, limit, cut) if body.startswith(b"\x1f\x8b") else _as_is(body, encoding)
    if encoding == "deflate":
        zlib_head = body[0] & 15 == 8 and int.from_bytes(body[:2], "big") % 31 == 0
        return body if looks_like_html(body) else _inflate(body, 15 if zlib_head else -15, encoding, limit, cut)
    if encoding == "br":
        return body if looks_like_html(body) else _collect(_brotli(body), encoding, limit, cut)
    if encoding == "zstd":
        if not body.startswith(b"\x28\xb5\x2f\xfd"):
            return _as_is(body, encoding)
        return _collect(Zstd().member(Window(io.BytesIO(body))), encoding, limit, cut)
    return body  # `identity`, and the many wrong values such as `utf-8`


def _as_is(body: bytes, encoding: str) -> bytes:
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
        while part := reader.read(1 << 16):
            yield part
    except OSError as error:  # the reader does not tell an early end from damage
        raise MemberError(str(error)) from None


def _collect(parts: Iterator[bytes], encoding: str, limit: int, cut: bool) -> bytes:
    out, size = [], 0
    try:
        for part in parts:
            out.append(part)
            size += len(part)
            if size > limit:
                raise ValueError(f"the body has more than {limit} bytes when decoded")
    except TruncatedError:
        if not cut:
            raise ValueError(f"Content-Encoding {encoding} ends early") from None
    except MemberError:
        raise ValueError(f"Content-Encoding {encoding} is broken") from None
    return b"".join(out)
