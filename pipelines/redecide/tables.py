"""Attribute tables beside an output whose columns rules read: what `--with` names."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curricle.errors import OutputError, one_line
from curricle.pipelines.output.attribute_tables import part_path, read_table_record
from curricle.schemas.column import Column


@dataclass(frozen=True)
class AttributeTable:
    """A finished attribute table, and those of its columns that are read."""

    path: Path
    fingerprint: str
    columns: tuple[Column, ...]

    def rows(self, shard: str, ids: pa.Array, names: Iterable[str]) -> Mapping[str, pa.Array]:
        """Values of these columns for the documents of a shard, found by id; null for a document that has no row.

        Raises OutputError if the part is missing.
        """
        wanted = [name for name in names if name in {column.name for column in self.columns}]
        if not wanted:
            return {}
        path = part_path(self.path, shard)
        try:
            rows = pq.read_table(path, columns=["id", *wanted]).combine_chunks()
        except FileNotFoundError:
            raise OutputError(f"{self.path}: has no part for shard {shard}; make it from this output") from None
        except (OSError, pa.ArrowException) as error:
            raise OutputError(f"{path}: {one_line(error)}") from None
        if rows.column("id").combine_chunks().equals(ids):
            at = pa.array(np.arange(len(ids)))
        else:
            at = pc.index_in(ids, value_set=rows.column("id").combine_chunks())
        return {name: _one(rows.column(name).take(at)) for name in wanted}


def open_table(path: Path) -> AttributeTable:
    """An attribute table. Raises OutputError if it is not finished, or has no column `id`."""
    record = read_table_record(path)
    if not record["finished"]:
        raise OutputError(f"{path}: not finished; run the same `curricle {record['kind']}` command again first")
    part = min(path.glob("part-*.parquet"), default=None)
    if part is None:
        raise OutputError(f"{path}: has no part")
    schema = pq.read_schema(part)
    if "id" not in schema.names:
        raise OutputError(f"{path}: has no column 'id'")
    columns = tuple(Column(name=field.name, dtype=field.type, doc="") for field in schema if field.name != "id")
    return AttributeTable(path, record["fingerprint"], columns)


def check_names(tables: Sequence[AttributeTable], own: Iterable[str], read: Iterable[str]) -> None:
    """OutputError if a column that rules read is in the output and a table, or in two tables."""
    where = dict.fromkeys(own, "the output")
    for table in tables:
        for column in table.columns:
            if column.name in where and column.name in set(read):
                raise OutputError(f"{table.path}: column {column.name!r} is in {where[column.name]} too; leave one out")
            where.setdefault(column.name, str(table.path))


def _one(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
