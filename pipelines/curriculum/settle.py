"""Brings a phase to its budget: cells that each miss their quota by part of a document miss it together by many documents."""

import numpy as np

from curricle.pipelines.curriculum.kernels import BoolArray, CellCodes, IntArray, Ranking, TokenWeights, take, totals


def settle(cell: CellCodes, among: BoolArray, taken: BoolArray, ranking: Ranking, weight: TokenWeights, quota: IntArray) -> None:
    """Add the next document of the cells that fall most short, or remove the last of those most above, while that brings the sum
    of `taken` nearer the sum of the quotas, and it is off by more than an average document. Each cell stays within one document
    of its quota.

    `cell`, `among`, `taken` (changed in place) and `weight` have shape (n,); `quota`: tokens by cell that `taken` was drawn for,
    at most what is there. These are largest remainders whose remainders are parts of documents; a tie goes to the first cell.
    """
    ones = np.ones(cell.size, np.uint8)
    while True:
        found, counts = totals(cell, taken, weight, quota.size), totals(cell, taken, ones, quota.size)
        off = quota - found
        missing = int(off.sum())
        sign = 1 if missing > 0 else -1
        wanted = off * sign > 0
        if abs(missing) * int(counts.sum()) <= int(found.sum()) or not wanted.any():
            return
        if missing > 0:
            candidates = take(cell, among & ~taken, ranking, ones, wanted.astype(np.int64))
        else:
            candidates = taken & ~take(cell, taken, ranking, ones, counts - (wanted & (counts > 0)))
        documents = np.flatnonzero(candidates)
        left = abs(missing)
        cells = cell[documents]  # all different
        for document in documents[np.lexsort((cells, -off[cells] * sign))].tolist():
            if int(weight[document]) < 2 * left:
                taken[document] = missing > 0
                left -= int(weight[document])
            if left <= 0:
                break
        if left == abs(missing):
            return
