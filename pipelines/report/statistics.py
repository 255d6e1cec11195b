"""Exact statistics of an output: quantiles of every numeric column and counts of every category, by groups.

Only one column is in memory at a time, with 20 bytes a document, and the number and place of each document's group, 12 bytes.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from curricle.errors import OutputError, did_you_mean
from curricle.pipelines.explain.percentiles import JUDGED
from curricle.pipelines.report.columns import Judged, is_category, judged
from curricle.storage.output import OutputPath

QUANTILES: Final = {
    "min": 0.0,
    "p1": 0.01,
    "p5": 0.05,
    "p25": 0.25,
    "median": 0.5,
    "p75": 0.75,
    "p95": 0.95,
    "p99": 0.99,
    "max": 1.0,
}

MOST_VALUES: Final = 1000
"""A text column with more different values is no category: its values are not counted."""

MOST_GROUPS: Final = 10_000
SPLIT: Final = "split"
"""Name by which documents are grouped into kept and rejected."""

Key = tuple[Any, ...]
Value = float | int | None


@dataclass(frozen=True, kw_only=True)
class Group:
    """The documents with the same values in the columns of `by`."""

    group: dict[str, Any]  # column: value
    documents: int
    kept: int
    rejected: int
    numbers: dict[str, dict[str, Value]]  # column: QUANTILES, mean, nulls; None where there is no value
    categories: dict[str, dict[str, int]]  # column: value: documents, the most common first; `null` stands for null


@dataclass(frozen=True, kw_only=True)
class Statistics:
    """The groups, the largest first, and the text columns that have too many values to be counted."""

    by: tuple[str, ...]
    documents: int
    groups: tuple[Group, ...]
    not_counted: tuple[str, ...]


@dataclass(frozen=True)
class _Groups:
    keys: list[Key]
    number: npt.NDArray[np.int32]  # of each document
    order: npt.NDArray[np.int64]  # documents, those of a group together
    ends: npt.NDArray[np.int64]  # of each group in `order`


def statistics(output: OutputPath, by: Sequence[str] = ()) -> Statistics:
    """Statistics of all kept and rejected documents by the values of some columns.

    Raises OutputError for a column that makes no groups.
    """
    source = judged(output)
    _check(source, by)
    groups = _group(source, by)
    kept = _kept(source)
    numbers = {name: _numbers(source, name, groups) for name in source.numbers()}
    counted = {name: _counts(source, name, groups) for name in source.categories()}
    counts = {name: found for name, found in counted.items() if found is not None}
    sizes = np.bincount(groups.number, minlength=len(groups.keys))
    kept_sizes = np.bincount(groups.number[:kept], minlength=len(groups.keys))  # files of kept documents come first
    return Statistics(
        by=tuple(by),
        documents=source.rows,
        groups=tuple(
            Group(
                group=dict(zip(by, groups.keys[at], strict=True)),
                documents=int(sizes[at]),
                kept=int(kept_sizes[at]),
                rejected=int(sizes[at] - kept_sizes[at]),
                numbers={name: found[at] for name, found in numbers.items()},
                categories={name: dict(found[at].most_common()) for name, found in counts.items()},
            )
            for at in sorted(range(len(groups.keys)), key=lambda at: (-sizes[at], str(groups.keys[at])))
        ),
        not_counted=tuple(name for name, found in counted.items() if found is None),
    )


def _check(source: Judged, by: Sequence[str]) -> None:
    names = [field.name for field in source.schema if not pa.types.is_list(field.type) and _groups_by(field)]
    for name in by:
        if name != SPLIT and name not in names:
            raise OutputError(
                f"{source.output}: documents cannot be grouped by {name!r}; use a column of categories or whole numbers, or "
                f"{SPLIT!r}{did_you_mean(name, [*names, SPLIT])}"
            )


def _groups_by(field: pa.Field) -> bool:
    return is_category(field.type) or pa.types.is_integer(field.type)


def _kept(source: Judged) -> int:
    return sum(file.rows for file in source.files if file.split == JUDGED[0])


def _group(source: Judged, by: Sequence[str]) -> _Groups:
    number, keys = np.zeros(source.rows, np.int64), [()] if source.rows else []
    for name in by:
        values, codes = _values(source, name)
        distinct, number = np.unique(number * (len(values) + 1) + codes, return_inverse=True)
        if len(distinct) > MOST_GROUPS:
            raise OutputError(f"{source.output}: {', '.join(by)}: more than {MOST_GROUPS:,} groups")
        keys = [(*keys[one // (len(values) + 1)], values[one % (len(values) + 1)]) for one in distinct.tolist()]
    order = np.argsort(number, kind="stable")
    return _Groups(keys, number.astype(np.int32), order, np.cumsum(np.bincount(number, minlength=len(keys))))


def _values(source: Judged, name: str) -> tuple[list[Any], npt.NDArray[np.int64]]:
    """The different values and each document's number among them."""
    if name == SPLIT:
        kept = _kept(source)
        return [*JUDGED], np.repeat(np.array([0, 1], np.int64), [kept, source.rows - kept])
    encoded = source.read(name).combine_chunks().dictionary_encode(null_encoding="encode")
    return encoded.dictionary.to_pylist(), encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)


def _numbers(source: Judged, name: str, groups: _Groups) -> list[dict[str, Value]]:
    """Statistics of a column for each group. NaN counts as null: it means that a value could not be judged."""
    column = source.read(name)
    whole = pa.types.is_integer(column.type)
    values = column.cast(pa.float64(), safe=False).to_numpy()[groups.order]
    found: list[dict[str, Value]] = []
    for part in np.split(values, groups.ends[:-1]) if groups.keys else ():
        known = np.sort(part[~np.isnan(part)])
        row: dict[str, Value] = {key: _quantile(known, share, whole) for key, share in QUANTILES.items()}
        row["mean"] = float(known.mean()) if len(known) else None
        row["nulls"] = len(part) - len(known)
        found.append(row)
    return found


def _quantile(values: npt.NDArray[np.float64], share: float, whole: bool) -> Value:
    """The quantile of values in increasing order, interpolated between the two nearest."""
    if not len(values):
        return None
    at = share * (len(values) - 1)
    low, high = float(values[int(at)]), float(values[min(int(at) + 1, len(values) - 1)])
    value = low if low == high else low + (high - low) * (at - int(at))
    return int(value) if whole and value.is_integer() else value


def _counts(source: Judged, name: str, groups: _Groups) -> list[Counter[str]] | None:
    """Documents by value for each group; None if there are more than MOST_VALUES values."""
    found: list[Counter[str]] = [Counter() for _ in groups.keys]
    distinct: set[str] = set()
    first = 0
    for _, batch in source.batches((name,)):
        column, number = batch.column(0), groups.number[first : first + batch.num_rows]
        first += batch.num_rows
        if pa.types.is_list(column.type):
            number = number[pc.list_parent_indices(column).to_numpy()]
            column = pc.list_flatten(column)
        encoded = column.cast(pa.string()).dictionary_encode(null_encoding="encode")
        values = ["null" if value is None else value for value in encoded.dictionary.to_pylist()]
        distinct.update(values)
        if len(distinct) > MOST_VALUES:
            return None
        _add(found, number, encoded.indices.to_numpy(zero_copy_only=False), values)
    return found


def _add(found: list[Counter[str]], number: npt.NDArray[np.int32], codes: npt.NDArray[np.int32], values: Iterable[str]) -> None:
    names = list(values)
    if not len(codes):
        return
    pairs, counts = np.unique(number.astype(np.int64) * len(names) + codes, return_counts=True)
    for pair, count in zip(pairs.tolist(), counts.tolist(), strict=True):
        found[pair // len(names)][names[pair % len(names)]] += count
