"""Settings of the readers: names of fields, limits for batches and records, columns to carry."""

from pydantic import Field, field_validator

from curricle.errors import did_you_mean
from curricle.schemas.column import Column
from curricle.schemas.columns import COLUMNS, DEAD, DOCUMENT, PAYLOAD, READ_SCHEMA
from curricle.schemas.config import Config


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
    """Parquet: columns of an earlier run that are kept as columns and not measured again."""
    batch_bytes: int = Field(default=4_000_000, ge=1)
    """Bytes of text and HTML in a batch. A larger record is a batch of its own."""
    batch_rows: int = Field(default=1000, ge=1)
    """Largest number of rows in a batch."""
    max_record_bytes: int = Field(default=128 << 20, ge=1, lt=1 << 31)
    """A larger record becomes a dead letter."""

    @field_validator("carry")
    @classmethod
    def _carry_is_known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        allowed = [name for name in COLUMNS if name not in READ_SCHEMA.names]
        for name in names:
            if name not in allowed:
                raise ValueError(f"no stage writes a column {name!r}{did_you_mean(name, allowed)}")
        if len(set(names)) != len(names):
            raise ValueError(f"a column is named twice: {', '.join(names)}")
        return names

    def renamed(self) -> dict[str, str]:
        """The settings that name a column other than the default, without `text_column`: setting to name of the column."""
        chosen = {name: str(getattr(self, name)) for name in ("url_column", "id_column", "date_column")}
        return {name: value for name, value in chosen.items() if value != type(self).model_fields[name].default}

    def writes(self) -> tuple[Column, ...]:
        """The columns of READ_SCHEMA, then the carried ones."""
        return (*DOCUMENT, *PAYLOAD, *DEAD, *self.carried())

    def carried(self) -> tuple[Column, ...]:
        """The columns of `carry`, in order."""
        return tuple(COLUMNS[name] for name in self.carry)
