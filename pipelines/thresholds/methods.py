"""Three methods that turn the scores of one language into a threshold, or say why there is none."""

from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, Self

import numpy as np
import numpy.typing as npt
import xxhash
from pydantic import Field, field_validator, model_validator

from curricle import portable_math
from curricle.pipelines.thresholds.labeled import LabeledScores, Objective, best_threshold, f_beta, macro_f1, recall_at, report
from curricle.pipelines.thresholds.plot import Panel
from curricle.pipelines.thresholds.quantiles import FloatArray, quantiles
from curricle.pipelines.thresholds.scores import UNLABELLED, Scored
from curricle.pipelines.thresholds.valley import find_valley
from curricle.schemas.config import Config

Figures = dict[str, int | float | list[float]]

PERPLEXITIES = ("ppl_clean", "ppl_harmful")
"""Columns of which clusters and histograms use log10."""


def better_side(column: str) -> Literal["below", "above"] | None:
    """The better side of a threshold, if the meaning of the column tells."""
    if column == "ppl_clean":
        return "below"
    return "above" if column.startswith(("ppl_harmful", "ppl_logratio")) else None


FEW_POSITIVES = 30
FIGURES = ("auc", "recall", "fpr", "precision", "macro_f1")


@dataclass
class Found:
    """The result of a method for one language; `bounds` has `min`, `max`, both or neither."""

    panel: Panel
    figures: Figures
    bounds: dict[str, float] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


class Method(Protocol):
    """What `calibrate` needs from the configuration of a method."""

    column: str
    min_documents: int

    @property
    def objective(self) -> str:
        """One line for the rule's `source`."""

    def relevant(self, scored: Scored) -> Scored:
        """The documents to use."""

    def find(self, language: str, scored: Scored) -> Found:
        """Find the threshold; without one, the result has a warning."""


class QuantilesMethod(Config):
    """Quantiles of the column: CCNet's head is under 0.3, its middle between 0.3 and 0.6 (arXiv 1911.00359)."""

    column: str
    quantiles: tuple[float, ...] = Field(min_length=1, max_length=2)
    keep: Literal["below", "above", "between"] | None = None
    min_documents: int = Field(default=100, ge=1)

    @field_validator("quantiles")
    @classmethod
    def _ordered(cls, levels: tuple[float, ...]) -> tuple[float, ...]:
        if any(not 0 < level < 1 for level in levels) or len(set(levels)) < len(levels):
            raise ValueError(f"must be different numbers between 0 and 1, not {', '.join(f'{level:g}' for level in levels)}")
        return tuple(sorted(levels))

    @model_validator(mode="after")
    def _sides(self) -> Self:
        if (len(self.quantiles) == 2) != (self._keep == "between"):
            raise ValueError("with one quantile, keep must be above or below; with two, between")
        return self

    @property
    def _keep(self) -> str:
        return self.keep or ("between" if len(self.quantiles) == 2 else _side(self.column))

    @property
    def objective(self) -> str:
        """The side and the quantiles."""
        return f"{self._keep} quantile {' and '.join(f'{level:g}' for level in self.quantiles)}"

    def relevant(self, scored: Scored) -> Scored:
        """All documents."""
        return scored

    def find(self, language: str, scored: Scored) -> Found:
        """Quantiles always exist."""
        found, intervals = quantiles(scored.score, self.quantiles)
        figures: Figures = {"documents": len(scored.score)}
        for level, bound, interval in zip(self.quantiles, found, intervals, strict=True):
            figures[f"quantile {level:g}"] = _rounded(bound, *interval)
        kinds = {"below": ("max",), "above": ("min",), "between": ("min", "max")}[self._keep]
        bounds = {kind: float(bound) for kind, bound in zip(kinds, found, strict=True)}
        lines = tuple((float(_plotted(self.column, bound)), f"{bound:.4g}") for bound in found)
        panel = Panel(language, (("documents", _plotted(self.column, scored.score)),), lines, apart=False)
        return Found(panel, figures, bounds)


class ValleyMethod(Config):
    """The valley between two clusters of the column (of log10, for a perplexity)."""

    column: str
    keep: Literal["below", "above"] | None = None
    min_documents: int = Field(default=100, ge=1)

    @model_validator(mode="after")
    def _sides(self) -> Self:
        _ = self._keep
        return self

    @property
    def _keep(self) -> str:
        return self.keep or _side(self.column)

    @property
    def objective(self) -> str:
        """The side and the method."""
        return f"{self._keep} the valley between two clusters"

    def relevant(self, scored: Scored) -> Scored:
        """All documents."""
        return scored

    def find(self, language: str, scored: Scored) -> Found:
        """Find the valley; there is none without two clusters."""
        values = _plotted(self.column, scored.score)
        figures: Figures = {"documents": len(values)}
        valley = find_valley(values)
        if isinstance(valley, str):
            return Found(Panel(language, (("documents", values),), (), apart=False), figures, {}, [f"no threshold: {valley}"])
        back = portable_math.exp10 if self.column in PERPLEXITIES else float
        threshold = back(valley.threshold)
        figures |= {
            "threshold": _rounded(threshold, *map(back, valley.interval)),
            "lower mode": _rounded(back(valley.modes[0]))[0],
            "upper mode": _rounded(back(valley.modes[1]))[0],
            "depth": _rounded(valley.depth)[0],
            "share below": _rounded(valley.below)[0],
            "resamples with it": _rounded(valley.stable)[0],
        }
        series = (("below", values[values < valley.threshold]), ("above", values[values >= valley.threshold]))
        panel = Panel(language, series, ((valley.threshold, f"{threshold:.4g}"),), apart=False)
        return Found(panel, figures, {"min" if self._keep == "above" else "max": float(threshold)})


class LabelsMethod(Config):
    """The best threshold for labeled documents: chosen on half of the hosts, reported on the other half."""

    column: str
    label: str = Field(min_length=1)
    positives: tuple[str, ...] = Field(min_length=1)
    negatives: tuple[str, ...] = ()  # empty: every other label but UNLABELLED
    keep: Literal["below", "above"] | None = None
    maximise: Literal["macro-f1", "f-beta", "recall-at-fpr"] = "macro-f1"
    beta: float = Field(default=1.0, gt=0)
    fpr: float = Field(default=0.01, gt=0, lt=1)
    min_documents: int = Field(default=100, ge=1)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        _ = self._keep
        if both := set(self.positives) & set(self.negatives):
            raise ValueError(f"{sorted(both)[0]!r} is both positive and negative")
        for name, owner in (("beta", "f-beta"), ("fpr", "recall-at-fpr")):
            if name in self.model_fields_set and self.maximise != owner:
                raise ValueError(f"--{name} can only be used with --maximize {owner}")
        return self

    @property
    def _keep(self) -> str:
        return self.keep or _side(self.column)

    @property
    def _measure(self) -> Objective:
        return {"macro-f1": macro_f1, "f-beta": f_beta(self.beta), "recall-at-fpr": recall_at(self.fpr)}[self.maximise]

    @property
    def objective(self) -> str:
        """The measure to maximize, and the labels."""
        detail = {"macro-f1": "macro-F1", "f-beta": f"F{self.beta:g}", "recall-at-fpr": f"recall at FPR {self.fpr:g}"}[
            self.maximise
        ]
        negatives = f" against {', '.join(self.negatives)}" if self.negatives else ""
        return f"{self._keep} the threshold of best {detail} for {self.label} {', '.join(self.positives)}{negatives}"

    def relevant(self, scored: Scored) -> Scored:
        """The documents with a positive or negative label."""
        if self.negatives:
            taken = {*self.positives, *self.negatives}
        else:
            taken = {*self.positives, *scored.labels} - ({UNLABELLED} - set(self.positives))
        at = [row for row, label in enumerate(scored.labels) if label in taken]
        labels, hosts = (tuple(values[row] for row in at) for values in (scored.labels, scored.hosts))
        return Scored(scored.score[at], labels, hosts)

    def find(self, language: str, scored: Scored) -> Found:
        """Find the threshold; there is none if a half lacks a class, positives score higher, or the best one finds nothing."""
        sign = 1.0 if self._keep == "above" else -1.0
        positive = np.isin(scored.labels, self.positives)
        figures: Figures = {"documents": len(positive), "positives": int(positive.sum())}
        values = _plotted(self.column, scored.score)
        series = ((", ".join(self.positives), values[positive]), ("negative", values[~positive]))
        found = Found(Panel(language, series, (), apart=True), figures)
        names, hosts = np.unique(scored.hosts, return_inverse=True)
        trained = np.array([xxhash.xxh3_64_intdigest(name.encode()) % 2 == 0 for name in names.tolist()], bool)[hosts]
        for half, rows in (("train", trained), ("held-out", ~trained)):
            if positive[rows].all() or not positive[rows].any():
                found.warnings.append(
                    f"no threshold: the {half} half has {positive[rows].sum()} positives of {rows.sum()} documents"
                )
                return found
        if positive.sum() < FEW_POSITIVES:
            found.warnings.append(f"{positive.sum()} positives, fewer than {FEW_POSITIVES}: the intervals are wide")
        train, held_out = (_half(sign * scored.score, positive, hosts, rows) for rows in (trained, ~trained))
        auc = report(held_out, 0.0, ("auc",))["auc"]
        if auc[0] < 0.5:
            figures["auc"] = _rounded(*auc)
            found.warnings.append(
                f"no threshold: AUC {auc[0]:.3f} is under 0.5: positives do not lie {'under' if sign > 0 else 'over'} negatives; "
                "the model or its tokenizer does not fit this language, or --keep is the wrong way round"
            )
            return found
        if auc[1] < 0.5:
            found.warnings.append(f"AUC {auc[0]:.3f} ({auc[1]:.3f} to {auc[2]:.3f}) may be no better than chance")
        best, interval = best_threshold(train, self._measure)
        if train.counts().true[train.index_of(best)] == 0:
            found.warnings.append("no threshold: the best one finds no positive")
            return found
        threshold, low, high = sign * best, *sorted(sign * end for end in interval)
        figures |= {
            "train documents": len(train.score),
            "train positives": int(train.positive.sum()),
            "threshold": _rounded(threshold, low, high),
            **{name: _rounded(*value) for name, value in report(held_out, best, FIGURES).items()},
        }
        line = (float(_plotted(self.column, np.float64(threshold))), f"{threshold:.4g}")
        found.panel = Panel(language, series, (line,), apart=True)
        found.bounds = {"min" if sign > 0 else "max": float(threshold)}
        return found


METHODS: dict[str, type[QuantilesMethod] | type[ValleyMethod] | type[LabelsMethod]] = {
    "quantiles": QuantilesMethod,
    "valley": ValleyMethod,
    "labels": LabelsMethod,
}


def _half(
    score: FloatArray, positive: npt.NDArray[np.bool_], hosts: npt.NDArray[np.int64], rows: npt.NDArray[np.bool_]
) -> LabeledScores:
    return LabeledScores(score[rows], positive[rows], np.unique(hosts[rows], return_inverse=True)[1])


def _side(column: str) -> str:
    side = better_side(column)
    if side is None:
        raise ValueError(f"--keep is required for {column}: above or below")
    return side


def _plotted(column: str, values: Any) -> Any:
    return portable_math.log10(values) if column in PERPLEXITIES else values


def _rounded(*values: float) -> list[float]:
    """Four significant digits, for the figures; rules have all digits."""
    return [float(f"{value:.4g}") for value in values]
