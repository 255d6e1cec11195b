"""Linear interpolation of models over one vocabulary: the weights that give a text the highest likelihood, by EM.

Jelinek and Mercer 1980, "Interpolated estimation of Markov source parameters from sparse data": each weight becomes its
model's mean share of the tokens' probability, lambda_i <- mean_t lambda_i p_i(t) / sum_j lambda_j p_j(t). The likelihood is
concave in the weights, so every local maximum is the global one, and no step lowers it. MixtureWeights may have upper bounds: the
maximization step is then exact under them (water filling), which keeps both properties.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from curricle.models.kenlm.train.interpolation_kernels import add_log10, add_shares, scale_by_best

MixtureWeights = npt.NDArray[np.floating[Any]]

TOLERANCE = 1e-6  # largest change of a weight in the last step; with 1e-3 weights of 0.02 to 0.2 were off by up to 0.004
COARSE = 1e-5  # the same in resamples, in float32: weights off by 0.0003 there
STEPS = 10_000
TINY = 1e-30  # a weight that rounds to 0 could never grow again


@dataclass(frozen=True)
class TokenScores:
    """The probabilities that models give each token of a text."""

    relative: npt.NDArray[np.float32]  # (models, tokens): p over the best model's p, 0..1
    best: npt.NDArray[np.float32]  # (tokens,): log10 of the best model's p
    document: npt.NDArray[np.int64]  # (tokens,): the document that each token is in, 0-based, ascending

    @classmethod
    def of(cls, log10: npt.NDArray[np.float32], document: npt.NDArray[np.int64]) -> "TokenScores":
        """From log10 p, (models, tokens), which is overwritten."""
        best = np.empty(log10.shape[1], np.float32)
        scale_by_best(log10, best)
        return cls(log10, best, document)

    @property
    def documents(self) -> int:
        """Number of documents."""
        return int(self.document[-1]) + 1

    def log10(self, weights: MixtureWeights) -> npt.NDArray[np.float64]:
        """log10 p of the whole text under each mixture: weights (mixtures, models) -> (mixtures,)."""
        totals = np.zeros(len(weights))
        add_log10(self.relative, self.best, np.ascontiguousarray(weights, np.float64), totals)
        return totals

    def shares(self, weights: MixtureWeights, draws: MixtureWeights) -> npt.NDArray[np.float64]:
        """Each model's mean share of the tokens' probability, (mixtures, models).

        Each document counts as often as `draws` (mixtures, documents) says. Computed in the precision of `draws`.
        """
        sums = np.zeros(weights.shape)
        lengths = np.bincount(self.document, minlength=self.documents)
        tokens: npt.NDArray[np.float64] = (draws * lengths).sum(axis=1, dtype=np.float64)  # whole numbers: exact in any order
        add_shares(self.relative, self.document, np.ascontiguousarray(weights, draws.dtype), draws, sums)
        shares: npt.NDArray[np.float64] = weights * sums / tokens[:, None]
        return shares


def water_fill(shares: MixtureWeights, most: MixtureWeights) -> npt.NDArray[np.float64]:
    """The weights of sum 1 that maximize sum(shares * log(weights)), none over `most`; each row of (mixtures, models) on its own.

    The models at their bound are those with the largest share relative to the bound; the weights of the others are in
    proportion to their shares. `most` (models,) sums to at least 1.
    """
    shares = np.maximum(shares, TINY)
    order = np.argsort(-shares / most, axis=1, kind="stable")
    sorted_shares, sorted_most = np.take_along_axis(shares, order, axis=1), most[order]
    left = np.cumsum(sorted_shares[:, ::-1], axis=1)[:, ::-1]  # share of this model and all after it
    room = 1 - (np.cumsum(sorted_most, axis=1) - sorted_most)  # for this model and all after it
    fits = sorted_shares * room <= sorted_most * left
    first = np.where(fits.any(axis=1), fits.argmax(axis=1), shares.shape[1] - 1)[:, None]
    scale = np.take_along_axis(room, first, axis=1) / np.take_along_axis(left, first, axis=1)
    filled: npt.NDArray[np.float64] = np.minimum(shares * scale, most)
    return filled


def step(scores: TokenScores, weights: MixtureWeights, most: MixtureWeights, draws: MixtureWeights) -> MixtureWeights:
    """One step of EM under the bounds `most`; (mixtures, models)."""
    return water_fill(scores.shares(weights, draws), most).astype(weights.dtype)


def fit(scores: TokenScores, most: MixtureWeights | None = None) -> npt.NDArray[np.float64]:
    """The weights of highest likelihood, (models,), none over its bound in `most`."""
    return _fit(scores, most, np.ones((1, scores.documents)), TOLERANCE)[0]


def fit_resampled(scores: TokenScores, most: MixtureWeights | None, times: int, seed: int) -> npt.NDArray[np.float64]:
    """The same for `times` draws of as many documents with replacement, (times, models)."""
    random, documents = np.random.default_rng(seed), scores.documents
    drawn = [np.bincount(random.integers(documents, size=documents), minlength=documents) for _ in range(times)]
    return _fit(scores, most, np.array(drawn, np.float32).reshape(times, documents), COARSE)


def _fit(scores: TokenScores, most: MixtureWeights | None, draws: MixtureWeights, tolerance: float) -> npt.NDArray[np.float64]:
    """From equal weights, in the precision of `draws`; a mixture is done once its weights no longer change."""
    models = len(scores.relative)
    most = np.ones(models) if most is None else np.minimum(most, 1)
    fitted = water_fill(np.full((len(draws), models), 1 / models), most)
    moving = np.arange(len(draws))
    for _ in range(STEPS):
        now = fitted[moving].astype(draws.dtype)
        after = step(scores, now, most, draws[moving])
        fitted[moving] = after
        moving = moving[np.abs(after - now).max(axis=1) >= tolerance]
        if not moving.size:
            break
    return fitted
