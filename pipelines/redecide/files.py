"""Reads, joins and copies the Parquet files of outputs."""

import base64
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from curricle.errors import OutputError, one_line
from curricle.storage.output import OutputPath


def read_columns(path: OutputPath, names: Sequence[str]) -> pa.Table:
    """Those of the columns that a file has. Raises OutputError if it cannot be read."""
    try:
        with path.open("rb") as stored, pq.ParquetFile(stored) as parquet:
            return parquet.read([name for name in names if name in parquet.schema_arrow.names])
    except (OSError, pa.ArrowException) as error:
        raise OutputError(f"{path}: {one_line(error)}; run the same `curricle run` command again first") from None


def stream(path: OutputPath, rows: int) -> Iterator[pa.RecordBatch]:
    """All rows of a file, so many at a time."""
    with path.open("rb") as stored, pq.ParquetFile(stored) as parquet:
        for batch in parquet.iter_batches(rows):
            yield batch.replace_schema_metadata(None)


class RowReader:
    """Reads the rows of a file in order, as many as are asked for; from storage `rows` at a time."""

    def __init__(self, path: OutputPath, rows: int) -> None:
        self.path, self.rows, self.stack = path, rows, ExitStack()
        self.held: pa.Table | None = None

    def __enter__(self) -> "RowReader":
        stored = self.stack.enter_context(self.path.open("rb"))
        parquet = self.stack.enter_context(pq.ParquetFile(stored))
        self.batches = parquet.iter_batches(self.rows)
        self.held = parquet.schema_arrow.remove_metadata().empty_table()
        return self

    def __exit__(self, *_: object) -> None:
        self.stack.close()

    def take(self, rows: int) -> pa.Table:
        """The next rows."""
        assert self.held is not None
        while self.held.num_rows < rows:
            batch = next(self.batches).replace_schema_metadata(None)
            self.held = pa.concat_tables([self.held, pa.Table.from_batches([batch])])
        taken, self.held = self.held.slice(0, rows), self.held.slice(rows)
        return taken


def restamp(source: OutputPath, target: Path, schema: pa.Schema) -> bool:
    """Copy a Parquet file with the metadata of `schema`, whose values have the length of those in the file.

    Only the end of the file, where the metadata is, differs from the original. Returns False, and leaves no file, if the metadata
    is of another form: then the rows must be written again.
    """
    with source.open("rb") as stored, target.open("wb") as file:
        shutil.copyfileobj(stored, file)
    with target.open("r+b") as file:
        with pq.ParquetFile(file) as parquet:
            before, arrow = parquet.schema_arrow.metadata or {}, (parquet.metadata.metadata or {}).get(b"ARROW:schema", b"")
        now = schema.metadata or {}
        file.seek(-8, 2)
        size = int.from_bytes(file.read(4), "little")
        file.seek(-8 - size, 2)
        footer = file.read(size)
        pairs = [(before[key], now[key]) for key in now if key in before]
        stamped = base64.b64decode(arrow)
        for old, new in pairs:
            footer, stamped = footer.replace(old, new), stamped.replace(old, new)
        footer = footer.replace(arrow, base64.b64encode(stamped))
        if len(footer) == size:
            file.seek(-8 - size, 2)
            file.write(footer)
            file.flush()
    if len(footer) == size and pq.read_schema(target).equals(schema, check_metadata=True):
        return True
    target.unlink()
    return False


def one_batch(table: pa.Table) -> pa.RecordBatch:
    """All rows in one batch."""
    return pa.record_batch([one_array(column) for column in table.columns], schema=table.schema)


def one_array(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    """A column in one piece."""
    if isinstance(column, pa.Array):
        return column
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
