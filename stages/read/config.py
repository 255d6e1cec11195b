"""What every reader is told: which fields mean what, how large a batch and a record may be, what is passed through."""

from curricle.schemas.column import Column
from curricle.schemas.columns import COLUMNS, DEAD, DOCUMENT, PAYLOAD, READ_SCHEMA
from curricle.schemas.config import Config, did_you_mean
from pydantic import Field, field_validator


class ReadConfig(Config):
    """How inputs become rows of READ_SCHEMA; the field names concern JSONL and Parquet only."""

    text_column: str = Field(default="text", min_length=1)
    url_column: str = "url"
    id_column: str = "id"  # becomes `source_id`
    date_column: str = "date"
    metadata: bool = True  # False: the input's other fields are not kept
    statuses: tuple[int, ...] = (200,)  # WARC responses with another HTTP status are no documents; empty: all are
    carry: tuple[str, ...] = ()  # columns of ours that a Parquet input already has, kept as columns
    batch_bytes: int = Field(default=4_000_000, ge=1)  # text and payload of a batch; one larger record is its own batch
    batch_rows: int = Field(default=1000, ge=1)
    max_record_bytes: int = Field(default=128 << 20, ge=1, lt=1 << 31)  # a larger record is a dead letter

    @field_validator("carry")
    @classmethod
    def _carry_is_known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        allowed = [name for name in COLUMNS if name not in READ_SCHEMA.names]
        for name in names:
            if name not in allowed:
                raise ValueError(f"{name!r} is not a column that a stage writes{did_you_mean(name, allowed)}")
        if len(set(names)) != len(names):
            raise ValueError(f"a column is named twice in {names}")
        return names

    def writes(self) -> tuple[Column, ...]:
        """READ_SCHEMA's columns, then the carried ones."""
        return (*DOCUMENT, *PAYLOAD, *DEAD, *self.carried())

    def carried(self) -> tuple[Column, ...]:
        """The columns of `carry`, in order."""
        return tuple(COLUMNS[name] for name in self.carry)
