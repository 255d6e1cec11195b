"""Scores with labels: figures at every threshold, the best threshold, AUC, and intervals from resampling whole hosts.

Positives have low scores here: at a threshold t, a document counts as positive if its score is below t.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import numpy.typing as npt

from curricle.pipelines.thresholds.quantiles import FloatArray

BoolArray = npt.NDArray[np.bool_]

RESAMPLES = 1000
SEED = 0
CELLS = 1 << 22  # array entries in memory while resampling


@dataclass(frozen=True)
class Counts:
    """Documents that count as positive at each threshold. All arrays have one shape; the last axis is that of the thresholds."""

    true: FloatArray  # true positives
    false: FloatArray  # false positives
    positives: FloatArray  # number of all positives; the last axis has length 1
    negatives: FloatArray

    @property
    def recall(self) -> FloatArray:
        """Share of the positives, 0..1."""
        return _divide(self.true, self.positives)

    @property
    def fpr(self) -> FloatArray:
        """False-positive rate: share of the negatives, 0..1."""
        return _divide(self.false, self.negatives)

    @property
    def precision(self) -> FloatArray:
        """Share of true positives among all that count as positive, 0..1; NaN if there are none."""
        return _divide(self.true, self.true + self.false)

    def f(self, beta: float) -> FloatArray:
        """F-beta of the positives, 0..1: recall has beta times the weight of precision."""
        missed = self.positives - self.true
        square = beta * beta  # `**` is the C library's pow
        return _divide((1 + square) * self.true, (1 + square) * self.true + square * missed + self.false)

    @property
    def macro_f1(self) -> FloatArray:
        """Mean of the two classes' F1, 0..1."""
        passed = self.negatives - self.false
        return (self.f(1) + _divide(2 * passed, 2 * passed + self.false + (self.positives - self.true))) / 2

    @property
    def auc(self) -> FloatArray:
        """Area under the ROC curve: the chance that a positive scores below a negative; ties count half. NaN without both."""
        area = np.sum((self.true[..., 1:] + self.true[..., :-1]) / 2 * np.diff(self.false, axis=-1), axis=-1, keepdims=True)
        return _divide(area, self.positives * self.negatives)

    def at(self, threshold: int) -> Self:
        """The counts at one threshold, given by its index."""
        cut = slice(threshold, threshold + 1)
        return type(self)(self.true[..., cut], self.false[..., cut], self.positives, self.negatives)


def _divide(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(denominator > 0, numerator / denominator, np.nan)


@dataclass(frozen=True)
class LabeledScores:
    """One row for each document, in any order, shapes (n,). Scores are finite; `group` numbers the hosts from 0."""

    score: FloatArray
    positive: BoolArray
    group: npt.NDArray[np.int64]

    @cached_property
    def _order(self) -> npt.NDArray[np.int64]:
        return np.argsort(self.score, kind="stable")

    @cached_property
    def values(self) -> FloatArray:
        """The different scores, ascending, shape (m,)."""
        return np.unique(self.score)

    @cached_property
    def thresholds(self) -> FloatArray:
        """All thresholds to consider, ascending, shape (m + 1,): below all scores, halfway between two, above all."""
        middles = (self.values[:-1] + self.values[1:]) / 2
        middles = np.where(middles > self.values[:-1], middles, self.values[1:])  # neighboring floats have no middle
        return np.concatenate([self.values[:1], middles, [np.nextafter(self.values[-1], np.inf)]])

    def counts(self, weights: FloatArray | None = None) -> Counts:
        """Counts at every threshold, shape (m + 1,); with weights of groups, shape (b, groups), their shape is (b, m + 1)."""
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
        """Index into `thresholds` of the one with the same positive documents."""
        return int(np.searchsorted(self.values, threshold, side="left"))

    def resamples(self) -> Iterator[FloatArray]:
        """Weights of groups, shape (b, groups), 1,000 rows in all: how often each host is drawn, with replacement."""
        random = np.random.default_rng(SEED)
        groups = int(self.group.max()) + 1
        step = max(1, CELLS // max(len(self.score), groups))
        for start in range(0, RESAMPLES, step):
            rows = min(step, RESAMPLES - start)
            drawn = random.integers(groups, size=(rows, groups)) + np.arange(rows)[:, None] * groups
            yield np.bincount(drawn.ravel(), minlength=rows * groups).reshape(rows, groups).astype(np.float64)


Objective = Callable[[Counts], FloatArray]


def recall_at(fpr: float) -> Objective:
    """Recall if the false-positive rate is at most `fpr`, else -1."""
    return lambda counts: np.where(counts.fpr <= fpr, counts.recall, -1.0)


def f_beta(beta: float) -> Objective:
    """F-beta of the positives."""
    return lambda counts: counts.f(beta)


def macro_f1(counts: Counts) -> FloatArray:
    """Mean of the two classes' F1: the objective of arXiv 2212.10440."""
    return counts.macro_f1


def best_threshold(data: LabeledScores, objective: Objective) -> tuple[float, tuple[float, float]]:
    """The threshold with the highest objective and its 95 % interval over resampled hosts; the lowest of equally good ones.

    Needs a positive and a negative; resamples without both are left out.
    """
    best = float(data.thresholds[int(np.argmax(objective(data.counts())))])
    found: list[FloatArray] = []
    for weights in data.resamples():
        counts = data.counts(weights)
        both = (counts.positives * counts.negatives)[:, 0] > 0
        found.append(data.thresholds[np.argmax(objective(counts), axis=-1)][both])
    low, high = np.quantile(np.concatenate(found), [0.025, 0.975])
    return best, (float(low), float(high))


def report(data: LabeledScores, threshold: float, names: Sequence[str]) -> dict[str, tuple[float, float, float]]:
    """Figures of `Counts` by name at a threshold: value, and a 95 % interval over resampled hosts. NaN: not defined."""
    at = data.index_of(threshold)

    def figures(weights: FloatArray | None) -> list[FloatArray]:
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
