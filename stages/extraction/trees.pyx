"""Sums over the trees of a boosted ensemble."""

from libc.stdint cimport int16_t, int32_t

import numpy as np

SPLIT = np.dtype([("threshold", np.float32), ("feature", np.int16), ("left", np.int16), ("right", np.int16), ("unused", np.int16)])
"""A split: rows whose feature is at most the threshold go left; a negative child is leaf -1 - child."""

cdef packed struct Split:
    float threshold
    int16_t feature, left, right, unused


def predict(const float[:, ::1] rows, splits, const double[::1] leaves, const int32_t[::1] roots):
    """float64 (rows,): sum over the trees of the value of the leaf that each row ends in."""
    out = np.zeros(rows.shape[0], np.float64)
    cdef const Split[::1] split = splits
    cdef double[::1] total = out
    cdef Py_ssize_t row, tree
    cdef int node
    cdef const float* values
    for row in range(rows.shape[0]):
        values = &rows[row, 0]
        for tree in range(roots.shape[0]):
            node = roots[tree]
            while node >= 0:
                node = split[node].left if values[split[node].feature] <= split[node].threshold else split[node].right
            total[row] += leaves[-1 - node]
    return out
