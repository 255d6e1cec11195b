"""Selection over millions of rows without sorting: keyed hashes, and the first documents of each cell up to a quota.

Documents of a cell are sorted by score, then by a keyed hash of their id, so the result depends only on the set of documents. The
point where a quota is met is found digit by digit (a radix select weighted by tokens): the first pass reads every row, each later
pass only the rows that share the digits found so far.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import xxhash

from curricle.pipelines.curriculum import radix

BoolArray = npt.NDArray[np.bool_]
CellCodes = npt.NDArray[np.int16]  # positions of cells
TokenWeights = npt.NDArray[np.uint32 | np.uint8 | np.int64]
IntArray = npt.NDArray[np.int64]
HashArray = npt.NDArray[np.uint64]
FloatArray = npt.NDArray[np.floating[Any]]

NO_SCORE = np.empty(0, np.float32)
CHUNK = 1 << 20  # rows that NumPy processes at once, so that temporary arrays stay in the cache


def salt(seed: int, *purpose: str) -> np.uint64:
    """The key for one purpose of pseudo-random choices."""
    return np.uint64(xxhash.xxh3_64_intdigest("\0".join((str(seed), *purpose)).encode()))


def keyed(hashes: HashArray, key: np.uint64) -> HashArray:
    """Another uniform hash of each hash, uint64 (n,); those of different keys are independent."""
    out = np.empty(hashes.size, np.uint64)
    radix.keyed(hashes, int(key), out)
    return out


def ordered(values: FloatArray, descending: bool = False) -> HashArray:
    """Sort keys, uint64 (n,): they sort as the numbers do, with NaN (null) last in both directions."""
    out = np.empty(values.size, np.uint64)
    radix.sort_keys(values, descending, out)
    return out


@dataclass(frozen=True)
class Ranking:
    """The order of documents: by `values` (unless NO_SCORE), NaN last, then by the hash of the id under `key`."""

    values: FloatArray
    descending: bool
    id_hash: HashArray
    key: np.uint64


def totals(cell: CellCodes, among: BoolArray, weight: TokenWeights, cells: int) -> IntArray:
    """Weight of the rows `among`, by cell, int64 (cells,)."""
    out = np.empty(cells, np.int64)
    radix.totals(cell, among.view(np.uint8), weight, out)
    return out


def take(cell: CellCodes, among: BoolArray, ranking: Ranking, weight: TokenWeights, quota: IntArray) -> BoolArray:
    """The first of the rows `among` in each cell, whose weights sum to its quota as closely as whole rows can: within half a row.

    `cell` int16 (n,), `weight` above 0 (n,), `quota` int64 (cells,). A quota above the total of the cell takes all of it.
    """
    there = totals(cell, among, weight, quota.size)
    state = np.where(quota >= there, 2, np.where(quota > 0, 1, 0)).astype(np.int8)
    searched = np.where(state == 1, quota, 0).astype(np.int64)
    bound, closed = _bounds(cell, among, ranking, weight, searched)
    taken = np.empty(cell.size, np.bool_)
    by = ranking.values, ranking.descending, ranking.id_hash, int(ranking.key)
    radix.within(cell, among.view(np.uint8), *by, bound, closed, state, taken.view(np.uint8))
    return taken


def _bounds(
    cell: CellCodes, among: BoolArray, ranking: Ranking, weight: TokenWeights, quota: IntArray
) -> tuple[HashArray, npt.NDArray[np.uint8]]:
    """Sort keys (value, hash) of the row where each cell meets its quota, uint64 (cells, 2); 1 if this row should be taken."""
    bound, closed = np.empty((quota.size, 2), np.uint64), np.empty(quota.size, np.uint8)
    by = ranking.values, ranking.descending, ranking.id_hash, int(ranking.key)
    radix.find_bounds(cell, among.view(np.uint8), *by, weight, quota, bound, closed)
    return bound, closed


def quantiles(values: FloatArray, weight: TokenWeights, ids: HashArray, shares: list[float]) -> list[float]:
    """For each share, the smallest value with at least this share of the weight at or below it; NaN values do not count."""
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


def _value(sort_key: int) -> float:
    """The number that has this sort key."""
    bits = sort_key ^ (1 << 63) if sort_key >> 63 else sort_key ^ (2**64 - 1)
    return float(np.array([bits], np.uint64).view(np.float64)[0])
