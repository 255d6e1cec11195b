"""Sums over the trees of a boosted ensemble."""

from libc.stdint cimport int32_t

import numpy as np


def predict(const float[:, ::1] rows, const int32_t[::1] feature, const float[::1] threshold, const int32_t[::1] left,
            const int32_t[::1] right, const double[::1] value, const int32_t[::1] roots):
    """float64 (rows,): sum over the trees of the value of the leaf; a negative child is leaf -1 - child."""
    out = np.zeros(rows.shape[0], np.float64)
    cdef double[::1] total = out
    cdef Py_ssize_t row, tree
    cdef int32_t node
    for tree in range(roots.shape[0]):
        for row in range(rows.shape[0]):
            node = roots[tree]
            while node >= 0:
                node = left[node] if rows[row, feature[node]] <= threshold[node] else right[node]
            total[row] += value[-1 - node]
    return out
