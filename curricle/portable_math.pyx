"""Elementary functions with the same result on every processor.

NumPy's and the C library's own differ in the last digits between processors (AVX-512 or not) and between versions. Use these
wherever a value is written, compared or hashed. Each takes a number or an array and keeps its shape: float32 gives float32 (computed
as double, rounded once), everything else float64. Errors are documented in portable_math.h.
"""

import numpy as np

from curricle cimport c_math

ctypedef double (*function)(double) noexcept nogil


cdef double _exp(double value) noexcept nogil:
    return c_math.exp(value)


cdef double _exp10(double value) noexcept nogil:
    return c_math.exp10(value)


cdef double _expm1(double value) noexcept nogil:
    return c_math.expm1(value)


cdef double _log(double value) noexcept nogil:
    return c_math.log(value)


cdef double _log10(double value) noexcept nogil:
    return c_math.log10(value)


cdef double _log1p(double value) noexcept nogil:
    return c_math.log1p(value)


def exp(values):
    """e to the power of each value."""
    return _map(_exp, values)


def exp10(values):
    """10 to the power of each value."""
    return _map(_exp10, values)


def expm1(values):
    """e to the power of each value, minus 1."""
    return _map(_expm1, values)


def log(values):
    """Natural logarithm of each value."""
    return _map(_log, values)


def log10(values):
    """Decimal logarithm of each value."""
    return _map(_log10, values)


def log1p(values):
    """Natural logarithm of 1 plus each value."""
    return _map(_log1p, values)


cdef _map(function apply, values):
    if isinstance(values, (float, int)) and not isinstance(values, np.generic):
        return apply(values)
    array = np.asarray(values)
    single = array.dtype == np.float32
    given = np.ascontiguousarray(array, np.float32 if single else np.float64)
    result = np.empty(array.shape, given.dtype)
    if single:
        _map_single(apply, given.reshape(-1), result.reshape(-1))
    else:
        _map_double(apply, given.reshape(-1), result.reshape(-1))
    return result[()]


cdef void _map_double(function apply, const double[::1] values, double[::1] result):
    cdef Py_ssize_t i
    with nogil:
        for i in range(values.shape[0]):
            result[i] = apply(values[i])


cdef void _map_single(function apply, const float[::1] values, float[::1] result):
    cdef Py_ssize_t i
    with nogil:
        for i in range(values.shape[0]):
            result[i] = <float>apply(values[i])
