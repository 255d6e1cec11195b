"""Finds documents of an output by id or URL."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curricle.errors import OutputError, one_line
from curricle.pipelines.output.manifest import read_manifests
from curricle.pipelines.output.write import SPLITS
from curricle.storage.output import OutputPath

MOST = 20  # documents that are listed
BATCH = 1 << 16


@dataclass(frozen=True)
class Place:
    """Where a document is: the file within the output, and its row, from 0."""

    split: str
    file: str
    row: int
    id: str
    url: str | None


@dataclass(frozen=True)
class Matches:
    """The documents that match in the same way, the first MOST of them."""

    how: str
    places: tuple[Place, ...]
    count: int


def find_documents(output: OutputPath, wanted: str) -> Matches:
    """The documents with this id; otherwise with this URL, with a URL that begins like this, or with one that contains it.

    Raises OutputError if there is none.
    """
    ways = ("id", "URL", "beginning of the URL", "part of the URL")
    places: dict[str, list[Place]] = {way: [] for way in ways}
    counts = dict.fromkeys(ways, 0)
    for split, file, first, batch in _batches(output):
        ids, urls = batch.column("id"), batch.column("url")
        masks = (
            pc.equal(ids, wanted),
            pc.equal(urls, wanted),
            pc.starts_with(urls, wanted),
            pc.match_substring(urls, wanted, ignore_case=True),
        )
        for way, mask in zip(ways, masks, strict=True):
            rows = pc.indices_nonzero(pc.fill_null(mask, False)).to_pylist()
            counts[way] += len(rows)
            for row in rows[: MOST - len(places[way])]:
                places[way].append(Place(split, file, first + row, ids[row].as_py(), urls[row].as_py()))
    for way in ways:
        if counts[way]:
            return Matches(way, tuple(places[way]), counts[way])
    raise OutputError(f"{output}: no document has the id {wanted!r}, or a URL that contains it")


def read_row(output: OutputPath, place: Place) -> pa.RecordBatch:
    """The whole row of a document."""
    with (output / place.file).open("rb") as stored, pq.ParquetFile(stored) as parquet:
        row = place.row
        for group in range(parquet.num_row_groups):
            rows = parquet.metadata.row_group(group).num_rows
            if row < rows:
                return parquet.read_row_group(group).slice(row, 1).combine_chunks().to_batches()[0]
            row -= rows
    raise RuntimeError(f"{place.file} has no row {place.row}")


def open_file(output: OutputPath, file: str, columns: Iterable[str]) -> Iterator[pa.RecordBatch]:
    """Those of the columns that a file has, in batches. Raises OutputError if it cannot be read."""
    path = output / file
    try:
        with path.open("rb") as stored, pq.ParquetFile(stored) as parquet:
            names = [name for name in columns if name in parquet.schema_arrow.names]
            yield from parquet.iter_batches(BATCH, columns=names)
    except (OSError, pa.ArrowException) as error:
        raise OutputError(f"{path}: {one_line(error)}") from None


def _batches(output: OutputPath) -> Iterator[tuple[str, str, int, pa.RecordBatch]]:
    """Split, file, number of the first row and the ids and URLs, over all files of an output."""
    manifests = read_manifests(output)
    if not manifests:
        raise OutputError(f"{output}: no finished shard in this folder")
    for manifest in manifests:
        for split in SPLITS:
            first, file = 0, manifest["files"][split]["path"]
            for batch in open_file(output, file, ("id", "url")):
                yield split, file, first, batch
                first += batch.num_rows
