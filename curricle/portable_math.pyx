"""Elementary functions with the same result on every processor."""

import numpy as np

from curricle cimport c_math


def log10(values):
    """log10 of each of `values`, float64 of the same shape."""
    cdef double[::1] taken = np.array(values, np.float64).reshape(-1)
    cdef Py_ssize_t i
    for i in range(taken.shape[0]):
        taken[i] = c_math.log10(taken[i])
    return np.asarray(taken).reshape(np.shape(values))
