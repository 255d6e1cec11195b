"""Kernels of `interpolation.py`. Sums are taken in a stated order, so that results are the same on every processor."""

from libc.stdint cimport int64_t

from curricle.c_checks cimport check_below, check_columns, check_rows
from curricle.c_math cimport exp10, log10

ctypedef fused real:
    float
    double

cdef enum:
    BLOCK = 512  # tokens at a time: their numbers stay in the first-level cache
    LANES = 8  # partial sums over the tokens of a block: processors add several at once


def scale_by_best(float[:, ::1] log10_scores, float[::1] best):
    """Replace log10 p of each model (models, tokens) by p over the best model's p, whose log10 goes to `best`."""
    cdef Py_ssize_t model, token
    check_rows("log10_scores", log10_scores.shape[0], 1)
    check_columns("log10_scores", log10_scores.shape[1], best.shape[0])
    with nogil:
        for token in range(best.shape[0]):
            best[token] = log10_scores[0, token]
            for model in range(1, log10_scores.shape[0]):
                best[token] = max(best[token], log10_scores[model, token])
            for model in range(log10_scores.shape[0]):
                log10_scores[model, token] = <float> exp10(log10_scores[model, token] - best[token])


cdef inline void mix(
    const float[:, ::1] relative, Py_ssize_t start, Py_ssize_t size, const real *weights, real *mixed
) noexcept nogil:
    """The weighted sum of the models, added up in their order, for `size` tokens from `start` on."""
    cdef Py_ssize_t model, token
    cdef const float *row
    for token in range(size):
        mixed[token] = 0
    for model in range(relative.shape[0]):
        row = &relative[model, start]
        for token in range(size):
            mixed[token] += weights[model] * row[token]


cdef inline double dot(const float *row, const real *shares, Py_ssize_t size) noexcept nogil:
    """Sum of products: eight partial sums, of every eighth token each, which are then added in order."""
    cdef real partial[LANES]
    cdef Py_ssize_t eight, lane
    cdef Py_ssize_t eights = size // LANES
    cdef double total = 0
    for lane in range(LANES):
        partial[lane] = 0
    for eight in range(eights):
        for lane in range(LANES):
            partial[lane] += shares[eight * LANES + lane] * row[eight * LANES + lane]
    for lane in range(size - eights * LANES):
        partial[lane] += shares[eights * LANES + lane] * row[eights * LANES + lane]
    for lane in range(LANES):
        total += partial[lane]
    return total


def add_log10(const float[:, ::1] relative, const float[::1] best, const double[:, ::1] weights, double[::1] totals):
    """Add log10 p of each token, in order, under each mixture to `totals`."""
    cdef Py_ssize_t block, start, size, mixture, token
    cdef double mixed[BLOCK]
    check_columns("relative", relative.shape[1], best.shape[0])
    check_columns("weights", weights.shape[1], relative.shape[0])
    check_rows("totals", totals.shape[0], weights.shape[0])
    with nogil:
        for block in range((best.shape[0] + BLOCK - 1) // BLOCK):
            start = block * BLOCK
            size = min(BLOCK, best.shape[0] - start)
            for mixture in range(weights.shape[0]):
                mix(relative, start, size, &weights[mixture, 0], mixed)
                for token in range(size):
                    totals[mixture] += best[start + token] + log10(mixed[token])


def add_shares(
    const float[:, ::1] relative,
    const int64_t[::1] document,
    const real[:, ::1] weights,
    const real[:, ::1] draws,
    double[:, ::1] sums,
):
    """Add each model's share of the tokens' probability over its weight, (mixtures, models), to `sums`.

    A token counts draws[mixture, document[token]] times.
    """
    cdef Py_ssize_t block, start, size, mixture, model, token
    cdef real mixed[BLOCK]
    check_columns("relative", relative.shape[1], document.shape[0])
    check_columns("weights", weights.shape[1], relative.shape[0])
    check_rows("draws", draws.shape[0], weights.shape[0])
    check_below("document", document, draws.shape[1])
    check_rows("sums", sums.shape[0], weights.shape[0])
    check_columns("sums", sums.shape[1], relative.shape[0])
    with nogil:
        for block in range((document.shape[0] + BLOCK - 1) // BLOCK):
            start = block * BLOCK
            size = min(BLOCK, document.shape[0] - start)
            for mixture in range(weights.shape[0]):
                mix(relative, start, size, &weights[mixture, 0], mixed)
                for token in range(size):
                    mixed[token] = draws[mixture, document[start + token]] / mixed[token]
                for model in range(relative.shape[0]):
                    sums[mixture, model] += dot(&relative[model, start], mixed, size)
