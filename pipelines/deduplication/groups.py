"""Which documents may be copies of each other: equal keys, band hashes and anchors, found among all shards by sorting."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from curricle.pipelines.deduplication.scan import BANDS

SLICE = 1 << 24  # hashes that are sorted at once: 128 MB, and as much again for their order

ANCHORS_SHARED = 0.5
"""Share of its anchors that others must have, for a document to be looked for in them; CONTAINED with room for chance."""

Numbers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


class Hashes(NamedTuple):
    """A column of hashes of one table: one for each document, or a list for each."""

    values: npt.NDArray[np.uint64]
    lists: Numbers | None  # where the list of each document starts
    start: int  # number of the first document

    def documents(self, places: Numbers) -> Numbers:
        """The documents that the hashes in these places are of."""
        return self.start + (places if self.lists is None else np.searchsorted(self.lists, places, side="right") - 1)


class Groups(NamedTuple):
    """Documents that share a hash, group after group."""

    members: Numbers
    ends: Numbers  # of the groups

    def split(self) -> list[Numbers]:
        """Each group."""
        return [group.copy() for group in np.split(self.members, self.ends[:-1])] if self.ends.size else []


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

    def hashes(self, name: str) -> list[Hashes]:
        """A column of hashes without nulls, table by table."""
        found = []
        for table, start in zip(self.tables, self.starts.tolist(), strict=False):
            if table.num_rows:
                column = table[name].combine_chunks()
                lists = column.offsets.to_numpy() if pa.types.is_large_list(column.type) else None
                found.append(Hashes((column if lists is None else column.values).to_numpy(), lists, start))
        return found

    def take(self, name: str, numbers: Numbers) -> pa.ChunkedArray:
        """Values of some documents, whose numbers are ascending; those of tables without the column are null."""
        cuts = np.searchsorted(numbers, self.starts)
        dtype = self.tables[-1].schema.field(name).type
        return pa.chunked_array(
            [
                table[name].take(pa.array(numbers[first:last] - start)).combine_chunks().cast(dtype)
                if name in table.column_names
                else pa.nulls(last - first, dtype)
                for table, start, first, last in zip(self.tables, self.starts[:-1], cuts[:-1], cuts[1:], strict=True)
                if last > first
            ],
            dtype,
        )


def repeated(hashes: Sequence[Hashes], chosen: Flags | None = None) -> Iterator[Groups]:
    """The documents that share a hash with others, in groups, each ascending; hashes of 0 are none.

    They come by ranges of the hashes, each small enough to sort. `chosen`: whether each document takes part.
    """
    count = max(1, -(-sum(own.values.size for own in hashes) // SLICE))
    edges = [*((1 << 64) * number // count for number in range(count)), 1 << 64]
    for low, high in pairwise(edges):
        values, numbers = [np.empty(0, np.uint64)], [np.empty(0, np.int64)]
        for own in hashes:
            places = np.flatnonzero((own.values >= np.uint64(max(1, low))) & (own.values <= np.uint64(high - 1)))
            documents = own.documents(places)
            if chosen is not None:
                places, documents = places[chosen[documents]], documents[chosen[documents]]
            values.append(own.values[places])
            numbers.append(documents)
        yield group_equal(np.concatenate(values), np.concatenate(numbers))


def group_equal(values: npt.NDArray[np.uint64], numbers: Numbers) -> Groups:
    """The numbers whose value occurs more than once, grouped by value."""
    order = np.argsort(values, kind="stable")
    values, numbers = values[order], numbers[order]
    equal = values[1:] == values[:-1]
    after = np.concatenate([equal, np.zeros(min(1, values.size), np.bool_)])
    inside = after.copy()
    inside[1:] |= equal
    return Groups(numbers[inside], np.flatnonzero(~after[inside]) + 1)


def find_contents(documents: Documents) -> Numbers:
    """For each document, the first one that has the same normal form: itself, if there is none before it."""
    contents = np.arange(len(documents))
    lows = np.concatenate([np.empty(0, np.uint64), *(own.values for own in documents.hashes("exact_low"))])
    for groups in repeated(documents.hashes("exact_high")):
        for group in groups.split():
            _, first, inverse = np.unique(lows[group], return_index=True, return_inverse=True)
            contents[group] = group[first[inverse]]
    return contents


def find_buckets(documents: Documents, contents: Numbers) -> list[Numbers]:
    """The distinct contents (by their first document) that share a hash of a band, for each such hash."""
    first = contents == np.arange(contents.size)
    return [
        group for band in range(BANDS) for groups in repeated(documents.hashes(f"band_{band}"), first) for group in groups.split()
    ]


class Anchored(NamedTuple):
    """The contents that share an anchor, for each anchor of a content that may stand in another one."""

    groups: list[Numbers]
    needed: dict[int, float]  # such a content -> how many of its anchors another one must have


def find_anchored(documents: Documents, contents: Numbers) -> Anchored:
    """Contents that may stand in others, since others have a good part of their anchors."""
    first = contents == np.arange(contents.size)
    hashes = documents.hashes("anchors")
    shared = np.zeros(contents.size, np.int64)
    counts = np.zeros(contents.size, np.int64)
    for own in hashes:
        if own.lists is not None:
            counts[own.start : own.start + own.lists.size - 1] = np.diff(own.lists)
    for groups in repeated(hashes, first):
        shared += np.bincount(groups.members, minlength=contents.size)
    inner = (counts > 0) & (shared >= ANCHORS_SHARED * counts)
    found: list[Numbers] = []
    for groups in repeated(hashes, first):
        if groups.ends.size:
            starts = np.concatenate([[0], groups.ends[:-1]])
            matter = np.logical_or.reduceat(inner[groups.members], starts)
            found += [group for group, matters in zip(groups.split(), matter.tolist(), strict=True) if matters]
    numbers = np.flatnonzero(inner)
    return Anchored(found, dict(zip(numbers.tolist(), (ANCHORS_SHARED * counts[numbers]).tolist(), strict=True)))


def find_same_urls(documents: Documents) -> list[Numbers]:
    """The documents that have a URL in common, for each such URL."""
    return [group for groups in repeated(documents.hashes("url_key")) for group in groups.split()]


def memberships(groups: Sequence[Numbers]) -> dict[int, list[int]]:
    """Document -> the groups it is in."""
    found: dict[int, list[int]] = {}
    for number, group in enumerate(groups):
        for document in group.tolist():
            found.setdefault(document, []).append(number)
    return found
