"""How well a student imitates its teacher: figures with 95 % bootstrap intervals over groups, as Markdown.

BLAS computes some of them; they are written with 3 or 4 decimals.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from curricle.models.raters.agreement import Table, count_pairs
from curricle.models.raters.layers import top_two
from curricle.models.raters.train.distil import BLOCKS, Documents, Trained, assign_folds, fit_sharpness
from curricle.schemas.columns import DOMAINS, QUALITY_CRITERIA

DRAWS = 200

Numbers = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A value with its 95 % interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        """As a table's cell."""
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"


class Resamples:
    """Bootstrap samples of the rows, by whole groups, the same for every figure."""

    def __init__(self, groups: Sequence[str]) -> None:
        members: defaultdict[str, list[int]] = defaultdict(list)
        for row, group in enumerate(groups):
            members[group].append(row)
        lists = [np.array(rows) for rows in members.values()]
        rng = np.random.default_rng(11)
        self.rows, self.groups = len(groups), len(lists)
        self._samples = [np.concatenate([lists[k] for k in rng.integers(0, len(lists), len(lists))]) for _ in range(DRAWS)]

    def figure(self, measure: Callable[[Rows], float], rows: Rows | None = None) -> Figure:
        """`measure` of `rows` (default: all), with its interval."""
        rows = np.arange(self.rows) if rows is None else rows
        wanted = np.zeros(self.rows, dtype=bool)
        wanted[rows] = True
        values = np.array([measure(sample[wanted[sample]]) for sample in self._samples])
        low, high = np.nanquantile(values, [0.025, 0.975]) if np.isfinite(values).any() else (np.nan, np.nan)
        return Figure(value=measure(rows), low=float(low), high=float(high))


@dataclass(frozen=True, kw_only=True)
class TagFigures:
    """Accuracy of the classes and calibration of their probabilities, by cross-validation."""

    accuracy: Figure
    macro_f1: Figure
    top_two: Figure  # the true class is the first or the second
    calibration_error: Figure  # of the first's probability
    second_calibration_error: Figure

    def __str__(self) -> str:
        """One line."""
        return (
            f"accuracy {self.accuracy}, macro-F1 {self.macro_f1}, among the first two {self.top_two}, expected calibration error "
            f"{self.calibration_error}, of the second {self.second_calibration_error}"
        )


def tag_figures(
    scores: npt.NDArray[np.floating[Any]], truth: Rows, folds: Rows, resamples: Resamples, rows: Rows | None = None
) -> TagFigures:
    """Figures for raw scores (n, classes); the sharpness of each fold's probabilities is fitted on the other folds."""
    best, odds = np.zeros((len(truth), 2), np.int64), np.zeros((len(truth), 2))
    known = np.zeros(len(truth), dtype=bool)
    known[np.arange(len(truth)) if rows is None else rows] = True
    for fold in np.unique(folds):
        test, others = folds == fold, (folds != fold) & known
        best[test], odds[test] = top_two(scores[test], fit_sharpness(scores[others], truth[others]))
    hits = best == truth[:, None]
    found = best[:, 0]
    classes = scores.shape[1]
    return TagFigures(
        accuracy=resamples.figure(lambda n: _mean(hits[n, 0]), rows),
        macro_f1=resamples.figure(lambda n: _macro_f1(count_pairs(truth[n], found[n], classes)), rows),
        top_two=resamples.figure(lambda n: _mean(hits[n].any(axis=1)), rows),
        calibration_error=resamples.figure(lambda n: calibration_error(odds[n, 0], hits[n, 0]), rows),
        second_calibration_error=resamples.figure(lambda n: calibration_error(odds[n, 1], hits[n, 1]), rows),
    )


def calibration_error(odds: Numbers, hits: npt.NDArray[np.bool_], bins: int = 10) -> float:
    """Expected calibration error (Naeini et al. 2015); NaN without rows.

    It is the distance of the share of `hits` from the mean probability, averaged over `bins` of equal width, weighted by rows.
    """
    if not len(odds):
        return float("nan")
    at = np.minimum((odds * bins).astype(int), bins - 1)
    return float(np.abs(np.bincount(at, hits, bins) - np.bincount(at, odds, bins)).sum() / len(odds))


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Figures for each criterion and for the domain."""

    documents: int
    groups: int
    criteria: dict[str, dict[str, Figure]]
    spearman_mean: Figure
    domain: TagFigures | None  # None where no document has one
    domain_by_language: dict[str, float]
    confusion: Table  # (15, 15): the teacher's domain, then the student's

    def card_figures(self) -> dict[str, float]:
        """The figures for the model's card."""
        figures = {f"spearman_{name}": row["Spearman"].value for name, row in self.criteria.items()}
        figures |= {f"mae_{name}": row["MAE"].value for name, row in self.criteria.items()}
        figures |= {f"exact_{name}": row["exact"].value for name, row in self.criteria.items()}
        figures |= {f"within_one_{name}": row["within one"].value for name, row in self.criteria.items()}
        figures["spearman_mean"] = self.spearman_mean.value
        if self.domain is not None:
            figures |= {f"domain_{name}": figure.value for name, figure in vars(self.domain).items()}
        return {name: round(value, 4) for name, value in figures.items() if np.isfinite(value)}


def evaluate(trained: Trained, documents: Documents) -> Evaluation:
    """Figures of the cross-validated predictions."""
    rated = documents.rated
    ratings = documents.targets[rated, BLOCKS[0]].astype(np.float64)
    raw = trained.predictions[:, BLOCKS[0]].astype(np.float64)
    integers = np.stack([1 + np.searchsorted(cuts, raw[:, n], side="right") for n, cuts in enumerate(trained.cuts)], axis=1)
    english = np.array([documents.languages[row] == "en" for row in rated])
    resamples = Resamples([documents.groups[row] for row in rated])
    figure, everything = resamples.figure, np.arange(len(rated))
    criteria = {}
    for n, name in enumerate(QUALITY_CRITERIA):
        off, error = np.abs(integers[:, n] - ratings[:, n]), np.abs(raw[:, n] - ratings[:, n])
        plain = np.abs(ratings[:, n].mean() - ratings[:, n])
        criteria[name] = {
            "Spearman": figure(lambda rows, n=n: _spearman(raw[rows, n], ratings[rows, n])),  # type: ignore[misc]
            "English": figure(lambda rows, n=n: _spearman(raw[rows, n], ratings[rows, n]), everything[english]),  # type: ignore[misc]
            "other": figure(lambda rows, n=n: _spearman(raw[rows, n], ratings[rows, n]), everything[~english]),  # type: ignore[misc]
            "MAE": figure(lambda rows, error=error: _mean(error[rows])),  # type: ignore[misc]
            "MAE of the mean": figure(lambda rows, plain=plain: _mean(plain[rows])),  # type: ignore[misc]
            "exact": figure(lambda rows, off=off: _mean(off[rows] == 0)),  # type: ignore[misc]
            "within one": figure(lambda rows, off=off: _mean(off[rows] <= 1)),  # type: ignore[misc]
        }
    tagged = np.flatnonzero(documents.weights[rated, 1] > 0)
    truth = documents.targets[rated, BLOCKS[1]].argmax(axis=1)
    found = trained.predictions[:, BLOCKS[1]].argmax(axis=1)
    hits = truth == found
    folds = assign_folds(documents.groups)[rated]
    return Evaluation(
        documents=len(rated),
        groups=resamples.groups,
        criteria=criteria,
        spearman_mean=figure(
            lambda rows: float(np.mean([_spearman(raw[rows, n], ratings[rows, n]) for n in range(len(QUALITY_CRITERIA))]))
        ),
        domain=tag_figures(trained.predictions[:, BLOCKS[1]], truth, folds, resamples, tagged) if len(tagged) else None,
        domain_by_language={
            "English": _mean(hits[tagged][english[tagged]]),
            "other": _mean(hits[tagged][~english[tagged]]),
        },
        confusion=count_pairs(truth[tagged], found[tagged], len(DOMAINS)),
    )


def evaluation_table(evaluation: Evaluation) -> str:
    """Markdown: a row for each criterion, the figures for the domain, and its confusion table."""
    names = list(next(iter(evaluation.criteria.values())))
    lines = [
        f"{evaluation.documents:,} rated documents of {evaluation.groups:,} hosts or sources, each rated by a model that saw "
        "none of its host",
        "",
        f"| criterion | {' | '.join(names)} |",
        "|---" * (len(names) + 1) + "|",
        *(f"| {name} | {' | '.join(map(str, row.values()))} |" for name, row in evaluation.criteria.items()),
        f"| mean of the {len(evaluation.criteria)} | {evaluation.spearman_mean} |" + " |" * (len(names) - 1),
    ]
    if evaluation.domain is None:
        return "\n".join([*lines, "", "no document has a domain, so the domains of this student mean nothing"])
    by_language = ", ".join(f"{name} {value:.3f}" for name, value in evaluation.domain_by_language.items())
    largest = evaluation.confusion.sum(axis=1).max() / evaluation.confusion.sum()
    lines += [
        "",
        f"domain: {evaluation.domain}; accuracy by language: {by_language}; always the largest: {largest:.3f}",
        "",
        f"| teacher \\ student | {' | '.join(DOMAINS)} |",
        "|---" * (len(DOMAINS) + 1) + "|",
        *(f"| {name} | {' | '.join(map(str, row))} |" for name, row in zip(DOMAINS, evaluation.confusion, strict=True)),
    ]
    return "\n".join(lines)


def _spearman(first: Numbers, second: Numbers) -> float:
    """Spearman's rank correlation; NaN where a side has only one value."""
    if len(first) < 2 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return float("nan")
    return float(np.corrcoef(rankdata(first), rankdata(second))[0, 1])


def _mean(values: npt.NDArray[np.generic]) -> float:
    return float(np.mean(values)) if len(values) else float("nan")  # type: ignore[arg-type]


def _macro_f1(table: Table) -> float:
    """Mean F1 over the domains that either side has."""
    sums = table.sum(0) + table.sum(1)
    return float(np.mean(2 * np.diag(table)[sums > 0] / sums[sums > 0])) if sums.any() else float("nan")
