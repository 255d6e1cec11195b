"""The documents of finished outputs as arrays: measures of their texts, and the columns that a plan names."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curricle.errors import did_you_mean, one_line
from curricle.pipelines.curriculum.errors import CurriculumError
from curricle.pipelines.curriculum.kernels import FloatArray, HashArray, IntArray
from curricle.pipelines.curriculum.measure import MEASURES
from curricle.pipelines.output.joined_tables import JoinedTable
from curricle.pipelines.output.manifest import finished_run, read_manifests
from curricle.schemas.curriculum import TOKEN_COUNT

ADDED = pa.schema([(TOKEN_COUNT, pa.int64()), ("phase", pa.string()), ("phase_origin", pa.string()), ("repeat", pa.int32())])
"""Columns that a curriculum adds to those of the input."""


@dataclass(frozen=True)
class TextColumn:
    """A column of text: positions in the sorted `names`, int8 to int32 (n,), as their number requires. Null is named `null`."""

    codes: npt.NDArray[np.signedinteger[Any]]
    names: tuple[str, ...]


@dataclass(frozen=True)
class Documents:
    """Arrays with one entry for each document, shape (n,), file after file; NaN stands for null in numbers."""

    id_hash: HashArray
    text_hash: HashArray  # empty once the held-out sets are known
    text_bytes: npt.NDArray[np.uint32]
    tokens: npt.NDArray[np.uint32]
    numbers: dict[str, FloatArray]  # float32 where the column fits in it, else float64
    labels: dict[str, TextColumn]

    def number(self, name: str) -> FloatArray:
        """A numeric column, or the token count; CurriculumError for a column of text."""
        if name == TOKEN_COUNT:
            return self.tokens.astype(np.float64)
        if name in self.labels:
            raise CurriculumError(f"column {name!r} is text; a number is required")
        return self.numbers[name]


@dataclass(frozen=True)
class SourceFile:
    """A file of kept documents."""

    output: Path
    shard: str  # its name
    path: Path
    rows: int
    sha256: str


@dataclass(frozen=True)
class Sources:
    """Finished outputs: their files, and the union of their columns (null if an output lacks one)."""

    runs: tuple[dict[str, Any], ...]  # output, fingerprint, documents
    files: tuple[SourceFile, ...]
    schema: pa.Schema

    @property
    def starts(self) -> IntArray:
        """Index of each file's first document, then the number of all documents: int64 (files + 1,)."""
        return np.cumsum([0, *(file.rows for file in self.files)])

    @property
    def hashes(self) -> list[str]:
        """SHA-256 of the files, sorted."""
        return sorted(file.sha256 for file in self.files)


def find_sources(outputs: Sequence[Path], columns: Sequence[str]) -> Sources:
    """The kept files of finished runs; CurriculumError or OutputError for a missing or repeated run or a missing column."""
    if len({path.resolve() for path in outputs}) < len(outputs):
        raise CurriculumError("the same output is named twice")
    runs, files, schemas = [], [], []
    for output in outputs:
        record, schema = finished_run(output), None
        found = [(manifest["files"]["kept"], manifest["shard"]["name"]) for manifest in read_manifests(output)]
        for entry, shard in sorted(found, key=lambda pair: pair[0]["path"]):
            path = output / entry["path"]
            try:
                with pq.ParquetFile(path) as file:
                    rows, schema = file.metadata.num_rows, file.schema_arrow
            except (OSError, pa.ArrowException) as error:
                raise CurriculumError(f"{path}: {str(error).splitlines()[0]}") from None
            if rows != entry["rows"]:
                raise CurriculumError(f"{path}: {rows} rows, but its manifest says {entry['rows']}")
            files.append(SourceFile(output, shard, path, rows, entry["sha256"]))
        if schema is None:
            raise CurriculumError(f"{output}: no finished shard in this folder")
        for name in columns:
            if name not in schema.names:
                raise CurriculumError(f"{output}: no column {name!r}{did_you_mean(name, schema.names)}")
        schemas.append(schema.remove_metadata())
        documents = sum(file.rows for file in files if file.output == output)
        runs.append({"output": str(output), "fingerprint": record["fingerprint"], "documents": documents})
    try:
        schema = pa.unify_schemas(schemas)
    except pa.ArrowException as error:
        raise CurriculumError(f"the outputs have different columns: {one_line(error)}") from None
    for name in ADDED.names:
        if name in schema.names:
            raise CurriculumError(f"the documents already have a column {name!r}, which a curriculum would write")
    return Sources(tuple(runs), tuple(files), schema)


def read_documents(
    sources: Sources, columns: Sequence[str], measures: Sequence[Path], tables: Sequence[JoinedTable] = ()
) -> Documents:
    """Read what a plan needs, file by file, from the files and from `tables`; CurriculumError if two outputs contain the same
    document.
    """
    count = int(sources.starts[-1])
    arrays = {name: np.empty(count, kind) for name, (kind, *_) in (MEASURES.fields or {}).items()}
    for file, path, start in zip(sources.files, measures, sources.starts[:-1], strict=True):
        rows = np.load(path)
        for name, array in arrays.items():
            array[start : start + file.rows] = rows[name]
    _reject_duplicates(sources, arrays["id_hash"])
    joined = {column.name: column.dtype for table in tables for column in table.columns}
    kinds = {name: joined[name] if name in joined else sources.schema.field(name).type for name in columns}
    numbers = {name: np.empty(count, kind) for name in columns if (kind := _number(kinds[name])) is not None}
    labels = {name: _TextColumnReader(count) for name in columns if name not in numbers}
    for name in labels:
        if not (pa.types.is_string(kinds[name]) or pa.types.is_dictionary(kinds[name])):
            raise CurriculumError(f"column {name!r} has type {kinds[name]}; a plan can use text and numbers only")
    for file, start in zip(sources.files, sources.starts[:-1].tolist(), strict=True):
        for batch in _batches(file, columns, tables):
            for name, array in numbers.items():
                values = batch.column(name).cast(pa.from_numpy_dtype(array.dtype))
                array[start : start + len(values)] = values.to_numpy(zero_copy_only=False)
            for name, reader in labels.items():
                reader.add(start, batch.column(name))
            start += batch.num_rows
    for array in numbers.values():
        array[~np.isfinite(array)] = np.nan
    return Documents(**arrays, numbers=numbers, labels={name: reader.labels() for name, reader in labels.items()})


def _batches(file: SourceFile, columns: Sequence[str], tables: Sequence[JoinedTable]) -> Iterator[pa.RecordBatch]:
    """These columns of a file and of its rows in the tables."""
    if not columns:
        return
    joined = {column.name for table in tables for column in table.columns} & {*columns}
    own = [name for name in columns if name not in joined]
    with pq.ParquetFile(file.path) as parquet:
        if not joined:
            yield from parquet.iter_batches(1 << 16, columns=own)
            return
        rows = parquet.read(columns=["id", *own])
    ids = rows.column("id").combine_chunks()
    for table in tables:
        for name, values in table.rows(file.shard, ids, joined).items():
            rows = rows.append_column(name, values)
    yield from rows.combine_chunks().to_batches()


def _reject_duplicates(sources: Sources, id_hash: HashArray) -> None:
    in_order = np.sort(id_hash)
    twice = in_order[1:][in_order[1:] == in_order[:-1]]
    if twice.size:
        rows = np.flatnonzero(id_hash == twice[0])[:2]
        one, two = (sources.files[int(np.searchsorted(sources.starts, row, side="right")) - 1].path for row in rows)
        raise CurriculumError(f"{one} and {two} contain the same document; outputs must not overlap")


def _number(kind: pa.DataType) -> type[np.floating[Any]] | None:
    if pa.types.is_boolean(kind) or pa.types.is_float32(kind) or (pa.types.is_integer(kind) and kind.bit_width <= 16):
        return np.float32
    return np.float64 if pa.types.is_integer(kind) or pa.types.is_float64(kind) else None


class _TextColumnReader:
    """Collects a text column; names are numbered in the order of appearance and sorted at the end."""

    def __init__(self, count: int) -> None:
        self.codes = np.empty(count, np.int32)
        self.numbered: dict[str, int] = {}

    def add(self, start: int, values: pa.Array) -> None:
        encoded = values if pa.types.is_dictionary(values.type) else pc.dictionary_encode(values, null_encoding="encode")
        known = [
            self.numbered.setdefault("null" if name is None else name, len(self.numbered))
            for name in encoded.dictionary.to_pylist()
        ]
        null = self.numbered.setdefault("null", len(self.numbered)) if encoded.null_count else 0
        positions = pc.fill_null(encoded.indices, len(known)).to_numpy(zero_copy_only=False)
        self.codes[start : start + len(values)] = np.array([*known, null], np.int32)[positions]

    def labels(self) -> TextColumn:
        names = sorted(self.numbered)
        ranks = np.empty(len(names), np.int32)
        for rank, name in enumerate(names):
            ranks[self.numbered[name]] = rank
        np.take(ranks, self.codes, out=self.codes, mode="clip")
        return TextColumn(self.codes.astype(np.min_scalar_type(-len(names))), tuple(names))
