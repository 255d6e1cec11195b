"""Kernel of `ngrams.py`: the search for contexts."""

from libc.stdint cimport uint32_t

from curricle.c_checks cimport check_below, check_ranges, check_rows


def link_contexts(
    const uint32_t[::1] word,
    const uint32_t[::1] begin,
    const uint32_t[::1] lower_word,
    const uint32_t[::1] lower_begin,
    const uint32_t[::1] lower_contexts,
    uint32_t[::1] contexts,
):
    """Write the row of each n-gram's context to `contexts`; return the first n-gram without one, or -1.

    The context of (w1 .. wn) begins with w1 and ends in the context of (w2 .. wn), so a search in a short sorted range finds it.
    """
    cdef Py_ssize_t suffix, row, low, high, middle, end
    cdef uint32_t context
    check_ranges("begin", begin, word.shape[0])
    check_ranges("lower_begin", lower_begin, lower_word.shape[0])
    check_rows("lower_contexts", lower_contexts.shape[0], begin.shape[0] - 1)
    check_below("lower_contexts", lower_contexts, lower_begin.shape[0] - 1)
    check_rows("contexts", contexts.shape[0], word.shape[0])
    with nogil:
        for suffix in range(begin.shape[0] - 1):
            context = lower_contexts[suffix]
            low, end = lower_begin[context], lower_begin[context + 1]
            for row in range(begin[suffix], begin[suffix + 1]):
                high = end
                while low < high:
                    middle = (low + high) >> 1
                    if lower_word[middle] < word[row]:
                        low = middle + 1
                    else:
                        high = middle
                if low == end or lower_word[low] != word[row]:
                    with gil:
                        return row
                contexts[row] = <uint32_t> low
    return -1
