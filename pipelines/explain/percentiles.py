"""Where the scores of one document are among those of all documents of an output."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from curricle.pipelines.explain.find import open_file
from curricle.pipelines.output.manifest import read_manifests
from curricle.schemas.columns import DOCUMENT
from curricle.storage.files import map_threads
from curricle.storage.output import OutputPath

JUDGED = ("kept", "rejected")
"""Splits whose documents have scores."""


@dataclass(frozen=True, kw_only=True)
class Score:
    """A score and its percentiles, 0 to 100: the share of documents with a smaller value, and half of those with the same."""

    column: str
    value: float
    percentile: float | None
    documents: int  # that have a value
    language_percentile: float | None
    language_documents: int


Counts = Counter[tuple[str, str]]
"""Documents by column and `all`, `less`, `equal`, and the same of the document's language with `_language`."""


def numbers_of(row: pa.RecordBatch) -> dict[str, float]:
    """The values of the numeric columns of one row that stages wrote, without nulls."""
    reader = {column.name for column in DOCUMENT}
    return {
        field.name: row.column(field.name)[0].as_py()
        for field in row.schema
        if (pa.types.is_integer(field.type) or pa.types.is_floating(field.type))
        and field.name not in reader
        and row.column(field.name)[0].is_valid
    }


def scores_in(output: OutputPath, values: Mapping[str, float], language: str | None) -> list[Score]:
    """The values with their percentiles among all kept and rejected documents, and among those of one language."""
    files = [manifest["files"][split]["path"] for manifest in read_manifests(output) for split in JUDGED]
    counts: Counts = sum(map_threads(lambda file: _count(output, file, values, language), files), Counter())
    return [
        Score(
            column=name,
            value=value,
            percentile=_percentile(counts, name, ""),
            documents=counts[name, "all"],
            language_percentile=_percentile(counts, name, "_language"),
            language_documents=counts[name, "all_language"],
        )
        for name, value in values.items()
    ]


def _count(output: OutputPath, file: str, values: Mapping[str, float], language: str | None) -> Counts:
    counts: Counts = Counter()
    for batch in open_file(output, file, (*values, "language")):
        present: Sequence[str] = [name for name in values if name in batch.schema.names]
        _add(counts, batch, {name: values[name] for name in present}, "")
        if language is not None and "language" in batch.schema.names:
            rows = batch.filter(pc.fill_null(pc.equal(batch.column("language"), language), False))
            _add(counts, rows, {name: values[name] for name in present}, "_language")
    return counts


def _add(counts: Counts, batch: pa.RecordBatch, values: Mapping[str, float], which: str) -> None:
    for name, value in values.items():
        column = batch.column(name)
        wanted = pa.scalar(value, column.type)
        counts[name, f"all{which}"] += len(column) - column.null_count
        counts[name, f"less{which}"] += pc.sum(pc.less(column, wanted)).as_py() or 0
        counts[name, f"equal{which}"] += pc.sum(pc.equal(column, wanted)).as_py() or 0


def _percentile(counts: Counts, name: str, which: str) -> float | None:
    total = counts[name, f"all{which}"]
    if not total:
        return None
    return 100 * (counts[name, f"less{which}"] + counts[name, f"equal{which}"] / 2) / total
