"""HTML to main text and title, by resiliparse (Bevendorff et al., https://resiliparse.chatnoir.eu).

Charset: byte order mark, then the HTTP header, then <meta>, then detection; a label that the bytes contradict is not used.
"""

import re
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from pathlib import Path
from typing import ClassVar, NamedTuple

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field
from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.encoding import bytes_to_str, detect_encoding, map_encoding_to_html5
from resiliparse.parse.html import HTMLTree

from schemas.batches import append_columns, mark_dead
from schemas.columns import EXTRACT, PAYLOAD, Column
from schemas.config import Config
from stages.kernel import RunKernel

MAX_TAGS = 200_000
"""`<` in one page; deeper or longer trees cost seconds and no article has them."""

MAX_DEPTH = 500
"""Open elements at one place; the parser's own time grows with the square of the depth (100,000 took over 300 s)."""

_NESTING = re.compile(rb"<(/?)(?:div|span|b|i|u|a|font|em|strong|table|ul|ol|section|blockquote|center|small|big|dl)\b", re.I)
_META = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([A-Za-z0-9_:.-]+)", re.IGNORECASE)
_HEADER = re.compile(r"charset\s*=\s*[\"']?\s*([A-Za-z0-9_:.-]+)", re.IGNORECASE)
_BINARY = (b"%PDF-", b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"PK\x03\x04", b"\x1f\x8b\x08", b"RIFF", b"\x7fELF")


class ExtractConfig(Config):
    """`max_html_bytes`: a longer page is a dead letter."""

    expensive: ClassVar[bool] = False

    max_html_bytes: int = Field(default=10_000_000, ge=1)

    def reads(self) -> tuple[str, ...]:
        """Columns that must be there."""
        return ("text",)

    def writes(self) -> tuple[Column, ...]:
        """Columns that are appended."""
        return EXTRACT

    def models(self) -> tuple[Path, ...]:
        """None."""
        return ()


class Page(NamedTuple):
    """What one page gives: text and title, or why it cannot be read."""

    text: str | None
    title: str | None
    failure: str | None


def extract_text(batch: pa.RecordBatch, config: ExtractConfig) -> pa.RecordBatch:
    """Fill `text` from `payload`, append `title` (string) and `text_chars` (int32), and drop the payload columns.

    A row that has a text keeps it and has no title. A page without main text gets an empty text; a page that cannot be read
    (binary, too long, an error of the parser) becomes a dead letter.
    """
    titles: pa.Array = pa.nulls(batch.num_rows, pa.string())
    if "payload" in batch.schema.names:
        payloads = batch.column("payload")
        if payloads.null_count < batch.num_rows:
            types = batch.column("payload_type").to_pylist()
            pages = [
                _page(payload.as_buffer().to_pybytes(), kind or "", config) if payload.is_valid else Page(None, None, None)
                for payload, kind in zip(payloads, types, strict=True)
            ]
            texts = pc.coalesce(batch.column("text"), pa.array([page.text for page in pages], pa.string()))
            titles = pa.array([page.title for page in pages], pa.string())
            batch = batch.set_column(batch.schema.get_field_index("text"), "text", texts)
            batch = mark_dead(batch, pa.array([page.failure for page in pages], pa.string()), "extract", payloads)
        batch = batch.drop_columns([column.name for column in PAYLOAD])
    chars = pc.utf8_length(pc.utf8_trim_whitespace(batch.column("text")))
    return append_columns(batch, EXTRACT, {"title": titles, "text_chars": chars})


def _page(html: bytes, content_type: str, config: ExtractConfig) -> Page:
    if len(html) > config.max_html_bytes:
        return Page(None, None, f"page of {len(html)} bytes is over max_html_bytes")
    if html.startswith(_BINARY) or _is_binary(html):
        return Page(None, None, "binary content labelled as text")
    if html.count(b"<") > MAX_TAGS:
        return Page(None, None, f"page of over {MAX_TAGS} tags")
    if _depth(html) > MAX_DEPTH:
        return Page(None, None, f"page nested deeper than {MAX_DEPTH} elements")
    try:
        tree = HTMLTree.parse(decode(html, content_type))
        text = extract_plain_text(tree, preserve_formatting=True, main_content=True, alt_texts=False)
        title = " ".join((tree.title or "").split())
    except Exception as error:  # one page must not cost the batch, whatever its parser says
        return Page(None, None, f"{type(error).__name__}: {error}".splitlines()[0])
    return Page(_valid(text), _valid(title) or None, None)


def _depth(html: bytes) -> int:
    deepest = depth = 0
    for tag in _NESTING.finditer(html):
        depth = max(0, depth - 1) if tag[1] else depth + 1
        deepest = max(deepest, depth)
    return deepest


def _is_binary(html: bytes) -> bool:
    if html.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        return False
    head = np.frombuffer(html[:4096], np.uint8)
    return head.size > 0 and float(np.mean((head < 9) | ((head > 13) & (head < 32) & (head != 27)))) > 0.1


def _valid(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")  # a lone surrogate has no UTF-8


def decode(html: bytes, content_type: str) -> str:
    """The page as text; never raises."""
    if html.startswith(BOM_UTF8):
        return html[3:].decode("utf-8", "replace")
    for mark, codec in ((BOM_UTF16_LE, "utf-16-le"), (BOM_UTF16_BE, "utf-16-be")):
        if html.startswith(mark):
            return html[2:].decode(codec, "replace")
    try:
        return html.decode("utf-8")  # text of another charset is practically never valid UTF-8
    except UnicodeDecodeError:
        pass
    header, meta = _HEADER.search(content_type), _META.search(html[:4096])
    for label in (header and header[1], meta and meta[1].decode("ascii")):
        name = map_encoding_to_html5(label) if label else None
        if name and name != "utf-8":
            return str(bytes_to_str(html, str(name)))
    return str(bytes_to_str(html, detect_encoding(html) or "utf-8"))


class ExtractText(beam.PTransform):
    """Apply `extract_text` to every batch."""

    def __init__(self, config: ExtractConfig) -> None:
        super().__init__()
        self.config = config

    def expand(self, batches: beam.PCollection[pa.RecordBatch]) -> beam.PCollection[pa.RecordBatch]:
        """Wire the kernel."""
        return batches | "Extract" >> beam.ParDo(RunKernel("extract", extract_text, self.config))
