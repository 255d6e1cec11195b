"""How well two raters agree: figures computed from a table of their ratings, with bootstrap intervals.

A table has a row for each rating of the first rater and a column for each rating of the second; its cells count documents. All
figures for integer ratings follow from it, so a bootstrap draw is one multinomial draw of the table. The functions take one table
or a stack of them, shape (..., k, k), and return float64 of shape (...). A figure is NaN where it is undefined: without
documents, or for a rater that gave every document the same rating.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Table = npt.NDArray[np.int64]
Values = npt.NDArray[np.float64]

DRAWS = 1000


def count_pairs(first: npt.ArrayLike, second: npt.ArrayLike, levels: int) -> Table:
    """The table (levels, levels) of two arrays of level numbers, which start at 0, of the same length."""
    table = np.zeros((levels, levels), dtype=np.int64)
    np.add.at(table, (np.asarray(first, dtype=np.int64), np.asarray(second, dtype=np.int64)), 1)
    return table


def exact(table: npt.ArrayLike) -> Values:
    """Share of documents to which both gave the same rating."""
    return within(table, 0)


def within_one(table: npt.ArrayLike) -> Values:
    """Share of documents whose two ratings differ by at most one."""
    return within(table, 1)


def within(table: npt.ArrayLike, most: int) -> Values:
    """Share of documents whose two ratings differ by at most `most`."""
    counts = np.asarray(table, dtype=np.float64)
    return _ratio((counts * (_distance(counts) <= most)).sum((-2, -1)), counts.sum((-2, -1)))


def quadratic_kappa(table: npt.ArrayLike) -> Values:
    """Cohen's kappa with quadratic weights (Cohen 1968): 1 - observed / expected squared difference."""
    return _kappa(np.asarray(table, dtype=np.float64), lambda distance: distance**2)


def plain_kappa(table: npt.ArrayLike) -> Values:
    """Cohen's kappa (Cohen 1960), for labels without an order."""
    return _kappa(np.asarray(table, dtype=np.float64), lambda distance: (distance > 0).astype(np.float64))


def spearman(table: npt.ArrayLike) -> Values:
    """Spearman's rank correlation; ties have their mean rank."""
    counts = np.asarray(table, dtype=np.float64)
    n = counts.sum((-2, -1), keepdims=True)[..., 0]
    first, second = (_mid_ranks(counts.sum(axis)) - (n + 1) / 2 for axis in (-1, -2))
    covariance = np.einsum("...ij,...i,...j->...", counts, first, second)
    spread = np.einsum("...i,...i->...", counts.sum(-1), first**2) * np.einsum("...i,...i->...", counts.sum(-2), second**2)
    return _ratio(covariance, np.sqrt(spread))


def interval(table: Table, figure: Callable[[Table], Values], seed: int = 11, draws: int = DRAWS) -> tuple[float, float]:
    """95 % percentile bootstrap interval over documents; draws in which the figure is not defined are left out."""
    n = int(table.sum())
    if n == 0:
        return float("nan"), float("nan")
    shares = table.ravel() / n
    drawn = np.random.default_rng(seed).multinomial(n, shares, size=draws).reshape(draws, *table.shape)
    values = figure(drawn)
    values = values[np.isfinite(values)]
    if len(values) == 0:
        return float("nan"), float("nan")
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)


def _distance(counts: Values) -> Values:
    levels = np.arange(counts.shape[-1])
    return np.abs(levels[:, None] - levels).astype(np.float64)


def _mid_ranks(margin: Values) -> Values:
    """Mean rank of each level, 1-based, from how many documents have it."""
    return np.cumsum(margin, axis=-1) - margin + (margin + 1) / 2


def _kappa(counts: Values, weigh: Callable[[Values], Values]) -> Values:
    weights = weigh(_distance(counts))
    n = counts.sum((-2, -1))
    expected = np.einsum("...i,...j,ij->...", counts.sum(-1), counts.sum(-2), weights)
    return 1 - _ratio((counts * weights).sum((-2, -1)) * n, expected)


def _ratio(above: Values, below: Values) -> Values:
    """above / below, NaN where `below` is 0."""
    result = np.full(np.shape(below), np.nan)
    return np.divide(above, below, out=result, where=np.asarray(below) > 0)
