"""Divides the budget of a phase among its cells."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from curricle.errors import did_you_mean
from curricle.pipelines.curriculum.errors import CurriculumError
from curricle.pipelines.curriculum.kernels import IntArray
from curricle.schemas.curriculum import Mixture

Shares = npt.NDArray[np.float64]


def shares(mixture: Mixture, names: Sequence[str], available: IntArray, at: str) -> Shares:
    """Each cell's share of the budget, float64 (cells,), sum 1 (0 without any tokens); CurriculumError for an unknown cell."""
    if mixture.proportional:
        return available / max(1, available.sum())
    for name in mixture.weights:
        if name not in names:
            raise CurriculumError(f"{at}: mixture.weights: no document is in cell {name!r}{did_you_mean(name, names)}")
    weights = np.array([mixture.weights.get(name, 0.0) for name in names])
    return weights / weights.sum()


def quotas(budget: int, wanted: Shares) -> IntArray:
    """Whole tokens by cell that sum to `budget`: largest remainders first, then in the order of the cells."""
    exact = budget * wanted
    whole = np.floor(exact).astype(np.int64)
    left = budget - int(whole.sum())
    whole[np.argsort(whole - exact, kind="stable")[:left]] += 1
    return whole


def spread(budget: int, wanted: Shares, most: IntArray) -> IntArray:
    """Quotas under the limits `most`; what a cell lacks is given to the others in proportion to their shares."""
    quota, open_cells = np.zeros_like(most), wanted > 0
    while (left := budget - int(quota.sum())) > 0 and open_cells.any():
        open_shares = np.where(open_cells, wanted, 0.0)
        more = quotas(left, open_shares / open_shares.sum())
        quota = np.minimum(quota + more, most)
        open_cells &= quota < most
    return quota
