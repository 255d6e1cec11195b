"""Kernels of `smoothing.py`. All arithmetic is in single precision, in lmplz's order of operations."""

from libc.stdint cimport uint32_t

from curricle.c_checks cimport check_below, check_columns, check_ranges, check_rows

cdef extern from "curricle/models/kenlm/lmplz_log10.h" nogil:
    float lmplz_log10f(float x) noexcept

cdef enum:
    TOTAL = 0  # column of a context's sums; columns 1, 2, 3 count the extensions with those adjusted counts (3: and more)
    MOST = 3  # adjusted counts from 3 on share a discount


cdef inline uint32_t discount_class(uint32_t count) noexcept nogil:
    return count if count < MOST else MOST


def add_to_sums(const uint32_t[::1] contexts, const uint32_t[::1] counts, uint32_t[:, ::1] sums):
    """Add each n-gram's adjusted count to its context's row of `sums`."""
    cdef Py_ssize_t row
    check_rows("counts", counts.shape[0], contexts.shape[0])
    check_columns("sums", sums.shape[1], MOST + 1)
    check_below("contexts", contexts, sums.shape[0])
    with nogil:
        for row in range(contexts.shape[0]):
            if counts[row]:  # <unk> and <s> have none
                sums[contexts[row], TOTAL] += counts[row]
                sums[contexts[row], discount_class(counts[row])] += 1


def interpolation_weights(
    const uint32_t[:, ::1] sums, const uint32_t[::1] totals, const float[::1] discounts, float[::1] weights
):
    """Weight of the lower order in each context: what discounts and pruning took away; 1 where nothing follows."""
    cdef Py_ssize_t row
    cdef uint32_t count
    cdef float taken
    check_columns("sums", sums.shape[1], MOST + 1)
    check_rows("totals", totals.shape[0], sums.shape[0])
    check_rows("discounts", discounts.shape[0], MOST + 1)
    check_rows("weights", weights.shape[0], sums.shape[0])
    with nogil:
        for row in range(sums.shape[0]):
            weights[row] = 1
            if totals[row]:
                taken = 0
                for count in range(1, MOST + 1):
                    taken += discounts[count] * <float> sums[row, count]
                taken += <float> (totals[row] - sums[row, TOTAL])
                weights[row] = taken / <float> totals[row]


def interpolate(
    const uint32_t[::1] begin,
    const uint32_t[::1] contexts,
    const uint32_t[::1] counts,
    const float[::1] discounts,
    const uint32_t[::1] totals,
    const float[::1] weights,
    const float[::1] lower,
    float[::1] probabilities,
):
    """Probability of each n-gram: its own share of the context's total, and the weight times the suffix's probability."""
    cdef Py_ssize_t suffix, row
    cdef uint32_t context
    cdef float own
    check_ranges("begin", begin, contexts.shape[0])
    check_rows("counts", counts.shape[0], contexts.shape[0])
    check_rows("discounts", discounts.shape[0], MOST + 1)
    check_rows("weights", weights.shape[0], totals.shape[0])
    check_below("contexts", contexts, totals.shape[0])
    check_rows("lower", lower.shape[0], begin.shape[0] - 1)
    check_rows("probabilities", probabilities.shape[0], contexts.shape[0])
    with nogil:
        for suffix in range(begin.shape[0] - 1):
            for row in range(begin[suffix], begin[suffix + 1]):
                context = contexts[row]
                own = (<float> counts[row] - discounts[discount_class(counts[row])]) / <float> totals[context]
                probabilities[row] = own + weights[context] * lower[suffix]


def log10_at_most_0(const float[::1] values, float[::1] out):
    """log10 of each value as lmplz computes it; 0 for values over 1."""
    cdef Py_ssize_t row
    cdef float result
    check_rows("out", out.shape[0], values.shape[0])
    with nogil:
        for row in range(values.shape[0]):
            result = lmplz_log10f(values[row])
            out[row] = 0 if result > 0 else result
