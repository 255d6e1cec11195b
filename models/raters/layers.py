"""The student's layers: n-grams, static embedding, a linear part and a Gaussian kernel. A row never depends on its batch."""

from typing import Any

import numpy as np
import numpy.typing as npt

from curricle import portable_math
from curricle.models.raters.features import STATISTICS
from curricle.models.raters.layer_kernels import squared_lengths

GAMMA = 0.25
"""A group of standardized inputs enters the kernel exp(-|x - y|^2) times sqrt(GAMMA / their number)."""

Floats = npt.NDArray[np.float32]
Weights = npt.NDArray[np.int8]

ONE = np.float32(1)


def landmark_lengths(landmarks: Floats) -> Floats:
    """The squared length of each column of `landmarks` (inputs, landmarks)."""
    lengths = np.empty(landmarks.shape[1], dtype=np.float32)
    squared_lengths(landmarks, lengths)
    return lengths


def scale_statistics(stats: Floats, mean: Floats, scale: Floats) -> Floats:
    """The statistics as the models read them: standardized, clipped at 3 deviations, of length sqrt(GAMMA) or so."""
    return (np.clip((stats - mean) / scale, -3, 3) * np.float32(np.sqrt(GAMMA / STATISTICS))).astype(np.float32)


def join(*parts: Floats) -> Floats:
    """The parts side by side, in the memory order that the kernels require."""
    return np.ascontiguousarray(np.hstack(parts), dtype=np.float32)


def quantize(weights: npt.NDArray[np.floating[Any]], levels: int) -> tuple[Weights, Floats]:
    """Quantize each output (column) to int8 from -levels to levels; also return the scale to multiply each with."""
    scale = (np.maximum(np.abs(weights).max(axis=0), 1e-9) / levels).astype(np.float32)
    return np.rint(weights / scale).astype(np.int8), scale


def softmax(scores: Floats, sharpness: np.float32 | Floats = ONE) -> Floats:
    """Probabilities (rows, classes) of `scores` times `sharpness`; the sum runs over the classes in their order."""
    odds = portable_math.exp((scores - scores.max(axis=1, keepdims=True)) * sharpness)
    total = np.zeros(len(odds), odds.dtype)
    for column in odds.T:
        total += column
    return odds / total[:, None]


def top_two(scores: Floats, sharpness: np.float32 | Floats) -> tuple[npt.NDArray[np.int32], Floats]:
    """(rows, 2): the two most probable classes and their probabilities, by the softmax of `scores` times `sharpness`."""
    odds = softmax(scores, sharpness)
    order = np.argsort(-odds, axis=1, kind="stable")[:, :2].astype(np.int32)
    return order, np.take_along_axis(odds, order, axis=1).astype(np.float32)
