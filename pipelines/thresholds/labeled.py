"""Scores with labels: every threshold at once, the best one, AUC, and intervals by resampling whole hosts.

Low scores are the positives' here: a threshold t calls a document positive if its score is under t.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

RESAMPLES = 1000
SEED = 0
CELLS = 1 << 22  # numbers held at once while resampling


@dataclass(frozen=True)
class Counts:
    """Documents called positive at each threshold; arrays of one shape, the last axis over thresholds, ascending."""

    true: Numbers  # positives called positive
    false: Numbers  # negatives called positive
    positives: Numbers  # all there are; the last axis has length 1
    negatives: Numbers

    @property
    def recall(self) -> Numbers:
        """Share of the positives, 0..1."""
        return _divide(self.true, self.positives)

    @property
    def fpr(self) -> Numbers:
        """False-positive rate: share of the negatives, 0..1."""
        return _divide(self.false, self.negatives)

    @property
    def precision(self) -> Numbers:
        """Positives among what is called positive, 0..1; NaN where nothing is."""
        return _divide(self.true, self.true + self.false)

    def f(self, beta: float) -> Numbers:
        """F-beta of the positives: recall weighs beta times as much as precision; 0..1."""
        missed = self.positives - self.true
        square = beta * beta  # `**` is the C library's pow
        return _divide((1 + square) * self.true, (1 + square) * self.true + square * missed + self.false)

    @property
    def macro_f1(self) -> Numbers:
        """Mean of the two classes' F1, 0..1."""
        passed = self.negatives - self.false
        return (self.f(1) + _divide(2 * passed, 2 * passed + self.false + (self.positives - self.true))) / 2

    @property
    def auc(self) -> Numbers:
        """Chance that a positive scores under a negative, a tie counting half: the area under the ROC curve. NaN without both."""
        area = np.sum((self.true[..., 1:] + self.true[..., :-1]) / 2 * np.diff(self.false, axis=-1), axis=-1, keepdims=True)
        return _divide(area, self.positives * self.negatives)

    def at(self, threshold: int) -> Self:
        """The same at one threshold, by its index."""
        cut = slice(threshold, threshold + 1)
        return type(self)(self.true[..., cut], self.false[..., cut], self.positives, self.negatives)


def _divide(numerator: Numbers, denominator: Numbers) -> Numbers:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(denominator > 0, numerator / denominator, np.nan)


@dataclass(frozen=True)
class Labelled:
    """One row a document, any order: shapes (n,). Finite scores; True is positive; `group` counts hosts from 0."""

    score: Numbers
    positive: Mask
    group: npt.NDArray[np.int64]

    @cached_property
    def _order(self) -> npt.NDArray[np.int64]:
        return np.argsort(self.score, kind="stable")

    @cached_property
    def values(self) -> Numbers:
        """Distinct scores, ascending, shape (m,)."""
        return np.unique(self.score)

    @cached_property
    def thresholds(self) -> Numbers:
        """Every threshold that matters, ascending, shape (m + 1,): no document, half-way between two scores, all documents."""
        middles = (self.values[:-1] + self.values[1:]) / 2
        middles = np.where(middles > self.values[:-1], middles, self.values[1:])  # neighbouring floats have no middle
        return np.concatenate([self.values[:1], middles, [np.nextafter(self.values[-1], np.inf)]])

    def counts(self, weights: Numbers | None = None) -> Counts:
        """At every threshold; with weights of groups, shape (b, groups), the arrays have shape (b, m + 1), else (m + 1,)."""
        order = self._order
        row = np.ones(len(order)) if weights is None else weights[:, self.group[order]]
        ends = np.searchsorted(self.score[order], self.values, side="right")
        positive = self.positive[order]
        sums = []
        for kind in (positive, ~positive):
            total = np.cumsum(row * kind, axis=-1)[..., ends - 1]
            sums.append(np.concatenate([np.zeros((*total.shape[:-1], 1)), total], axis=-1))
        true, false = sums
        return Counts(true, false, true[..., -1:], false[..., -1:])

    def index_of(self, threshold: float) -> int:
        """Index into `thresholds` of the one that calls the same documents positive."""
        return int(np.searchsorted(self.values, threshold, side="left"))

    def resamples(self) -> Iterator[Numbers]:
        """Weights of groups, shape (b, groups), 1,000 rows in all: how often each host is drawn, with replacement."""
        random = np.random.default_rng(SEED)
        groups = int(self.group.max()) + 1
        step = max(1, CELLS // max(len(self.score), groups))
        for start in range(0, RESAMPLES, step):
            rows = min(step, RESAMPLES - start)
            drawn = random.integers(groups, size=(rows, groups)) + np.arange(rows)[:, None] * groups
            yield np.bincount(drawn.ravel(), minlength=rows * groups).reshape(rows, groups).astype(np.float64)


Objective = Callable[[Counts], Numbers]


def recall_at(fpr: float) -> Objective:
    """Recall where the false-positive rate is at most `fpr`, -1 elsewhere."""
    return lambda counts: np.where(counts.fpr <= fpr, counts.recall, -1.0)


def f_beta(beta: float) -> Objective:
    """F-beta of the positives."""
    return lambda counts: counts.f(beta)


def macro_f1(counts: Counts) -> Numbers:
    """Mean of the two classes' F1: what arXiv 2212.10440 maximises."""
    return counts.macro_f1


def best_threshold(data: Labelled, objective: Objective) -> tuple[float, tuple[float, float]]:
    """The threshold with the highest objective and its 95 % interval over resampled hosts; the lowest one where several tie.

    Needs a positive and a negative; a resample without both is left out.
    """
    best = float(data.thresholds[int(np.argmax(objective(data.counts())))])
    places: list[Numbers] = []
    for weights in data.resamples():
        counts = data.counts(weights)
        both = (counts.positives * counts.negatives)[:, 0] > 0
        places.append(data.thresholds[np.argmax(objective(counts), axis=-1)][both])
    low, high = np.quantile(np.concatenate(places), [0.025, 0.975])
    return best, (float(low), float(high))


def report(data: Labelled, threshold: float, names: Sequence[str]) -> dict[str, tuple[float, float, float]]:
    """Figures of `Counts` by name at a threshold: value, and a 95 % interval over resampled hosts. NaN: not defined."""
    at = data.index_of(threshold)

    def figures(weights: Numbers | None) -> list[Numbers]:
        counts = data.counts(weights)
        there = counts.at(at)
        return [np.atleast_1d(getattr(counts if name == "auc" else there, name)[..., 0]) for name in names]

    drawn = zip(*(figures(weights) for weights in data.resamples()), strict=True)
    out = {}
    for name, value, resampled in zip(names, figures(None), drawn, strict=True):
        every = np.concatenate(resampled)
        known = every[~np.isnan(every)]
        low, high = np.quantile(known, [0.025, 0.975]) if len(known) else (np.nan, np.nan)
        out[name] = (float(value[0]), float(low), float(high))
    return out
