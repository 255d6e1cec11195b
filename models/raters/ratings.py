"""Tables of ratings: Parquet files with an integer column (1 to 5) for each criterion and the name of a domain."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curricle.errors import RatingsError, did_you_mean
from curricle.schemas.columns import DOMAINS, QUALITY_CRITERIA
from curricle.schemas.config import Config


class RatingColumns(Config):
    """How the rater named its columns: `prefix` + criterion, and the column of the domain."""

    prefix: str = "quality_"
    domain: str = "domain"

    def criteria(self, table: pa.Table) -> list[str]:
        """The criteria that `table` has, in DataMan's order."""
        return [name for name in QUALITY_CRITERIA if self.prefix + name in table.schema.names]


def read_ratings(paths: Sequence[Path], columns: RatingColumns) -> pa.Table:
    """All rows of the files, with ratings as int8, domains as strings and other columns unchanged.

    A RatingsError names the file and the column that is missing, has another type, or a value that is not a rating or domain.
    """
    tables = [_read(path, columns) for path in paths]
    try:
        return pa.concat_tables(tables, promote_options="permissive")
    except pa.ArrowInvalid as error:
        raise RatingsError(f"the files have different columns: {str(error).splitlines()[0]}") from None


def _read(path: Path, columns: RatingColumns) -> pa.Table:
    try:
        table = pq.read_table(path, partitioning=None)
    except (OSError, pa.ArrowInvalid) as error:
        raise RatingsError(f"{path}: {str(error).splitlines()[0]}") from None
    if not columns.criteria(table) and columns.domain not in table.schema.names:
        wanted = f"{columns.prefix}{QUALITY_CRITERIA[-1]}"
        raise RatingsError(f"{path} has no ratings: no column {wanted!r}{did_you_mean(wanted, table.schema.names)}")
    for name in (columns.prefix + criterion for criterion in columns.criteria(table)):
        ratings = table[name]
        if not pa.types.is_integer(ratings.type):
            raise RatingsError(f"{path}: column {name!r} has type {ratings.type}; integers from 1 to 5 are required")
        span = pc.min_max(ratings).as_py()
        if span["min"] is not None and not (span["min"] >= 1 and span["max"] <= 5):
            raise RatingsError(f"{path}: column {name!r} has values from {span['min']} to {span['max']}; ratings are 1 to 5")
        table = _replace(table, name, ratings.cast(pa.int8()))
    if columns.domain in table.schema.names:
        if not pa.types.is_string(table[columns.domain].type):
            if pa.types.is_nested(table[columns.domain].type):
                raise RatingsError(f"{path}: column {columns.domain!r} has type {table[columns.domain].type}; text is required")
            table = _replace(table, columns.domain, table[columns.domain].cast(pa.string()))
        unknown = [name for name in pc.unique(table[columns.domain]).to_pylist() if name is not None and name not in DOMAINS]
        if unknown:
            raise RatingsError(f"{path}: column {columns.domain!r} holds {unknown[0]!r}{did_you_mean(unknown[0], DOMAINS)}")
    return table


def _replace(table: pa.Table, name: str, column: pa.ChunkedArray) -> pa.Table:
    return table.set_column(table.schema.get_field_index(name), name, column)
