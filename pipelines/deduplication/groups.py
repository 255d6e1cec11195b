"""Which documents may be copies of each other: equal keys and equal band hashes, found among all shards by sorting."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from curricle.pipelines.deduplication.scan import BANDS

SLICE = 1 << 24  # hashes that are sorted at once: 128 MB, and as much again for their order

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Documents:
    """The signatures of all documents: those of indexes first, then shard after shard. A document is known by its number."""

    tables: tuple[pa.Table, ...]

    @cached_property
    def starts(self) -> Numbers:
        """Number of the first document of each table, and how many documents there are."""
        return np.cumsum([0, *(table.num_rows for table in self.tables)])

    def __len__(self) -> int:
        return int(self.starts[-1])

    def table_of(self, numbers: Numbers | int) -> Numbers:
        """The table that each of these documents is in."""
        return np.searchsorted(self.starts, numbers, side="right") - 1

    def column(self, name: str) -> Iterator[npt.NDArray[np.uint64]]:
        """A column without nulls, table by table."""
        for table in self.tables:
            yield _numpy(table, name)

    def take(self, name: str, numbers: Numbers) -> pa.ChunkedArray:
        """Values of some documents, whose numbers are ascending."""
        cuts = np.searchsorted(numbers, self.starts)
        return pa.chunked_array(
            [
                table[name].combine_chunks().take(pa.array(numbers[first:last] - start))
                for table, start, first, last in zip(self.tables, self.starts[:-1], cuts[:-1], cuts[1:], strict=True)
                if last > first and name in table.column_names
            ]
        )


def _numpy(table: pa.Table, name: str) -> npt.NDArray[np.uint64]:
    column = table[name]
    if column.num_chunks == 0:
        return np.empty(0, np.uint64)
    values: npt.NDArray[np.uint64] = column.combine_chunks().to_numpy(zero_copy_only=False)
    return values


def slices(documents: Documents, name: str) -> Iterator[tuple[npt.NDArray[np.uint64], Numbers]]:
    """The values of a column of hashes and the numbers of their documents, by ranges of the values, each small enough to sort."""
    count = max(1, -(-len(documents) // SLICE))
    edges = [(1 << 64) * number // count for number in range(count)]
    for number, low in enumerate(edges):
        found, numbers = [], []
        for start, values in zip(documents.starts.tolist(), documents.column(name), strict=False):
            inside = values >= np.uint64(low)
            if number + 1 < count:
                inside &= values < np.uint64(edges[number + 1])
            rows = np.flatnonzero(inside)
            found.append(values[rows])
            numbers.append(rows + start)
        yield np.concatenate([np.empty(0, np.uint64), *found]), np.concatenate([np.empty(0, np.int64), *numbers])


def repeated(values: npt.NDArray[np.uint64], numbers: Numbers) -> Iterator[Numbers]:
    """The numbers of the documents that share a value, ascending, for each value that several have."""
    order = np.argsort(values, kind="stable")
    values, numbers = values[order], numbers[order]
    same = np.concatenate([[False], values[1:] == values[:-1], [False]])
    starts = np.flatnonzero(~same[:-1] & same[1:])
    ends = np.flatnonzero(same[:-1] & ~same[1:]) + 1
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        yield numbers[start:end]


def find_contents(documents: Documents) -> Numbers:
    """For each document, the first one that has the same normal form: itself, if there is none before it."""
    contents = np.arange(len(documents))
    lows = np.concatenate([np.empty(0, np.uint64), *documents.column("exact_low")])
    for values, numbers in slices(documents, "exact_high"):
        for group in repeated(values, numbers):
            low = lows[group]
            if (low == low[0]).all():
                contents[group] = group[0]
            else:
                _, first, inverse = np.unique(low, return_index=True, return_inverse=True)
                contents[group] = group[first[inverse]]
    return contents


def find_buckets(documents: Documents, contents: Numbers) -> list[Numbers]:
    """The distinct contents (by their first document) that share a hash of a band, for each such hash."""
    first = contents == np.arange(contents.size)
    buckets = []
    for band in range(BANDS):
        for values, numbers in slices(documents, f"band_{band}"):
            chosen = first[numbers] & (values != 0)
            buckets += [group.copy() for group in repeated(values[chosen], numbers[chosen])]
    return buckets


def find_same_urls(documents: Documents) -> list[Numbers]:
    """The documents that have a URL in common, for each such URL."""
    groups: list[Numbers] = []
    values, numbers = [], []
    for table, start in zip(documents.tables, documents.starts.tolist(), strict=False):
        column = table["url_key"].combine_chunks()
        rows = np.flatnonzero(column.is_valid().to_numpy(zero_copy_only=False))
        values.append(column.drop_null().to_numpy())
        numbers.append(rows + start)
    if values:
        groups += repeated(np.concatenate(values), np.concatenate(numbers))
    return groups


def memberships(groups: Sequence[Numbers]) -> dict[int, list[int]]:
    """Document -> the groups it is in."""
    found: dict[int, list[int]] = {}
    for number, group in enumerate(groups):
        for document in group.tolist():
            found.setdefault(document, []).append(number)
    return found
