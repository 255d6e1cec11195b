"""Reads single documents for a report: an excerpt of the text, and what was decided."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from curricle.errors import OutputError, one_line
from curricle.pipelines.explain.find import Place
from curricle.storage.output import OutputPath

EXCERPT: Final = 400
"""Characters of a text that are shown."""


@dataclass(frozen=True)
class Document:
    """What a report shows of a document. Nothing in it is safe HTML."""

    id: str
    name: str  # URL, or the record in its source
    split: str
    language: str | None
    reason: str | None
    value: str | None
    failed_rules: tuple[str, ...]
    excerpt: str
    row: pa.RecordBatch


def read_documents(output: OutputPath, places: Iterable[Place]) -> dict[str, Document]:
    """Documents by id. Each row group that holds some is read once. Raises OutputError for a file that cannot be read."""
    by_file: dict[str, dict[int, Place]] = {}
    for place in places:
        by_file.setdefault(place.file, {})[place.row] = place
    return {
        place.id: _document(row, place.split)
        for file, wanted in sorted(by_file.items())
        for place, row in _rows(output, file, wanted)
    }


def _rows(output: OutputPath, file: str, wanted: dict[int, Place]) -> Iterator[tuple[Place, pa.RecordBatch]]:
    path, first = output / file, 0
    try:
        with path.open("rb") as stored, pq.ParquetFile(stored) as parquet:
            for group in range(parquet.num_row_groups):
                after = first + parquet.metadata.row_group(group).num_rows
                inside = [row for row in sorted(wanted) if first <= row < after]
                if inside:
                    table = parquet.read_row_group(group).take([row - first for row in inside])
                    for number, row in enumerate(inside):
                        yield wanted[row], table.slice(number, 1).combine_chunks().to_batches()[0]
                first = after
    except (OSError, pa.ArrowException) as error:
        raise OutputError(f"{path}: {one_line(error)}") from None


def _document(row: pa.RecordBatch, split: str) -> Document:
    dead = split == "dead"
    text = " ".join((_value(row, "text") or "").split())
    return Document(
        id=_value(row, "id"),
        name=_value(row, "url") or f"{_value(row, 'source')}, {_value(row, 'source_offset'):,}",
        split=split,
        language=_value(row, "language"),
        reason=_value(row, "dead_reason" if dead else "reject_reason"),
        value=_value(row, "dead_stage" if dead else "reject_value"),
        failed_rules=tuple(_value(row, "failed_rules") or ()),
        excerpt=text if len(text) <= EXCERPT else text[:EXCERPT] + "…",
        row=row,
    )


def _value(row: pa.RecordBatch, column: str) -> Any:
    return row.column(column)[0].as_py() if column in row.schema.names else None
