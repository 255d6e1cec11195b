"""The definition of a column."""

from collections.abc import Iterable
from dataclasses import dataclass

import pyarrow as pa


@dataclass(frozen=True, kw_only=True)
class Column:
    """One output column: its content, what null means, and its values if they are a fixed list."""

    name: str
    dtype: pa.DataType
    doc: str
    null: str = "never null"
    values: tuple[str, ...] = ()
    """All values that a text column can have; empty if they are not a fixed list."""

    @property
    def field(self) -> pa.Field:
        """The Arrow field (always nullable, because the row of a dead letter has nulls)."""
        return pa.field(self.name, self.dtype)


def schema_of(columns: Iterable[Column]) -> pa.Schema:
    """Arrow schema of these columns, in order."""
    return pa.schema([column.field for column in columns])
