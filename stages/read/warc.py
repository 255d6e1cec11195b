"""Reads WARC and WET files (plain, .gz, .zst; ISO 28500): one row per HTML page or extracted text."""

from collections import Counter
from collections.abc import Iterator

import pyarrow as pa

from curricle.schemas.shards import Shard
from curricle.stages.read.compressed import compression_of, decode
from curricle.stages.read.config import ReadConfig
from curricle.stages.read.files import Window
from curricle.stages.read.http import Body, decode_body, is_html, may_be_html, media_type, parse_response
from curricle.stages.read.notes import Notes
from curricle.stages.read.records import Feed, Record, parse_head, read_records
from curricle.stages.read.rows import DEAD_BYTES, DeadLetter, Rows, to_json
from curricle.storage.files import open_input

USED = frozenset(("warc-type", "warc-target-uri", "warc-date", "warc-record-id", "content-length"))
REPLACED_SHARE = 0.1  # largest share of replaced characters in a WET text


def read_warc(shard: Shard, config: ReadConfig, notes: Notes) -> Iterator[pa.RecordBatch]:
    """Read batches of READ_SCHEMA and `config.carry` (null), in the order of the file.

    A `response` or `resource` record of HTML becomes `payload` (the body without encodings) and `payload_type`. A `conversion`
    record becomes `text`, in which invalid UTF-8 is replaced by U+FFFD; if that is more than a tenth of it, the record is a dead
    letter. So a page whose text was cut inside a character is kept, and a text in another encoding is not. All other records are
    not documents and are only counted, in `notes`. `metadata` holds the WARC headers that have no column.
    """
    skipped: Counter[str] = Counter()
    rows = Rows(shard.source, config)
    with open_input(shard.url) as file:
        window = Window(file)
        codec = compression_of(window, shard.url)
        feed = Feed(window, decode(window, codec, b"WARC/", notes) if codec else None)
        for record in read_records(feed, config.max_record_bytes, notes):
            if isinstance(record, DeadLetter):
                rows.add_dead(record)
            else:
                skip = _add(rows, record, config)
                if skip:
                    skipped[skip] += 1
            if rows.full:
                yield rows.take()
    if len(rows):
        yield rows.take()
    if replaced := skipped.pop("replaced", 0):
        notes.append(f"texts with invalid UTF-8 replaced: {replaced}")
    if skipped:
        notes.count_skipped(skipped)


def _add(rows: Rows, record: Record, config: ReadConfig) -> str | None:
    """Append the record's row. Returns what to count instead of a row, or `replaced`, which is counted in addition."""
    fields = parse_head(record.head)
    headers: dict[str, str] = {}
    for name, value in fields:
        headers.setdefault(name.lower(), value)
    kind = headers.get("warc-type", "").lower()
    if kind not in ("response", "resource", "conversion"):
        return kind[:40] or "records without a type"
    counted = text = body = payload_type = dead_reason = None
    try:
        if kind == "conversion":
            text, counted = _text(record.block)
        else:
            body, payload_type, skip = _page(record.block, kind, headers, config)
            if skip:
                return skip
    except ValueError as error:
        dead_reason = str(error)
    others: dict[str, str | list[str]] = {}
    if config.metadata:
        for name, value in fields:
            if name.lower() not in USED:
                others[name] = value if name not in others else [*_listed(others[name]), value]
    rows.add(
        record.offset,
        source_id=headers.get("warc-record-id", "").strip("<>") or None,
        url=headers.get("warc-target-uri", "").strip("<>") or None,
        date=headers.get("warc-date") or None,
        metadata=to_json(others) if others else None,
        size=len(body.data if body else record.block),
        text=text,
        payload=body.data if body else None,
        payload_type=payload_type,
        payload_truncated=body.truncated if body else None,
        dead_reason=dead_reason,
        dead_bytes=record.block[:DEAD_BYTES] if dead_reason else None,
    )
    return counted


def _listed(value: str | list[str]) -> list[str]:
    return value if isinstance(value, list) else [value]


def _text(block: bytes) -> tuple[str, str | None]:
    try:
        return block.decode(), None
    except UnicodeDecodeError:
        text = block.decode("utf-8", "replace")
    if text.count("\ufffd") > REPLACED_SHARE * len(text):
        raise ValueError("the text is not UTF-8")
    return text, "replaced"


def _page(block: bytes, kind: str, headers: dict[str, str], config: ReadConfig) -> tuple[Body | None, str | None, str | None]:
    """The body, its Content-Type header and, if it is not a document, a description of what it is.

    Raises ValueError with the reason of a dead letter.
    """
    block_type = headers.get("content-type")
    media = media_type(block_type)
    cut = "warc-truncated" in headers
    if kind == "resource" or (kind == "response" and media not in ("", "application/http") and not block.startswith(b"HTTP/")):
        if is_html(media, block):
            return Body(block, cut), block_type, None
        return None, None, f"{kind} of {media[:80] or 'no type'}"
    response = parse_response(block)
    if response is None:
        raise ValueError("the response has no HTTP status line")
    if config.statuses and response.status not in config.statuses:
        return None, None, f"response with status {response.status}"
    payload_type = response.headers.get("content-type") or None
    media = media_type(payload_type)
    if not may_be_html(media):  # it need not be decoded
        return None, None, f"response of {media[:80]}"
    body = decode_body(block[response.body_at :], response.headers, config.max_record_bytes)
    if not is_html(media, body.data):
        return None, None, f"response of {media[:80] or 'no type'}"
    return Body(body.data, body.truncated or cut), payload_type, None
