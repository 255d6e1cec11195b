"""Linear interpolation of models over one vocabulary: the weights that give a text the highest likelihood, by EM.

Jelinek and Mercer 1980, "Interpolated estimation of Markov source parameters from sparse data": each weight becomes its
model's mean share of the tokens' probability, lambda_i <- mean_t lambda_i p_i(t) / sum_j lambda_j p_j(t). The likelihood is
concave in the weights, so a maximum is the highest there is, and no step lowers it. Weights may have upper bounds: the
maximisation step is then exact under them (water filling), which keeps both properties.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Weights = npt.NDArray[np.floating[Any]]

TOLERANCE = 1e-6  # largest change of a weight in the last step; with 1e-3 weights of 0.02 to 0.2 were off by up to 0.004
COARSE = 1e-5  # the same in resamples, in float32: weights off by 0.0003 there
STEPS = 10_000
CELLS = 1 << 20  # numbers held at once for each of a step's intermediate arrays
TINY = 1e-30  # a weight that rounds to 0 could never rise again


@dataclass(frozen=True)
class TokenScores:
    """What each of some models gives each token of a text."""

    relative: npt.NDArray[np.float32]  # (models, tokens): p over the best model's p, 0..1
    best: npt.NDArray[np.float32]  # (tokens,): log10 of the best model's p
    document: npt.NDArray[np.int64]  # (tokens,): the document that each token is in, 0-based, ascending

    @classmethod
    def of(cls, log10: npt.NDArray[np.float32], document: npt.NDArray[np.int64]) -> "TokenScores":
        """From log10 p, (models, tokens), which is overwritten."""
        best = log10.max(axis=0)
        log10 -= best
        return cls(np.power(np.float32(10), log10, out=log10), best, document)

    @property
    def documents(self) -> int:
        """How many there are."""
        return int(self.document[-1]) + 1

    def log10(self, weights: Weights) -> npt.NDArray[np.float64]:
        """log10 p of the whole text under each mixture: weights (mixtures, models) -> (mixtures,)."""
        total = np.full(len(weights), self.best.sum(dtype=np.float64))
        for part in self._parts(len(weights)):
            total += np.log10(weights @ self.relative[:, part].astype(weights.dtype)).sum(axis=1, dtype=np.float64)
        return total

    def shares(self, weights: Weights, draws: Weights) -> npt.NDArray[np.float64]:
        """Each model's mean share of the tokens' probability, (mixtures, models); `draws` (mixtures, documents): how often each
        document counts.
        """
        sums = np.zeros(weights.shape)
        tokens = draws @ np.bincount(self.document, minlength=self.documents).astype(draws.dtype)
        for part in self._parts(len(weights)):
            relative = self.relative[:, part].astype(weights.dtype)
            mixed = weights @ relative
            np.divide(draws[:, self.document[part]], mixed, out=mixed)
            sums += mixed @ relative.T
        shares: npt.NDArray[np.float64] = weights * sums / tokens[:, None]
        return shares

    def _parts(self, mixtures: int) -> Iterator[slice]:
        step = max(1, CELLS // max(mixtures, len(self.relative)))
        return (slice(start, start + step) for start in range(0, len(self.best), step))


def water_fill(shares: Weights, most: Weights) -> npt.NDArray[np.float64]:
    """The weights of sum 1 that maximise sum(shares * log(weights)), none over `most`; each row of (mixtures, models) on its own.

    Those at their bound are the ones with the greatest share for their bound; the others are in proportion to their shares.
    `most` (models,) sums to at least 1.
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


def step(scores: TokenScores, weights: Weights, most: Weights, draws: Weights) -> Weights:
    """One step of EM under the bounds `most`; (mixtures, models)."""
    return water_fill(scores.shares(weights, draws), most).astype(weights.dtype)


def fit(scores: TokenScores, most: Weights | None = None) -> npt.NDArray[np.float64]:
    """The weights of highest likelihood, (models,), none over its bound in `most`."""
    return _fit(scores, most, np.ones((1, scores.documents)), TOLERANCE)[0]


def fit_resampled(scores: TokenScores, most: Weights | None, times: int, seed: int) -> npt.NDArray[np.float64]:
    """The same for `times` draws of as many documents with replacement, (times, models)."""
    random, documents = np.random.default_rng(seed), scores.documents
    drawn = [np.bincount(random.integers(documents, size=documents), minlength=documents) for _ in range(times)]
    return _fit(scores, most, np.array(drawn, np.float32).reshape(times, documents), COARSE)


def _fit(scores: TokenScores, most: Weights | None, draws: Weights, tolerance: float) -> npt.NDArray[np.float64]:
    """From equal weights, in the precision of `draws`; a mixture whose weights stand still is left alone."""
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
