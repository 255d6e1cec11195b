"""Kernels of `compact.py`: contexts as small distances, and back."""

from libc.stdint cimport uint32_t

from curricle.c_checks cimport check_below, check_ranges, check_rows


def contexts_to_gaps(
    const uint32_t[::1] begin,
    const uint32_t[::1] contexts,
    const uint32_t[::1] lower_begin,
    const uint32_t[::1] lower_contexts,
    uint32_t[::1] gaps,
):
    """Distance of each n-gram's context from that of its left neighbor, or from the first one that is possible."""
    cdef Py_ssize_t suffix, row
    cdef uint32_t free
    check_ranges("begin", begin, contexts.shape[0])
    check_rows("lower_contexts", lower_contexts.shape[0], begin.shape[0] - 1)
    check_below("lower_contexts", lower_contexts, lower_begin.shape[0])
    check_rows("gaps", gaps.shape[0], contexts.shape[0])
    with nogil:
        for suffix in range(begin.shape[0] - 1):
            free = lower_begin[lower_contexts[suffix]]
            for row in range(begin[suffix], begin[suffix + 1]):
                gaps[row] = contexts[row] - free
                free = contexts[row] + 1


def gaps_to_contexts(
    const uint32_t[::1] begin,
    const uint32_t[::1] gaps,
    const uint32_t[::1] lower_begin,
    const uint32_t[::1] lower_contexts,
    uint32_t[::1] contexts,
):
    """Undo `contexts_to_gaps`; return whether every context lies among those that are possible."""
    cdef Py_ssize_t suffix, row, at, free, end
    check_ranges("begin", begin, gaps.shape[0])
    check_rows("lower_contexts", lower_contexts.shape[0], begin.shape[0] - 1)
    check_below("lower_contexts", lower_contexts, lower_begin.shape[0] - 1)
    check_rows("contexts", contexts.shape[0], gaps.shape[0])
    with nogil:
        for suffix in range(begin.shape[0] - 1):
            free, end = lower_begin[lower_contexts[suffix]], lower_begin[lower_contexts[suffix] + 1]
            for row in range(begin[suffix], begin[suffix + 1]):
                at = free + gaps[row]
                if at >= end:
                    with gil:
                        return False
                contexts[row] = <uint32_t> at
                free = at + 1
    return True
