"""An index: the signatures and shingles of the documents that one deduplication kept, best first, for later ones to compare with.

A folder: `documents.parquet` with a row for each document, without its text, and `index.json`, written last, with the parameters,
the number of documents and the hash of the file.
"""

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from curricle.errors import OutputError, one_line
from curricle.models.cards import file_sha256
from curricle.pipelines.deduplication.groups import Documents, Numbers
from curricle.pipelines.deduplication.normal_form import SHINGLE_WORDS
from curricle.pipelines.deduplication.scan import BANDS, LONGEST, write_signatures
from curricle.pipelines.deduplication.shingle_files import SCHEMA as SHINGLES
from curricle.pipelines.deduplication.shingle_files import Shingles
from curricle.storage.whole_file import whole_file

KIND = "dedup index"
RECORD, FILE = "index.json", "documents.parquet"
CHUNK = 4096  # documents written at once

SIGNED = ("id", "words", "exact_high", "exact_low", *(f"band_{number}" for number in range(BANDS)), "anchors")
"""Columns that are taken from the signatures; `url_key` too, if URLs were compared."""


@dataclass(frozen=True)
class Index:
    """A checked index."""

    path: Path
    rows: int
    sha256: str  # of its documents

    @property
    def name(self) -> str:
        """Name of its files of work."""
        return f"index-{self.sha256[:32]}"

    def write_signatures(self, path: Path) -> None:
        """Its signatures, as those of a shard."""
        with pq.ParquetFile(self.path / FILE) as file:
            columns = [name for name in file.schema_arrow.names if name != "shingles"]
            write_signatures(path, [file.read(columns)])

    def write_shingles(self, path: Path, wanted: Numbers) -> None:
        """The distinct shingles of some rows, in a file as those of a shard."""
        start = 0
        with (
            pq.ParquetFile(self.path / FILE) as file,
            whole_file(path) as part,
            pa.OSFile(str(part), "wb") as sink,
            pa.ipc.new_file(sink, SHINGLES) as writer,
        ):
            for batch in file.iter_batches(CHUNK, columns=["shingles"]):
                rows = wanted[(wanted >= start) & (wanted < start + batch.num_rows)]
                if rows.size:
                    lists = batch["shingles"].take(pa.array(rows - start))
                    writer.write_batch(pa.record_batch([pa.array(rows), lists], SHINGLES))
                start += batch.num_rows


def parameters(*, with_urls: bool) -> dict[str, Any]:
    """What must be the same for two signatures to be comparable."""
    return {
        "version": 1,
        "shingle_words": SHINGLE_WORDS,
        "bands": BANDS,
        "longest_chars": LONGEST,
        "unicodedata": unicodedata.unidata_version,
        "urls": with_urls,
    }


def open_index(path: Path, *, with_urls: bool) -> Index:
    """Raises OutputError for what is no index, a damaged one, and one made with other parameters."""
    try:
        record = orjson.loads((path / RECORD).read_bytes())
        kind, made, rows, sha256 = record["kind"], record["parameters"], record["documents"], record["sha256"]
    except (OSError, orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise OutputError(f"{path}: not a finished index of `curricle dedup --index-out`: {one_line(error)}") from None
    expected = parameters(with_urls=with_urls)
    wrong = sorted(name for name in expected if made.get(name) != expected[name] and not (name == "urls" and made.get(name)))
    if kind != KIND or wrong:
        what = "; ".join(f"{name} {made.get(name)}, not {expected[name]}" for name in wrong) or f"kind {kind}"
        raise OutputError(f"{path}: made with other parameters: {what}; make it again with this version and these levels")
    try:
        found = file_sha256(path / FILE)
    except OSError as error:
        raise OutputError(f"{path}: {one_line(error)}") from None
    if found != sha256:
        raise OutputError(f"{path / FILE}: damaged: its hash is not the one in {RECORD}")
    return Index(path, rows, sha256)


def is_written(path: Path, made_from: str) -> bool:
    """Whether the index of a table exists. Raises OutputError for a folder that holds anything else."""
    names = {one.name for one in path.iterdir() if not one.name.endswith(".part")} if path.is_dir() else set()
    if names - {RECORD, FILE}:
        raise OutputError(f"{path}: not empty, and not an index; choose another folder for --index-out")
    if RECORD not in names:
        return False
    try:
        found = orjson.loads((path / RECORD).read_bytes())["made_from"]
    except (OSError, orjson.JSONDecodeError, KeyError, TypeError):
        found = None
    if found != made_from:
        raise OutputError(f"{path}: an index of other documents or options; choose another folder for --index-out")
    return True


def write_index(
    path: Path, documents: Documents, ranked: Numbers, shingles: Iterable[Shingles], *, made_from: str, with_urls: bool
) -> None:
    """Write the documents `ranked`, best first, with their distinct shingles in the same order."""
    path.mkdir(parents=True, exist_ok=True)
    for left in path.glob(".*.part"):
        left.unlink()
    columns = [*SIGNED, *(["url_key"] if with_urls else [])]
    source = iter(shingles)
    with whole_file(path / FILE) as part:
        writer = None
        for first in range(0, max(1, ranked.size), CHUNK):
            rows = _rows(documents, columns, ranked[first : first + CHUNK], source)
            writer = writer or pq.ParquetWriter(part, rows.schema, compression="zstd", use_dictionary=False)
            writer.write_table(rows)
        if writer:
            writer.close()
    record = {
        "kind": KIND,
        "parameters": parameters(with_urls=with_urls),
        "made_from": made_from,
        "documents": int(ranked.size),
        "sha256": file_sha256(path / FILE),
    }
    with whole_file(path / RECORD) as part:
        part.write_bytes(orjson.dumps(record, option=orjson.OPT_INDENT_2))


def _rows(documents: Documents, columns: Sequence[str], numbers: Numbers, shingles: Iterator[Shingles]) -> pa.Table:
    order = np.argsort(numbers, kind="stable")
    back = pa.array(np.argsort(order, kind="stable"))
    values: dict[str, Any] = {name: documents.take(name, numbers[order]).take(back) for name in columns}
    own = [next(shingles) for _ in range(numbers.size)]
    flat = np.concatenate([np.empty(0, np.uint32), *own])
    values["shingles"] = pa.LargeListArray.from_arrays(pa.array(np.cumsum([0, *(one.size for one in own)])), pa.array(flat))
    return pa.table(values)
