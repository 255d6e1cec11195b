"""Checks of what kernels are given: a wrong length or index would make them read or write out of bounds.

Each is one pass over an array at most, before a kernel's loops.
"""

from libc.stdint cimport int16_t, int32_t, int64_t, uint32_t

ctypedef fused Index:
    int16_t
    int32_t
    uint32_t
    int64_t


cdef inline int check_rows(str name, Py_ssize_t rows, Py_ssize_t needed) except -1:
    """Raise ValueError if an argument has fewer rows than needed."""
    if rows < needed:
        raise ValueError(f"{name} has {rows} rows, {needed} are needed")
    return 0


cdef inline int check_columns(str name, Py_ssize_t columns, Py_ssize_t needed) except -1:
    """Raise ValueError if an argument has not this many columns."""
    if columns != needed:
        raise ValueError(f"{name} has {columns} columns, {needed} are needed")
    return 0


cdef inline int check_ranges(str name, const Index[::1] offsets, Py_ssize_t size) except -1:
    """Raise ValueError if `offsets` are not ascending offsets into `size` elements."""
    cdef Py_ssize_t i
    cdef bint ascending = offsets.shape[0] > 0 and offsets[0] >= 0
    for i in range(offsets.shape[0] - 1):
        ascending &= offsets[i] <= offsets[i + 1]
    if not ascending or offsets[offsets.shape[0] - 1] > size:
        raise ValueError(f"{name} must be ascending, from at least 0 to at most {size}")
    return 0


cdef inline int check_spans(const int64_t[::1] starts, const int64_t[::1] ends, Py_ssize_t size) except -1:
    """Raise ValueError if starts[i] to ends[i] is not a span of `size` elements for each i."""
    cdef Py_ssize_t i
    cdef bint inside = True
    if starts.shape[0] != ends.shape[0]:
        raise ValueError(f"{starts.shape[0]} starts and {ends.shape[0]} ends")
    for i in range(starts.shape[0]):
        inside &= (0 <= starts[i]) & (starts[i] <= ends[i]) & (ends[i] <= size)
    if not inside:
        raise ValueError(f"a span must not end before its start, and lie within {size} elements")
    return 0


cdef inline int check_below(str name, const Index[::1] values, Py_ssize_t limit) except -1:
    """Raise ValueError if one of the values is not an index of `limit` elements."""
    cdef Py_ssize_t i
    cdef bint inside = True
    for i in range(values.shape[0]):
        inside &= (values[i] >= 0) & (values[i] < limit)
    if not inside:
        raise ValueError(f"{name} must be at least 0 and below {limit}")
    return 0
