"""Ranks candidate mixtures by the target's likelihood under their interpolated models, and checks them against trained models.

"Scalable Data Ablation Approximations for Language Models through Modular Training and Merging" (arXiv 2410.15661): models of
equal parts of the data, trained once and merged, predict the result of training on a mixture of the parts. n-gram models are
merged by linear interpolation of their probabilities, with the weights of the candidate.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import xxhash

from curricle.errors import did_you_mean
from curricle.models.raters.agreement import count_pairs, interval, spearman
from curricle.pipelines.curriculum.errors import CurriculumError
from curricle.pipelines.curriculum.kernels import keyed, salt
from curricle.pipelines.curriculum.quotas import Shares
from curricle.pipelines.mixture.units import Trained, Units
from curricle.schemas.yaml_file import read_mapping

FEWEST = 5  # checked candidates that the interval of a rank correlation needs


@dataclass(frozen=True)
class Predicted:
    """Bits per byte of the target by candidate, best first; `real` has those of the candidates that were trained in full."""

    bits: dict[str, float]
    real: dict[str, float]
    correlation: float  # Spearman's, over the candidates in `real`; NaN: not defined
    low: float  # its 95 % interval, a bootstrap over them; NaN: too few
    high: float


def read_candidates(path: Path, units: Units) -> dict[str, Shares]:
    """Weights of the units, (units,), by candidate; CurriculumError for another file, an unknown unit or a sum other than 1."""
    content = read_mapping(path, str(path), "candidates are a mapping of names to {cell: weight}", CurriculumError)
    candidates = {}
    for name, weights in content.items():
        at = f"{path}: {name}"
        if not isinstance(weights, dict) or not all(isinstance(one, int | float) for one in weights.values()):
            raise CurriculumError(f"{at}: a candidate must be a mapping of cells to weights")
        total = sum(weights.values())
        if not abs(total - 1) <= 1e-6 or min(weights.values()) < 0:
            wrong = f"sum to {total:.6g}, not 1" if not abs(total - 1) <= 1e-6 else "are negative"
            raise CurriculumError(f"{at}: weights {wrong}")
        candidates[str(name)] = _weights(units, {str(cell): float(weight) for cell, weight in weights.items()}, at)
    if not candidates:
        raise CurriculumError(f"{path}: no candidates")
    return candidates


def predict(trained: Trained, mixtures: dict[str, Shares], check: int) -> Predicted:
    """Rank all candidates, and train `check` of them in full."""
    bits = trained.bits_per_byte(trained.scores.log10(np.array(list(mixtures.values()))))
    predicted = dict(sorted(zip(mixtures, bits.tolist(), strict=True), key=lambda pair: (pair[1], pair[0])))
    key = salt(trained.units.config.seed, "check")
    hashes = keyed(np.array([xxhash.xxh3_64_intdigest(name.encode()) for name in mixtures], np.uint64), key)
    chosen = [name for _, name in sorted(zip(hashes.tolist(), mixtures, strict=True))][:check]
    if not chosen:
        return Predicted(predicted, {}, np.nan, np.nan, np.nan)
    real = trained.bits_per_byte(trained.score_mixtures({name: mixtures[name] for name in chosen}))
    table = count_pairs(_ranks([predicted[name] for name in chosen]), _ranks(real), len(chosen))
    low, high = interval(table, spearman) if len(chosen) >= FEWEST else (np.nan, np.nan)
    return Predicted(predicted, dict(zip(chosen, real.tolist(), strict=True)), float(spearman(table)), low, high)


def _ranks(values: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """Ranks from 0; equal values share a rank."""
    return np.unique(values, return_inverse=True)[1].astype(np.int64)


def _weights(units: Units, weights: dict[str, float], at: str) -> Shares:
    small = {cell.name: cell.sample_bytes for cell in units.left_out}
    for name in weights:
        if name in small:
            need = units.config.unit_bytes
            raise CurriculumError(
                f"{at}: unit {name!r} has {small[name]:,} bytes of text, but {need:,} are needed (--unit-bytes)"
            )
        if name not in units.names:
            raise CurriculumError(f"{at}: no document is in cell {name!r}{did_you_mean(name, units.names)}")
    return np.array([weights.get(name, 0.0) for name in units.names])
