"""Quantiles with distribution-free intervals: CCNet's head, middle and tail are two of them (arXiv 1911.00359, section 4)."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
"""Scores, thresholds and figures."""

NORMAL_95 = 1.959963984540054  # 97.5 % quantile of the standard normal distribution


def quantiles(values: FloatArray, levels: Sequence[float]) -> tuple[FloatArray, FloatArray]:
    """Shape (k,): numpy's `quantile` (linear) at each level, 0..1; shape (k, 2): 95 % intervals, themselves two of the values.

    The number of values under a true quantile is binomial, so the interval lies between two order statistics, whose ranks are
    taken by the normal approximation (Conover, Practical Nonparametric Statistics, section 3.2). Values are finite, one or more.
    """
    level = np.asarray(levels, np.float64)
    count = len(values)
    half = NORMAL_95 * np.sqrt(count * level * (1 - level))
    ranks = np.stack([np.floor((count - 1) * level - half), np.ceil(count * level + half)], axis=1)
    ordered = np.sort(values)
    return np.quantile(values, level), ordered[np.clip(ranks, 0, count - 1).astype(np.int64)]
