"""What scores are summed from: n-grams, pieces, a linear part, a Gaussian kernel; row by row: no row depends on its batch."""

import numpy as np
import numpy.typing as npt
from curricle.models.compiled.memory import pointer
from curricle.models.raters.compiled import export, inner
from curricle.models.raters.statistics import STATISTICS

GAMMA = 0.25
"""Of a group of standardised inputs in the kernel exp(-|x - y|^2): it sees them times sqrt(GAMMA / their number)."""

Floats = npt.NDArray[np.float32]
Weights = npt.NDArray[np.int8]

LANES = 16
"""Outputs that are summed at a time: a fixed number, for vectors. The last ones of a row overlap those before."""
ROWS = 8
"""Rows that are compared with a landmark while its values are near the processor."""


@inner
def _touch(table, places, start, stop, width):
    """Read a byte at both ends of rows places[start:stop] of `table`, which takes them into the processor's cache: many come
    at a time, as nothing waits for them (sums over the rows then take half the time). Returns the bytes' sum, lest none be read.
    """
    read = np.int64(0)
    for k in range(start, stop):
        p = width * np.int64(places[k])
        read += np.int64(table[p]) + np.int64(table[p + width - 1])
    return read


@export("void(int64[::1], int32[::1], float32[::1], int8[:, ::1], float32[::1], float32[:, ::1])", fastmath={"contract"})
def add_ngrams(indptr, indices, values, table, scale, out):
    """Add to every row of `out` (LANES wide or more) its n-grams' rows of `table`, times their values and the column's scale."""
    width = out.shape[1]
    blocks = (width + LANES - 1) // LANES
    room = np.empty(LANES * blocks + 1, dtype=np.float32)
    total, weights, places, factors = pointer(room), pointer(table), pointer(indices), pointer(values)
    for row in range(len(out)):
        for n in range(LANES * blocks):
            total[n] = 0
        start, stop = indptr[row], indptr[row + 1]
        total[LANES * blocks] = _touch(weights, places, start, stop, width)
        fours = stop - (stop - start) % 4
        for k in range(start, fours, 4):  # `total` goes through memory a quarter as often
            a, b, c, e = factors[k], factors[k + 1], factors[k + 2], factors[k + 3]
            p, q = width * np.int64(places[k]), width * np.int64(places[k + 1])
            r, s = width * np.int64(places[k + 2]), width * np.int64(places[k + 3])
            for block in range(blocks):
                t, at = LANES * block, min(LANES * block, width - LANES)
                for n in range(LANES):
                    total[t + n] += (
                        a * weights[p + at + n] + b * weights[q + at + n] + c * weights[r + at + n] + e * weights[s + at + n]
                    )
        for k in range(fours, stop):
            a, p = factors[k], width * np.int64(places[k])
            for block in range(blocks):
                t, at = LANES * block, min(LANES * block, width - LANES)
                for n in range(LANES):
                    total[t + n] += a * weights[p + at + n]
        for block in range(blocks):
            t, at = LANES * block, min(LANES * block, width - LANES)
            for n in range(t - at, LANES):
                out[row, at + n] += total[t + n] * scale[at + n]


@export("void(float32[:, ::1], float32[:, ::1], float32[:, ::1])")
def add_linear(inputs, weights, out):
    """Add `inputs` (rows, n) times `weights` (n, outputs); a BLAS would sum a single row in another order."""
    for row in range(len(out)):
        for d in range(inputs.shape[1]):
            for c in range(out.shape[1]):
                out[row, c] += inputs[row, d] * weights[d, c]


@export("void(float32[:, ::1], float32[:, ::1], float32[::1], float32[:, ::1], float32[:, ::1])", fastmath={"contract"})
def add_kernel(inputs, landmarks, lengths, weights, out):
    """Add each landmark's `weights` (landmarks, LANES outputs or more) times exp(-|input - landmark|^2).

    `landmarks`: (inputs, landmarks); `lengths`: their squared lengths.
    """
    width, size = out.shape[1], len(lengths)
    blocks = (width + LANES - 1) // LANES
    total, nears, squares = np.empty(LANES * blocks, np.float32), np.empty((ROWS, size), np.float32), np.empty(ROWS, np.float32)
    sums, factors = pointer(total), pointer(weights)
    for first in range(0, len(out), ROWS):
        rows = min(ROWS, len(out) - first)
        nears[:] = 0
        squares[:] = 0
        for d in range(0, inputs.shape[1] - 3, 4):  # by four: `nears` goes through memory a quarter as often
            for r in range(rows):
                a, b, c, e = inputs[first + r, d], inputs[first + r, d + 1], inputs[first + r, d + 2], inputs[first + r, d + 3]
                squares[r] += a * a + b * b + c * c + e * e
                near = nears[r]
                for k in range(size):
                    near[k] += a * landmarks[d, k] + b * landmarks[d + 1, k] + c * landmarks[d + 2, k] + e * landmarks[d + 3, k]
        for r in range(rows):
            near, square = nears[r], squares[r]
            for d in range(inputs.shape[1] // 4 * 4, inputs.shape[1]):
                a = inputs[first + r, d]
                square += a * a
                for k in range(size):
                    near[k] += a * landmarks[d, k]
            for block in range(blocks):
                t, at = LANES * block, min(LANES * block, width - LANES)
                for n in range(LANES):
                    sums[t + n] = out[first + r, at + n]
            for k in range(size):
                near[k] = np.exp(min(np.float32(0), np.float32(2) * near[k] - square - lengths[k]))
            fours = size - size % 4
            for k in range(0, fours, 4):
                a, b, c, e = near[k], near[k + 1], near[k + 2], near[k + 3]
                for block in range(blocks):
                    t, p = LANES * block, width * k + min(LANES * block, width - LANES)
                    for n in range(LANES):
                        added = sums[t + n] + a * factors[p + n]
                        added += b * factors[p + width + n]
                        added += c * factors[p + 2 * width + n]
                        sums[t + n] = added + e * factors[p + 3 * width + n]
            for k in range(fours, size):
                for block in range(blocks):
                    t, p = LANES * block, width * k + min(LANES * block, width - LANES)
                    for n in range(LANES):
                        sums[t + n] += near[k] * factors[p + n]
            for block in range(blocks):
                t, at = LANES * block, min(LANES * block, width - LANES)
                for n in range(LANES):
                    out[first + r, at + n] = sums[t + n]


@export("void(int32[::1], int64[::1], int32[::1], int8[:, ::1], float32[::1], float32[::1], float32[:, ::1])")
def embed_pieces(pieces, offsets, rows, vectors, scale, centre, out):
    """Fill `out` with unit vectors; `rows` gives a piece's row of `vectors`, -1 where it has none, as have those beyond."""
    longest = np.int64(0)
    for document in range(len(offsets) - 1):
        longest = max(longest, offsets[document + 1] - offsets[document])
    counts, distinct = np.zeros(len(vectors), dtype=np.int32), np.empty(longest + 1, dtype=np.int32)
    for document in range(len(offsets) - 1):
        found = np.int64(0)
        for k in range(offsets[document], offsets[document + 1]):
            row = rows[pieces[k]] if pieces[k] < len(rows) else np.int32(-1)
            if row >= 0:
                distinct[found] = row
                found += counts[row] == 0
                counts[row] += 1
        total = out[document]
        distinct[longest] = _touch(pointer(vectors), pointer(distinct), 0, found, len(total))
        total[:] = 0
        for k in range(found):
            row = distinct[k]
            weight = np.float32(1 if counts[row] == 1 else 1 + np.log(counts[row]))
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
