"""Selection over millions of rows without sorting: keyed hashes, and the first documents of each cell up to a quota.

A document's place in its cell is (score, keyed hash of its id), so the result depends only on the set of documents. The place
where a quota is met is found digit by digit (a radix select weighted by tokens): the first pass reads every row, each later pass
only the rows that share the digits found so far.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import xxhash

from curricle.pipelines.curriculum import radix

Bools = npt.NDArray[np.bool_]
Codes = npt.NDArray[np.int16]  # positions of cells
Weights = npt.NDArray[np.uint32 | np.uint8 | np.int64]
Ints = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]
Numbers = npt.NDArray[np.floating[Any]]

NO_SCORE = np.empty(0, np.float32)
CHUNK = 1 << 20  # rows a NumPy step works on at once: temporaries stay in the cache, not in memory


def salt(seed: int, *purpose: str) -> np.uint64:
    """The key of one use of randomness."""
    return np.uint64(xxhash.xxh3_64_intdigest("\0".join((str(seed), *purpose)).encode()))


def keyed(hashes: Hashes, key: np.uint64) -> Hashes:
    """Another uniform hash of each, uint64 (n,), independent for each key."""
    out = np.empty(hashes.size, np.uint64)
    radix.keyed(hashes, int(key), out)
    return out


def ordered(values: Numbers, descending: bool = False) -> Hashes:
    """uint64 (n,) that sort as the numbers do; NaN (null) after all others, either way."""
    out = np.empty(values.size, np.uint64)
    radix.places_of(values, descending, out)
    return out


@dataclass(frozen=True)
class Ranking:
    """The places of documents: by `values` (or NO_SCORE), NaN last, then by the hash of the id under `key`."""

    values: Numbers
    descending: bool
    id_hash: Hashes
    key: np.uint64


def totals(cell: Codes, among: Bools, weight: Weights, cells: int) -> Ints:
    """Weight of the rows `among`, by cell, int64 (cells,)."""
    out = np.empty(cells, np.int64)
    radix.totals(cell, among.view(np.uint8), weight, out)
    return out


def take(cell: Codes, among: Bools, ranking: Ranking, weight: Weights, quota: Ints) -> Bools:
    """The first rows `among` of each cell whose weights sum to its quota as nearly as whole rows can: within half a row.

    `cell` int16 (n,), `weight` over 0 (n,), `quota` int64 (cells,). A quota over the cell's total takes all of it.
    """
    there = totals(cell, among, weight, quota.size)
    state = np.where(quota >= there, 2, np.where(quota > 0, 1, 0)).astype(np.int8)
    searched = np.where(state == 1, quota, 0).astype(np.int64)
    bound, closed = _bounds(cell, among, ranking, weight, searched)
    taken = np.empty(cell.size, np.bool_)
    places = ranking.values, ranking.descending, ranking.id_hash, int(ranking.key)
    radix.within(cell, among.view(np.uint8), *places, bound, closed, state, taken.view(np.uint8))
    return taken


def _bounds(cell: Codes, among: Bools, ranking: Ranking, weight: Weights, quota: Ints) -> tuple[Hashes, npt.NDArray[np.uint8]]:
    """The place where each cell meets its quota, by value and hash, uint64 (cells, 2); 1 where the row there is nearer in."""
    bound, closed = np.empty((quota.size, 2), np.uint64), np.empty(quota.size, np.uint8)
    places = ranking.values, ranking.descending, ranking.id_hash, int(ranking.key)
    radix.find_bounds(cell, among.view(np.uint8), *places, weight, quota, bound, closed)
    return bound, closed


def quantiles(values: Numbers, weight: Weights, ids: Hashes, shares: list[float]) -> list[float]:
    """For each share the smallest value with at least that share of the weight at or under it; NaN values do not count."""
    known = ~np.isnan(values)
    if not known.any():
        return [float("nan")] * len(shares)
    cell, ranking = np.zeros(values.size, np.int16), Ranking(values, False, ids, np.uint64(0))
    total = int(totals(cell, known, weight, 1)[0])
    found = []
    for share in shares:
        quota = np.array([max(1, int(np.ceil(share * total)))], np.int64)
        bound, _ = _bounds(cell, known, ranking, weight, quota)
        found.append(_value(int(bound[0, 0])))
    return found


def _value(place: int) -> float:
    """The number whose `ordered` is `place`."""
    bits = place ^ (1 << 63) if place >> 63 else place ^ (2**64 - 1)
    return float(np.array([bits], np.uint64).view(np.float64)[0])
