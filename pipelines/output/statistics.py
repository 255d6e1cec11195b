"""The distribution of every column of an output: quantiles of numbers and counts of categories, of all documents and by group.

Exact, column by column: only one column, and the group of each document, is in memory at a time, and no text is read.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curricle.errors import OutputError, did_you_mean
from curricle.pipelines.output.manifest import read_manifests
from curricle.schemas.columns import DOCUMENT
from curricle.storage.output import OutputPath

JUDGED: Final = ("kept", "rejected")
OUTCOME: Final = "outcome"
"""A column of our own: `kept`, or the rule that rejected the document."""

SHARES: Final = {"p1": 0.01, "p5": 0.05, "p25": 0.25, "median": 0.5, "p75": 0.75, "p95": 0.95, "p99": 0.99}
MOST_SHOWN: Final = 20
"""Values of a category, and groups, that are listed."""

MOST_VALUES: Final = 1_000
REPEATED: Final = 4
"""A text column with more values, or whose values stand for fewer documents on average, holds names, not categories."""

ALL: Final = "all"
_IDENTITY: Final = {column.name for column in DOCUMENT} - {"source"}


@dataclass(frozen=True, kw_only=True)
class Numbers:
    """A numeric column in a group of documents; None for all but the counts if there is no value. A boolean is 0 or 1."""

    column: str
    group: str
    count: int  # values
    nulls: int
    mean: float | None
    minimum: float | None
    quantiles: dict[str, float | None]
    maximum: float | None


@dataclass(frozen=True, kw_only=True)
class Categories:
    """A column of text in a group of documents: the most frequent values, how many others there are, and nulls."""

    column: str
    group: str
    values: dict[str, int]
    others: int  # documents with another value
    nulls: int


@dataclass(frozen=True, kw_only=True)
class Statistics:
    """All columns of an output."""

    output: str
    documents: dict[str, int]  # by group
    numbers: tuple[Numbers, ...]
    categories: tuple[Categories, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class _Groups:
    names: tuple[str, ...]
    codes: npt.NDArray[np.int32]  # of each document; -1: in none that is shown

    def rows(self) -> Iterator[tuple[str, npt.NDArray[np.bool_] | None]]:
        """Each group with its documents; first all, for which there is no mask."""
        yield ALL, None
        for code, name in enumerate(self.names):
            yield name, self.codes == code


def statistics(output: OutputPath, by: Sequence[str] = ()) -> Statistics:
    """The distributions of an output, of all documents and of the most frequent combinations of the columns `by`.

    Raises OutputError for an unknown column, and an output without shards.
    """
    files = [(split, output / manifest["files"][split]["path"]) for manifest in read_manifests(output) for split in JUDGED]
    if not files:
        raise OutputError(f"{output}: no finished shard in this folder")
    schema = _schema(files[0][1])
    for name in by:
        if name != OUTCOME and name not in schema.names:
            raise OutputError(f"{output}: no column {name!r}{did_you_mean(name, [*schema.names, OUTCOME])}")
    groups = _groups([_column(files, name) for name in by])
    numbers: list[Numbers] = []
    categories: list[Categories] = []
    outcome = _column(files, OUTCOME)
    for name, kind in [(OUTCOME, pa.string()), *((field.name, field.type) for field in schema)]:
        if name in _IDENTITY:
            continue
        if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind):
            values = _column(files, name).cast(pa.float64()).to_numpy(zero_copy_only=False)
            numbers += [_numbers(name, group, values if mask is None else values[mask]) for group, mask in groups.rows()]
        elif pa.types.is_string(kind):
            column = outcome if name == OUTCOME else _column(files, name)
            encoded = column.dictionary_encode()
            values = len(encoded.dictionary)
            if values <= MOST_SHOWN or (values <= MOST_VALUES and values * REPEATED <= len(encoded)):
                categories += [
                    _categories(name, group, encoded if mask is None else encoded.filter(pa.array(mask)))
                    for group, mask in groups.rows()
                ]
    documents = {group: len(outcome) if mask is None else int(mask.sum()) for group, mask in groups.rows()}
    return Statistics(output=str(output), documents=documents, numbers=tuple(numbers), categories=tuple(categories))


def _schema(path: OutputPath) -> pa.Schema:
    with path.open("rb") as stored, pq.ParquetFile(stored) as parquet:
        return parquet.schema_arrow


def _column(files: Sequence[tuple[str, OutputPath]], name: str) -> pa.Array:
    """One column of all documents, as one array."""
    parts = []
    for split, path in files:
        with path.open("rb") as stored, pq.ParquetFile(stored) as parquet:
            if name == OUTCOME and split == "kept":
                parts.append(pa.chunked_array([pa.repeat("kept", parquet.metadata.num_rows)]))
            else:
                parts.append(parquet.read(["reject_reason" if name == OUTCOME else name]).column(0))
    return pa.chunked_array([chunk for part in parts for chunk in part.chunks], parts[0].type).combine_chunks()


def _groups(columns: Sequence[pa.Array]) -> _Groups:
    """The most frequent combinations of values, by frequency and then by name."""
    if not columns:
        return _Groups((), np.empty(0, np.int32))
    texts = [pc.fill_null(column.cast(pa.string()), "null") for column in columns]
    encoded = (texts[0] if len(texts) == 1 else pc.binary_join_element_wise(*texts, "/")).dictionary_encode()
    names, indices = encoded.dictionary.to_pylist(), encoded.indices.to_numpy()
    counts = np.bincount(indices, minlength=len(names))
    shown = sorted(range(len(names)), key=lambda code: (-counts[code], names[code]))[:MOST_SHOWN]
    places = np.full(len(names), -1, np.int32)
    places[shown] = np.arange(len(shown))
    return _Groups(tuple(names[code] for code in shown), places[indices])


def _numbers(column: str, group: str, values: npt.NDArray[np.float64]) -> Numbers:
    known = values[~np.isnan(values)]
    if not known.size:
        none: dict[str, float | None] = dict.fromkeys(SHARES)
        return Numbers(
            column=column, group=group, count=0, nulls=values.size, mean=None, minimum=None, quantiles=none, maximum=None
        )
    found = np.quantile(known, list(SHARES.values())).tolist()
    return Numbers(
        column=column,
        group=group,
        count=known.size,
        nulls=int(values.size - known.size),
        mean=float(known.mean()),
        minimum=float(known.min()),
        quantiles=dict(zip(SHARES, found, strict=True)),
        maximum=float(known.max()),
    )


def _categories(column: str, group: str, values: pa.DictionaryArray) -> Categories:
    counts = np.bincount(values.indices.drop_null().to_numpy(), minlength=len(values.dictionary))
    names = values.dictionary.to_pylist()
    order = sorted(np.flatnonzero(counts).tolist(), key=lambda code: (-counts[code], names[code]))
    shown = {names[code]: int(counts[code]) for code in order[:MOST_SHOWN]}
    return Categories(
        column=column, group=group, values=shown, others=int(counts.sum()) - sum(shown.values()), nulls=values.null_count
    )
