"""Tables of columns beside outputs, joined by document id: what `--with` names.

An attribute table (`curricle dedup`, `curricle decontaminate`) has a part for each shard. Any other Parquet file, or a folder of
them, with a text column `id` is held in memory as hashes of its ids and the columns that are read.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import xxhash

from curricle.errors import OutputError, one_line
from curricle.models.cards import file_sha256
from curricle.pipelines.output.attribute_tables import is_table, part_path, read_table_record
from curricle.pipelines.plan.fingerprint import fingerprint_sha256
from curricle.schemas.column import Column

ID = "id"


class JoinedTable(Protocol):
    """A table whose columns are found by document id."""

    @property
    def path(self) -> Path:
        """Where it is."""

    @property
    def fingerprint(self) -> str:
        """One hash of what it holds."""

    @property
    def columns(self) -> tuple[Column, ...]:
        """Its columns besides `id`."""

    def rows(self, shard: str, ids: pa.Array, names: Iterable[str]) -> Mapping[str, pa.Array]:
        """Those of these columns that it has, for documents of a shard, found by id; null for a document that has no row.

        Raises OutputError if the table cannot be read.
        """


@dataclass(frozen=True)
class AttributeTable:
    """A finished attribute table. `rows` reads the part of the shard."""

    path: Path
    fingerprint: str
    columns: tuple[Column, ...]

    def rows(self, shard: str, ids: pa.Array, names: Iterable[str]) -> Mapping[str, pa.Array]:
        """As JoinedTable says; OutputError if the part is missing."""
        wanted = _wanted(self.columns, names)
        if not wanted:
            return {}
        path = part_path(self.path, shard)
        try:
            rows = pq.read_table(path, columns=[ID, *wanted]).combine_chunks()
        except FileNotFoundError:
            raise OutputError(f"{self.path}: has no part for shard {shard}; make it from this output") from None
        except (OSError, pa.ArrowException) as error:
            raise OutputError(f"{path}: {one_line(error)}") from None
        known = _one(rows.column(ID))
        if len(known) >= len(ids) and known.slice(0, len(ids)).equals(ids):
            return {name: _one(rows.column(name)).slice(0, len(ids)) for name in wanted}
        at = pc.index_in(ids, value_set=known)
        return {name: _one(rows.column(name).take(at)) for name in wanted}


@dataclass(frozen=True)
class ParquetTable:
    """Parquet files with an id in each row, in any order."""

    path: Path
    fingerprint: str
    columns: tuple[Column, ...]
    files: tuple[Path, ...]
    _loaded: dict[tuple[str, ...], tuple[npt.NDArray[np.uint64], pa.Table]] = field(
        default_factory=dict, compare=False, repr=False
    )

    def rows(self, shard: str, ids: pa.Array, names: Iterable[str]) -> Mapping[str, pa.Array]:
        """As JoinedTable says. The columns are read once."""
        wanted = _wanted(self.columns, names)
        if not wanted:
            return {}
        hashes, table = self._load(tuple(wanted))
        sought = _hashes(ids)
        at = np.minimum(np.searchsorted(hashes, sought), max(len(hashes) - 1, 0))
        missing = hashes[at] != sought if len(hashes) else np.ones(len(ids), bool)
        places = pa.array(at, mask=missing)
        return {name: _one(table.column(name).take(places)) for name in wanted}

    def _load(self, names: tuple[str, ...]) -> tuple[npt.NDArray[np.uint64], pa.Table]:
        """Hashes of the ids in their order, and the rows in the same one. OutputError if an id occurs twice."""
        if names not in self._loaded:
            try:
                table = pa.concat_tables([pq.read_table(file, columns=[ID, *names]) for file in self.files])
            except (OSError, pa.ArrowException) as error:
                raise OutputError(f"{self.path}: {one_line(error)}") from None
            ids = _one(table.column(ID))
            hashes = _hashes(ids)
            order = np.argsort(hashes, kind="stable")
            hashes = hashes[order]
            if (twice := np.flatnonzero(hashes[1:] == hashes[:-1])).size:
                raise OutputError(f"{self.path}: the id {ids[int(order[twice[0]])].as_py()!r} occurs twice")
            self._loaded[names] = hashes, table.select(list(names)).take(pa.array(order)).combine_chunks()
        return self._loaded[names]


def open_table(path: Path) -> JoinedTable:
    """An attribute table, a Parquet file, or a folder of them. Raises OutputError for anything else."""
    return _attribute_table(path) if is_table(path) else _parquet_table(path)


def _attribute_table(path: Path) -> AttributeTable:
    record = read_table_record(path)
    if not record["finished"]:
        raise OutputError(f"{path}: not finished; run the same `curricle {record['kind']}` command again first")
    part = min(path.glob("part-*.parquet"), default=None)
    if part is None:
        raise OutputError(f"{path}: has no part")
    return AttributeTable(path, record["fingerprint"], _columns(path, pq.read_schema(part)))


def _parquet_table(path: Path) -> ParquetTable:
    files = tuple(sorted(path.rglob("*.parquet"))) if path.is_dir() else (path,)
    if not files or not files[0].is_file():
        raise OutputError(f"{path}: no attribute table and no Parquet files")
    try:
        schemas = [pq.read_schema(file).remove_metadata() for file in files]
    except (OSError, pa.ArrowException) as error:
        raise OutputError(f"{path}: {one_line(error)}") from None
    for file, schema in zip(files, schemas, strict=True):
        if not schema.equals(schemas[0]):
            raise OutputError(f"{file}: has other columns than {files[0]}")
    hashes = {f"{number}": file_sha256(file) for number, file in enumerate(files)}
    return ParquetTable(path, fingerprint_sha256(hashes), _columns(path, schemas[0]), files)


def _columns(path: Path, schema: pa.Schema) -> tuple[Column, ...]:
    if ID not in schema.names:
        raise OutputError(f"{path}: has no column 'id'")
    return tuple(Column(name=field.name, dtype=field.type, doc="") for field in schema if field.name != ID)


def check_names(tables: Sequence[JoinedTable], own: Iterable[str], read: Iterable[str]) -> None:
    """OutputError if a column that is read is in the output and a table, or in two tables."""
    where = dict.fromkeys(own, "the output")
    wanted = set(read)
    for table in tables:
        for column in table.columns:
            if column.name in where and column.name in wanted:
                raise OutputError(f"{table.path}: column {column.name!r} is in {where[column.name]} too; leave one out")
            where.setdefault(column.name, str(table.path))


def _wanted(columns: Iterable[Column], names: Iterable[str]) -> list[str]:
    known = {column.name for column in columns}
    return [name for name in dict.fromkeys(names) if name in known]


def _hashes(ids: pa.Array) -> npt.NDArray[np.uint64]:
    return np.array([xxhash.xxh3_64_intdigest((id_ or "").encode()) for id_ in ids.cast(pa.string()).to_pylist()], np.uint64)


def _one(column: Any) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
