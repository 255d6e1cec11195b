"""Mixture weights that make the target most likely, with intervals and bounds, and the file that a plan includes."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from curricle.models.kenlm.train.interpolation import fit, fit_resampled
from curricle.pipelines.curriculum.errors import CurriculumError
from curricle.pipelines.curriculum.quotas import Shares, quotas
from curricle.pipelines.mixture.units import Trained, Units
from curricle.schemas.curriculum import MixtureFile
from curricle.storage.whole_file import whole_file

MILLION = 1_000_000  # weights are written with six decimals


@dataclass(frozen=True)
class Fitted:
    """Weights of the units, (units,), with intervals and bounds."""

    weights: Shares  # sum 1
    low: Shares  # 95 % intervals over documents of the target
    high: Shares
    most: Shares  # upper bounds; 1 means no bound
    bits_per_byte: dict[str, float]  # of the target, under uniform, proportional and fitted weights

    @property
    def bound(self) -> list[bool]:
        """For each unit, whether its bound limits its weight."""
        return ((self.most < 1) & (self.weights >= self.most - 1.5 / MILLION)).tolist()


def bounds(units: Units, budget: int | None, max_epochs: float) -> Shares:
    """The largest weight of each unit for a phase of `budget` tokens, (units,); CurriculumError if they cannot sum to 1."""
    if budget is None:
        return np.ones(len(units.cells))
    most = np.minimum(1, np.floor(MILLION * max_epochs * units.available / budget) / MILLION)
    if most.sum() < 1:
        there = int(max_epochs * units.available.sum())
        raise CurriculumError(f"--budget {budget:,}: the units have only {there:,} tokens at --max-epochs {max_epochs:g}")
    return most


def fit_weights(trained: Trained, most: Shares, bootstrap: int) -> Fitted:
    """The weights under the bounds `most`, with intervals from `bootstrap` resamples of the target."""
    units, scores = trained.units, trained.scores
    weights = quotas(MILLION, fit(scores, most)) / MILLION
    drawn = fit_resampled(scores, most, bootstrap, units.config.seed)
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    compared = {
        "uniform": np.full(len(weights), 1 / len(weights)),
        "proportional": units.available / units.available.sum(),
        "fitted": weights,
    }
    bits = trained.bits_per_byte(scores.log10(np.array(list(compared.values()))))
    return Fitted(weights, low, high, most, dict(zip(compared, bits.tolist(), strict=True)))


def write_mixture(path: Path, trained: Trained, fitted: Fitted, asked: dict[str, Any]) -> None:
    """Write the YAML that a plan includes, completely or not at all. `asked`: options to record."""
    units, target = trained.units, trained.units.target
    about = {
        **asked,
        "seed": units.config.seed,
        "target": {"documents": len(target.texts), "bytes": target.bytes, "xxh3_128": target.digest},
        "target_unknown_tokens": round(trained.unknown, 6),
        "sources": [dict(run) for run in units.sources.runs],
        "source_files_sha256": hashlib.sha256("".join(units.sources.hashes).encode()).hexdigest(),
        "unit_bytes": units.config.unit_bytes,
        "order": units.config.order,
        "bits_per_byte": {name: round(value, 4) for name, value in fitted.bits_per_byte.items()},
        "tokens": dict(zip(units.names, units.available.tolist(), strict=True)),
        "intervals": {
            name: [low, high]
            for name, low, high in zip(units.names, fitted.low.round(6).tolist(), fitted.high.round(6).tolist(), strict=True)
        },
        "at_their_bound": [name for name, at_bound in zip(units.names, fitted.bound, strict=True) if at_bound],
        "left_out": {cell.name: cell.sample_bytes for cell in units.left_out},
    }
    weights = dict(zip(units.names, fitted.weights.tolist(), strict=True))
    content = MixtureFile(by=units.config.by, weights=weights, fitted=about)
    kept = content.model_dump(mode="json", include={"by", "weights", "fitted"})
    try:
        with whole_file(path) as part:
            part.write_text(yaml.safe_dump(kept, sort_keys=False, allow_unicode=True, width=200), "utf-8")
    except OSError as error:
        raise CurriculumError(f"{path}: {error.strerror or error}") from None
