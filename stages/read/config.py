"""Settings of the readers: names of fields, limits for batches and records, columns to carry."""

from pydantic import Field, field_validator

from curricle.schemas.column import Column
from curricle.schemas.columns import COLUMNS, DEAD, DOCUMENT, PAYLOAD, READ_SCHEMA
from curricle.schemas.config import Config, did_you_mean


class ReadConfig(Config):
    """How inputs become rows of READ_SCHEMA. The names of columns apply only to JSONL and Parquet."""

    text_column: str = Field(default="text", min_length=1)
    url_column: str = "url"
    id_column: str = "id"  # becomes `source_id`
    date_column: str = "date"
    metadata: bool = True  # False: drop the input's other fields
    statuses: tuple[int, ...] = (200,)  # HTTP status codes of WARC responses that are documents; empty: all
    carry: tuple[str, ...] = ()  # columns written by our stages that a Parquet input already has, to keep as columns
    batch_bytes: int = Field(default=4_000_000, ge=1)  # text and payload per batch; a larger record is a batch of its own
    batch_rows: int = Field(default=1000, ge=1)
    max_record_bytes: int = Field(default=128 << 20, ge=1, lt=1 << 31)  # a larger record is a dead letter

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

    def writes(self) -> tuple[Column, ...]:
        """The columns of READ_SCHEMA, then the carried ones."""
        return (*DOCUMENT, *PAYLOAD, *DEAD, *self.carried())

    def carried(self) -> tuple[Column, ...]:
        """The columns of `carry`, in order."""
        return tuple(COLUMNS[name] for name in self.carry)
