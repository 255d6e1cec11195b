"""Collects records one by one into batches of READ_SCHEMA. All readers except that of Parquet use it."""

import base64
from collections import Counter
from dataclasses import dataclass
from typing import Any

import orjson
import pyarrow as pa

from curricle.schemas.column import schema_of
from curricle.schemas.columns import READ_SCHEMA
from curricle.schemas.shards import document_id
from curricle.stages.read.config import ReadConfig
from curricle.stages.read.fields import partitions
from curricle.stages.read.types import column_of

NAMED = ("url_column", "id_column", "date_column")
"""Settings that name columns, besides that of the text."""

DERIVED = ("id", "source", "dead_stage")
"""Columns that are computed from the others when a batch is complete."""

DEAD_BYTES = 200  # first bytes of a record that are kept in `dead_bytes`


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record that could not be read: a line or a WARC record that is damaged or too long, or damaged bytes in its place."""

    offset: int
    reason: str
    first_bytes: bytes
    may_continue: bool = False  # the next line may be the rest of this one


class Rows:
    """The rows of the batch that is being filled.

    `add` and `add_dead` append one row each; `take` returns the batch and starts the next one.
    """

    def __init__(self, source: str, config: ReadConfig) -> None:
        self.source, self.config = source, config
        self.counts: Counter[str] = Counter()  # what to note at the end: a sentence, and how often
        self.watched = [(at, setting) for at, setting in enumerate(NAMED) if setting in config.renamed()]
        self.found: set[str] = set()  # those of the watched settings whose column a row had
        self.any = False
        self.partitions = partitions(source)
        self.carried = config.carried()
        self._start()

    def _start(self) -> None:
        self.size = 0
        self.columns: dict[str, list[Any]] = {name: [] for name in READ_SCHEMA.names if name not in DERIVED}
        self.values: list[tuple[Any, ...]] = []  # of the carried columns, one tuple a row

    def add(
        self,
        offset: int,
        *,
        source_id: str | None,
        url: str | None,
        date: str | None,
        metadata: str | None,
        size: int = 0,
        text: str | None = None,
        payload: bytes | None = None,
        payload_type: str | None = None,
        payload_truncated: bool | None = None,
        dead_reason: str | None = None,
        dead_bytes: bytes | None = None,
        carried: tuple[Any, ...] | None = None,
    ) -> None:
        """Append one row of `size` bytes; with `dead_reason` it is a dead letter. `carried`: values of the carried columns."""
        columns = self.columns
        columns["source_offset"].append(offset)
        columns["source_id"].append(source_id)
        columns["url"].append(url)
        columns["date"].append(date)
        columns["metadata"].append(metadata)
        columns["text"].append(text)
        columns["payload"].append(payload)
        columns["payload_type"].append(payload_type)
        columns["payload_truncated"].append(payload_truncated)
        columns["dead_reason"].append(dead_reason)
        columns["dead_bytes"].append(dead_bytes)
        if self.carried:
            self.values.append(carried or (None,) * len(self.carried))
        self.size += size

    def add_dead(self, letter: DeadLetter) -> None:
        """Append a record that could not be read at all."""
        self.add(
            letter.offset,
            source_id=None,
            url=None,
            date=None,
            metadata=None,
            dead_reason=letter.reason,
            dead_bytes=bytes(letter.first_bytes[:DEAD_BYTES]),
        )

    def unmatched(self) -> list[str]:
        """A note for each column that the recipe names and no row has."""
        names = self.config.renamed()
        missing = [(setting, names[setting]) for _, setting in self.watched if setting not in self.found]
        return [f"read.{setting}: no document has {name!r}" for setting, name in missing if self.any]

    def __len__(self) -> int:
        return len(self.columns["source_offset"])

    @property
    def full(self) -> bool:
        """True if the batch has reached its size."""
        return self.size >= self.config.batch_bytes or len(self) >= self.config.batch_rows

    def take(self) -> pa.RecordBatch:
        """Return the rows as one batch of READ_SCHEMA and the carried columns, and start over."""
        columns, rows = self.columns, len(self)
        self.any = True
        arrays = {name: pa.array(values, READ_SCHEMA.field(name).type) for name, values in columns.items()}
        arrays["id"] = pa.array([document_id(self.source, offset) for offset in columns["source_offset"]], pa.string())
        arrays["source"] = pa.repeat(self.source, rows)
        arrays["dead_stage"] = pa.array(["read" if reason else None for reason in columns["dead_reason"]], pa.string())
        for column, values in zip(
            self.carried, zip(*self.values, strict=True) if rows else [()] * len(self.carried), strict=True
        ):
            arrays[column.name], lost = column_of(values, column.dtype)
            self.counts[f"values that are no {column.dtype}, null in the carried column {column.name!r}"] += lost
        schema = schema_of(self.config.writes())
        self._start()
        return pa.record_batch([arrays[name] for name in schema.names], schema=schema)


def empty_batch(config: ReadConfig) -> pa.RecordBatch:
    """A batch without rows that has the schema of every reader's batches."""
    return Rows("", config).take()


def as_text(value: Any) -> str | None:
    """The value of a field that should be a string: null and strings unchanged, anything else as JSON."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return _plain(value)
    text = to_json(value)
    return orjson.loads(text) if text.startswith('"') else text


def to_json(value: Any) -> str:
    """Compact JSON with keys in their order.

    NaN and infinity become null, dates and times ISO 8601, bytes their text if they are UTF-8 and base64 otherwise, and other
    types from Arrow (Decimal, timedelta) their `str`. Raises ValueError if the value is nested too deeply.
    """
    try:
        return orjson.dumps(value, default=_plain, option=orjson.OPT_NON_STR_KEYS).decode()
    except orjson.JSONEncodeError as error:
        raise ValueError(f"fields that do not fit into `metadata`: {error}") from None


def _plain(value: Any) -> str:
    if not isinstance(value, bytes):
        return str(value)
    try:
        return value.decode()
    except UnicodeDecodeError:
        return base64.b64encode(value).decode()
