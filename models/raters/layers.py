"""What scores are summed from: n-grams, pieces, a linear part, a Gaussian kernel; row by row: no row depends on its batch."""

import numpy as np
import numpy.typing as npt

from models.raters.compiled import export
from models.raters.statistics import STATISTICS

GAMMA = 0.25
"""Of a group of standardised inputs in the kernel exp(-|x - y|^2): it sees them times sqrt(GAMMA / their number)."""

Floats = npt.NDArray[np.float32]
Weights = npt.NDArray[np.int8]


@export("void(int64[::1], int32[::1], float32[::1], int8[:, ::1], float32[::1], float32[:, ::1])", fastmath={"contract"})
def add_ngrams(indptr, indices, values, table, scale, out):
    """Add to every row of `out` its n-grams' rows of `table`, times their values and the outputs' `scale`."""
    total = np.empty(out.shape[1], dtype=np.float32)
    for row in range(len(out)):
        total[:] = 0
        start, stop = indptr[row], indptr[row + 1]
        fours = stop - (stop - start) % 4
        for k in range(start, fours, 4):  # `total` goes through memory a quarter as often
            a, b, c, e = values[k], values[k + 1], values[k + 2], values[k + 3]
            p, q, r, s = table[indices[k]], table[indices[k + 1]], table[indices[k + 2]], table[indices[k + 3]]
            for n in range(len(total)):
                total[n] += a * p[n] + b * q[n] + c * r[n] + e * s[n]
        for k in range(fours, stop):
            a, p = values[k], table[indices[k]]
            for n in range(len(total)):
                total[n] += a * p[n]
        for c in range(len(total)):
            out[row, c] += total[c] * scale[c]


@export("void(float32[:, ::1], float32[:, ::1], float32[:, ::1])")
def add_linear(inputs, weights, out):
    """Add `inputs` (rows, n) times `weights` (n, outputs); a BLAS would sum a single row in another order."""
    for row in range(len(out)):
        for d in range(inputs.shape[1]):
            for c in range(out.shape[1]):
                out[row, c] += inputs[row, d] * weights[d, c]


@export("void(float32[:, ::1], float32[:, ::1], float32[::1], float32[:, ::1], float32[:, ::1])", fastmath={"contract"})
def add_kernel(inputs, landmarks, lengths, weights, out):
    """Add each landmark's `weights` (landmarks, outputs) times exp(-|input - landmark|^2).

    `landmarks`: (inputs, landmarks); `lengths`: their squared lengths.
    """
    near = np.empty(len(lengths), dtype=np.float32)
    for row in range(len(out)):
        square = np.float32(0)
        near[:] = 0
        for d in range(0, inputs.shape[1] - 3, 4):  # by four: `near` goes through memory a quarter as often
            a, b, c, e = inputs[row, d], inputs[row, d + 1], inputs[row, d + 2], inputs[row, d + 3]
            square += a * a + b * b + c * c + e * e
            for k in range(len(near)):
                near[k] += a * landmarks[d, k] + b * landmarks[d + 1, k] + c * landmarks[d + 2, k] + e * landmarks[d + 3, k]
        for d in range(inputs.shape[1] // 4 * 4, inputs.shape[1]):
            a = inputs[row, d]
            square += a * a
            for k in range(len(near)):
                near[k] += a * landmarks[d, k]
        for k in range(len(near)):
            kernel = np.exp(min(np.float32(0), np.float32(2) * near[k] - square - lengths[k]))
            weight = weights[k]
            for c in range(out.shape[1]):
                out[row, c] += kernel * weight[c]


@export("void(int32[::1], int64[::1], int32[::1], int8[:, ::1], float32[::1], float32[::1], float32[:, ::1])")
def embed_pieces(pieces, offsets, rows, vectors, scale, centre, out):
    """Fill `out` with unit vectors; `rows` gives a piece's row of `vectors`, -1 where it has none, as have those beyond."""
    counts = np.zeros(len(vectors), dtype=np.int32)
    for document in range(len(offsets) - 1):
        total = out[document]
        total[:] = 0
        for k in range(offsets[document], offsets[document + 1]):
            if pieces[k] < len(rows) and rows[pieces[k]] >= 0:
                counts[rows[pieces[k]]] += 1
        for k in range(offsets[document], offsets[document + 1]):
            row = rows[pieces[k]] if pieces[k] < len(rows) else np.int32(-1)
            if row < 0 or counts[row] == 0:
                continue
            weight = np.float32(1 + np.log(counts[row]))
            counts[row] = 0
            vector = vectors[row]
            for d in range(len(total)):
                total[d] += weight * vector[d]
        squares = np.float32(0)
        for d in range(len(total)):
            total[d] = total[d] * scale[d] - centre[d]
            squares += total[d] * total[d]
        length = max(np.sqrt(squares), np.float32(1e-6))
        for d in range(len(total)):
            total[d] /= length


def scale_statistics(stats: Floats, mean: Floats, scale: Floats) -> Floats:
    """The statistics as the models see them: standardised, cut at 3 deviations, of about length sqrt(GAMMA)."""
    return (np.clip((stats - mean) / scale, -3, 3) * np.float32(np.sqrt(GAMMA / STATISTICS))).astype(np.float32)


def join(*parts: Floats) -> Floats:
    """The parts side by side, as the layers take them."""
    return np.ascontiguousarray(np.hstack(parts), dtype=np.float32)


def quantise(weights: Floats, levels: int) -> tuple[Weights, Floats]:
    """int8 weights from -levels to levels, by output, and what to multiply them with."""
    scale = (np.maximum(np.abs(weights).max(axis=0), 1e-9) / levels).astype(np.float32)
    return np.rint(weights / scale).astype(np.int8), scale


def top_two(scores: Floats, sharpness: np.float32 | Floats) -> tuple[npt.NDArray[np.int32], Floats]:
    """(rows, 2): the two most probable classes and their probabilities, softmax of `scores` times `sharpness`."""
    odds = np.exp((scores - scores.max(axis=1, keepdims=True)) * sharpness)
    odds /= odds.sum(axis=1, keepdims=True)
    order = np.argsort(-odds, axis=1, kind="stable")[:, :2].astype(np.int32)
    return order, np.take_along_axis(odds, order, axis=1).astype(np.float32)
