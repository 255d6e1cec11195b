"""HTML to main text and title.

Source: our own extractor (`stages.extraction`), resiliparse or trafilatura (`stages.markup`, which also limits what a page may
cost), after decoding by the WHATWG Encoding Standard (`stages.charset`). Rows that carry text already pass through.
"""

from functools import lru_cache, partial
from pathlib import Path
from typing import Final, Literal, NamedTuple, Self

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, model_validator

from curricle.errors import one_line
from curricle.models.catalog import model_of_kind
from curricle.schemas.batches import append_columns, mark_dead, scatter, text_chars
from curricle.schemas.column import Column
from curricle.schemas.columns import EXTRACT, PAYLOAD
from curricle.schemas.config import Config
from curricle.schemas.stage import Stage
from curricle.stages.charset import decode_html, header_codec, whatwg_name
from curricle.stages.extraction.extractor import load_extractor
from curricle.stages.markup import Extractor, extract_page, extract_resiliparse, extract_trafilatura
from curricle.stages.utf16 import utf16_without_mark

_MAGIC: Final = {
    b"%PDF-": "PDF",
    b"\x89PNG\r\n": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"GIF8": "GIF",
    b"RIFF": "RIFF (WebP, AVI, WAV)",
    b"PK\x03\x04": "ZIP",
    b"\x1f\x8b": "gzip",
    b"\x28\xb5\x2f\xfd": "Zstandard",
    b"\xd0\xcf\x11\xe0": "OLE (old Office)",
    b"\x00\x00\x01\x00": "icon",
    b"\x7fELF": "ELF",
    b"wOFF": "font",
    b"wOF2": "font",
    b"OTTO": "font",
    b"ID3": "MP3",
    b"OggS": "Ogg",
    b"CWS": "Flash",
    b"FWS": "Flash",
    b"{\\rtf": "RTF",
}
_CONTROL: Final = bytes({*range(0x20), 0x7F} - {*b"\t\n\x0b\x0c\r\x1b"})
_UTF16_BOMS: Final = (b"\xff\xfe", b"\xfe\xff")
_LOOKED_AT: Final = 8_192


class DecodedPage(NamedTuple):
    """What one page gives: the columns of its row."""

    title: str | None
    text: str | None
    charset: str | None
    charset_source: str | None
    confidence: float | None


NO_PAGE: Final = DecodedPage(None, "", None, None, None)
"""For a dead letter: its text is removed later."""


class ExtractConfig(Config):
    """Settings of the stage `extract`."""

    extractor: Literal["learned", "resiliparse", "trafilatura"] = "learned"
    """What finds the main text of a page."""
    format: Literal["text", "markdown"] = "text"
    """How `learned` writes the text. Both keep paragraphs, lists, tables and the lines of code; Markdown also marks headings,
    quotes and code. Links are never kept."""
    comments: bool = False
    """Whether comments of readers below a page belong to its text. The posts of a forum always do."""
    plain_spaces: bool = True
    """Whether `learned` writes every kind of space as U+0020 and drops soft hyphens, zero-width spaces, word joiners and byte
    order marks. Joiners of letters (U+200C, U+200D) are always kept."""
    max_html_bytes: int = Field(default=10_000_000, ge=1)
    """A larger page becomes a dead letter; it is never cut. (Common Crawl itself cuts pages at 5 MiB.)"""

    @model_validator(mode="after")
    def _only_learned(self) -> Self:
        if self.extractor != "learned":
            for name in ("format", "plain_spaces"):
                if getattr(self, name) != type(self).model_fields[name].default:
                    raise ValueError(f"{name} is a setting of `extractor: learned`")
        return self

    def packages(self) -> tuple[str, ...]:
        """Resiliparse detects encodings for all, and trafilatura falls back on justext."""
        parsers = {"learned": ("selectolax",), "resiliparse": (), "trafilatura": ("trafilatura", "justext", "lxml")}
        return ("resiliparse", *parsers[self.extractor])

    def models(self) -> tuple[Path, ...]:
        """The folder of the model, if one is used."""
        return (model_of_kind("extractor", "extractor"),) if self.extractor == "learned" else ()


@lru_cache(maxsize=8)
def extractor_of(config: ExtractConfig) -> Extractor:
    """The extractor that `config` names, with its settings, loaded once in a process; ModelError for a damaged model."""
    if config.extractor == "resiliparse":
        return partial(extract_resiliparse, comments=config.comments)
    if config.extractor == "trafilatura":
        return partial(extract_trafilatura, comments=config.comments)
    model = load_extractor(*config.models())
    return partial(model.extract, markdown=config.format == "markdown", comments=config.comments, plain=config.plain_spaces)


def extract_text(batch: pa.RecordBatch, config: ExtractConfig) -> pa.RecordBatch:
    """Fill `text` (string) of rows with a payload; append `title` (string), `text_chars` (int32, code points, ends trimmed),
    `charset`, `charset_source` (strings), `page_truncated` (bool) and `extract_confidence` (float32, 0..1).

    `text` is empty if a page has no main text; rows that have text keep it and get nulls in all but `text_chars`, which is null
    where `text` is. A page that is binary data, too large, too costly or that the extractor fails on becomes a dead letter of
    `extract`. NUL characters are dropped. The columns of PAYLOAD are removed; in a batch without them existing columns stay.
    """
    return extract_with(batch, extractor_of(config), config.max_html_bytes)


def extract_with(batch: pa.RecordBatch, extractor: Extractor, max_html_bytes: int) -> pa.RecordBatch:
    """`extract_text` with any extractor."""
    earlier = {column.name: _column(batch, column) for column in EXTRACT}
    if "payload" not in batch.schema.names:
        chars = batch.column("text_chars") if "text_chars" in batch.schema.names else text_chars(batch.column("text"))
        return append_columns(batch, EXTRACT, earlier | {"text_chars": chars})
    waiting = pc.and_(batch.column("text").is_null(), batch.column("dead_reason").is_null())
    waiting = pc.and_(waiting, batch.column("payload").is_valid())
    mask = waiting.to_numpy(zero_copy_only=False)
    payload = batch.column("payload").filter(waiting)
    results = [
        _page(body.as_buffer().to_pybytes(), content_type, extractor, max_html_bytes)
        for body, content_type in zip(payload, batch.column("payload_type").filter(waiting).to_pylist(), strict=True)
    ]
    pages = [result if isinstance(result, DecodedPage) else NO_PAGE for result in results]
    reasons = [result if isinstance(result, str) else None for result in results]
    found = {
        "title": pa.array([page.title for page in pages], pa.string()),
        "charset": pa.array([page.charset for page in pages], pa.string()),
        "charset_source": pa.array([page.charset_source for page in pages], pa.string()),
        "extract_confidence": pa.array([page.confidence for page in pages], pa.float32()),
    }
    columns = {name: pc.coalesce(scatter(values, mask), earlier[name]) for name, values in found.items()}
    columns["page_truncated"] = pc.coalesce(_truncated(batch), earlier["page_truncated"])
    text = pc.coalesce(batch.column("text"), scatter(pa.array([page.text for page in pages], pa.string()), mask))
    at = batch.schema.get_field_index("text")
    batch = batch.set_column(at, batch.schema.field(at), text)
    batch = mark_dead(batch, scatter(pa.array(reasons, pa.string()), mask), "extract", batch.column("payload"))
    batch = batch.drop_columns([column.name for column in PAYLOAD if column.name in batch.schema.names])
    return append_columns(batch, EXTRACT, columns | {"text_chars": text_chars(batch.column("text"))})


def _column(batch: pa.RecordBatch, column: Column) -> pa.Array:
    return batch.column(column.name) if column.name in batch.schema.names else pa.nulls(batch.num_rows, column.dtype)


def _truncated(batch: pa.RecordBatch) -> pa.Array:
    return _column(batch, next(column for column in PAYLOAD if column.name == "payload_truncated"))


def _page(payload: bytes, content_type: str | None, extractor: Extractor, max_html_bytes: int) -> DecodedPage | str:
    """The page, or one line that says why it cannot be used."""
    if len(payload) > max_html_bytes:
        return f"HTML of {len(payload)} bytes, over the limit of {max_html_bytes}"
    kind = binary_kind(payload, content_type)
    if kind is not None:
        return f"not text: {kind}"
    try:
        html, codec, source = decode_html(payload, content_type)
        page = extract_page(html.replace("\0", "") if b"\0" in payload else html, extractor)
        return DecodedPage(page.title, page.text, whatwg_name(codec), source, page.confidence)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # a panic in the extractor's Rust code is not an Exception
        return one_line(error, kind=True)


def binary_kind(payload: bytes, content_type: str | None) -> str | None:
    """What the bytes are if they are not text: a known file type, or more than a tenth control characters in the first 8 KB."""
    for magic, kind in _MAGIC.items():
        if payload.startswith(magic):
            return kind
    if payload.startswith(_UTF16_BOMS) or (header_codec(content_type) or "").startswith("utf-16"):
        return None
    head = payload[:_LOOKED_AT]
    control = len(head) - len(head.translate(None, _CONTROL))
    if control * 10 <= len(head) or utf16_without_mark(head):
        return None
    return f"{control} control characters in {len(head)} bytes"


STAGE: Final = Stage(
    name="extract",
    kernel=extract_text,
    config=ExtractConfig,
    columns=EXTRACT,
    models=ExtractConfig.models,
    packages=ExtractConfig.packages,
)
