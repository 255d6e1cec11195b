"""Settings of the readers: names of fields, limits for batches and records, columns to carry."""

from pydantic import Field, field_validator

from curricle.schemas.column import Column
from curricle.schemas.columns import COLUMNS, DEAD, DOCUMENT, PAYLOAD, READ_SCHEMA
from curricle.schemas.config import Config
from curricle.stages.read.types import type_named


class ReadConfig(Config):
    """How inputs become rows of READ_SCHEMA. The names of columns apply only to JSON lines, Parquet and CSV."""

    text_column: str = Field(default="text", min_length=1)
    """JSON lines, Parquet and CSV: the field that holds the text. `a.b` is the field `b` of the object `a`."""
    url_column: str = "url"
    """JSON lines, Parquet and CSV: the field that holds the URL, such as `metadata.url`."""
    id_column: str = "id"
    """JSON lines, Parquet and CSV: the field with the document's own id, which becomes `source_id`."""
    date_column: str = "date"
    """JSON lines, Parquet and CSV: the field that holds the date."""
    metadata: bool = True
    """Keep the input's other fields, as JSON, in the column `metadata`."""
    statuses: tuple[int, ...] = (200,)
    """WARC: HTTP status codes of the responses that are documents. An empty list means all."""
    carry: tuple[str, ...] = ()
    """JSON lines, Parquet and CSV: fields of the input that become columns: those of an earlier run, which are then not measured
    again, and any others (`minhash_cluster_size`, `metadata.layer`). `["*"]`: all fields.
    """
    carry_types: dict[str, str] = Field(default_factory=dict)
    """Types of carried columns that are not of an earlier run, such as `int64`, `float64`, `string`, `bool`, `timestamp[us]` or
    `list<string>`. What is not given here is found in the inputs when a run is planned.
    """
    batch_bytes: int = Field(default=4_000_000, ge=1)
    """Bytes of text and HTML in a batch. A larger record is a batch of its own."""
    batch_rows: int = Field(default=1000, ge=1)
    """Largest number of rows in a batch."""
    max_record_bytes: int = Field(default=128 << 20, ge=1, lt=1 << 31)
    """A larger record becomes a dead letter."""

    @field_validator("carry")
    @classmethod
    def _carry_is_possible(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(names)) != len(names):
            raise ValueError(f"a column is named twice: {', '.join(names)}")
        for name in names:
            if name in READ_SCHEMA.names:
                raise ValueError(f"every document has the column {name!r} already")
        return names

    @field_validator("carry_types")
    @classmethod
    def _types_are_known(cls, types: dict[str, str]) -> dict[str, str]:
        for name, kind in types.items():
            try:
                type_named(kind)
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from None
        return types

    def renamed(self) -> dict[str, str]:
        """The settings that name a column other than the default, without `text_column`: setting to name of the column."""
        chosen = {name: str(getattr(self, name)) for name in ("url_column", "id_column", "date_column")}
        return {name: value for name, value in chosen.items() if value != type(self).model_fields[name].default}

    def writes(self) -> tuple[Column, ...]:
        """The columns of READ_SCHEMA, then the carried ones."""
        return (*DOCUMENT, *PAYLOAD, *DEAD, *self.carried())

    def carried(self) -> tuple[Column, ...]:
        """The columns of `carry` whose types are known, in order: those of our stages, and those of `carry_types`."""
        known = (name for name in self.carry if name in COLUMNS or name in self.carry_types)
        return tuple(COLUMNS[name] if name in COLUMNS else _own(name, self.carry_types[name]) for name in known)

    def unknown(self) -> tuple[str, ...]:
        """The names in `carry` whose types have to be found in the inputs; `*` among them stands for all others."""
        return tuple(name for name in self.carry if name not in COLUMNS and name not in self.carry_types)


def _own(name: str, kind: str) -> Column:
    return Column(name=name, dtype=type_named(kind), doc="carried from the input", null="the input has no such value")
