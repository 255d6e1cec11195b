"""What a column is."""

from collections.abc import Iterable
from dataclasses import dataclass

import pyarrow as pa


@dataclass(frozen=True, kw_only=True)
class Column:
    """One output column: what it holds, and what a null in it says."""

    name: str
    dtype: pa.DataType
    doc: str
    null: str = "never null"

    @property
    def field(self) -> pa.Field:
        """The Arrow field (always nullable: a dead row carries nulls)."""
        return pa.field(self.name, self.dtype)


def schema_of(columns: Iterable[Column]) -> pa.Schema:
    """Arrow schema of these columns, in order."""
    return pa.schema([column.field for column in columns])
