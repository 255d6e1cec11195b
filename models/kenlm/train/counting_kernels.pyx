"""Kernels of `counting.py`: n-grams as rows of 64-bit keys, sorted, summed and merged."""

from libc.stdint cimport int64_t, uint32_t, uint64_t

from curricle.c_checks cimport check_below, check_columns, check_rows, check_spans

cdef enum:
    BOS = 1
    EOS = 2


def pack_rows(
    const uint32_t[::1] tokens,
    uint32_t[::1] numbers,
    uint32_t used,
    uint32_t[::1] history,
    int bits,
    Py_ssize_t per_key,
    uint64_t[:, ::1] rows,
):
    """Write the n-gram that ends in each token; return `used`, how many numbers of words are taken.

    Words are numbered in order of first appearance, in `numbers`. `history` holds the last words, latest first. Both are kept
    between calls.
    """
    cdef Py_ssize_t row, key, back, end
    cdef Py_ssize_t order = history.shape[0]
    cdef uint32_t token
    cdef uint64_t packed
    check_rows("rows", rows.shape[0], tokens.shape[0])
    check_below("tokens", tokens, numbers.shape[0])
    check_rows("history", order, 1)
    with nogil:
        for row in range(tokens.shape[0]):
            token = tokens[row]
            if numbers[token] == 0:
                numbers[token] = used
                used += 1
            for back in range(order - 1, 0, -1):
                history[back] = history[back - 1]
            history[0] = numbers[token]
            back = 0
            for key in range(rows.shape[1]):
                packed = 0
                end = min(back + per_key, order)
                while back < end:
                    packed = packed << bits | history[back]
                    back += 1
                rows[row, key] = packed
            if token == EOS:
                for back in range(order):
                    history[back] = BOS
    return used


cdef int check_digits(const uint64_t[:, ::1] rows, Py_ssize_t key, Py_ssize_t digits) except -1:
    """Raise ValueError unless there is such a key, and a power of two of digits."""
    if not 0 <= key < rows.shape[1]:
        raise ValueError(f"there is no key {key} in rows of {rows.shape[1]} keys")
    if digits < 1 or digits & (digits - 1):
        raise ValueError(f"{digits} digits are not a power of two")
    return 0


def count_digits(const uint64_t[:, ::1] rows, Py_ssize_t key, int shift, int64_t[::1] counts):
    """Add to `counts` how many rows have each digit: the bits of one key from `shift` on, as many as `counts` has room for."""
    cdef Py_ssize_t row
    cdef uint64_t mask = <uint64_t> counts.shape[0] - 1
    check_digits(rows, key, counts.shape[0])
    with nogil:
        for row in range(rows.shape[0]):
            counts[rows[row, key] >> shift & mask] += 1


def scatter_rows(const uint64_t[:, ::1] rows, uint64_t[:, ::1] out, Py_ssize_t key, int shift, int64_t[::1] starts):
    """Copy `rows` to `out`, ordered by one digit and otherwise as they are; `starts` are each digit's first places."""
    cdef Py_ssize_t row, column, to
    cdef uint64_t digit
    cdef uint64_t mask = <uint64_t> starts.shape[0] - 1
    check_digits(rows, key, starts.shape[0])
    check_columns("out", out.shape[1], rows.shape[1])
    with nogil:
        for row in range(rows.shape[0]):
            digit = rows[row, key] >> shift & mask
            to = starts[digit]
            if not 0 <= to < out.shape[0]:
                with gil:
                    raise ValueError(f"out has {out.shape[0]} rows, a digit goes to row {to}")
            starts[digit] = to + 1
            for column in range(rows.shape[1]):
                out[to, column] = rows[row, column]


cdef inline bint equal_rows(
    const uint64_t[:, ::1] rows, Py_ssize_t row, const uint64_t[:, ::1] others, Py_ssize_t other
) noexcept nogil:
    cdef Py_ssize_t key
    for key in range(rows.shape[1]):
        if rows[row, key] != others[other, key]:
            return False
    return True


def sum_equal_rows(uint64_t[:, ::1] rows, uint32_t[::1] counts):
    """Keep one of each run of equal rows, in place; `counts` gets their lengths. Return how many are left."""
    cdef Py_ssize_t row, key
    cdef Py_ssize_t last = -1
    check_rows("counts", counts.shape[0], rows.shape[0])
    with nogil:
        for row in range(rows.shape[0]):
            if last >= 0 and equal_rows(rows, row, rows, last):
                counts[last] += 1
                continue
            last += 1
            counts[last] = 1
            for key in range(rows.shape[1]):
                rows[last, key] = rows[row, key]
    return last + 1


cdef inline bint less(const uint64_t[:, ::1] rows, Py_ssize_t row, Py_ssize_t other) noexcept nogil:
    cdef Py_ssize_t key
    for key in range(rows.shape[1]):
        if rows[row, key] != rows[other, key]:
            return rows[row, key] < rows[other, key]
    return False


cdef inline void sift_down(
    const uint64_t[:, ::1] rows, const int64_t[::1] heads, int64_t[::1] heap, Py_ssize_t size, Py_ssize_t at
) noexcept nogil:
    """Restore the heap of run numbers, least head first, below position `at`."""
    cdef Py_ssize_t child
    cdef int64_t run = heap[at] if at < size else 0
    while True:
        child = 2 * at + 1
        if child >= size:
            return
        if child + 1 < size and less(rows, heads[heap[child + 1]], heads[heap[child]]):
            child += 1
        if not less(rows, heads[heap[child]], heads[run]):
            return
        heap[at], heap[child] = heap[child], run
        at = child


def make_heap(const uint64_t[:, ::1] rows, const int64_t[::1] heads, int64_t[::1] heap):
    """Order `heap`, the numbers of all runs, as a binary heap; `heads[run]` is the run's first row."""
    cdef Py_ssize_t at
    check_below("heads", heads, rows.shape[0])
    check_below("heap", heap, heads.shape[0])
    with nogil:
        for at in range(heap.shape[0] - 1, -1, -1):
            sift_down(rows, heads, heap, heap.shape[0], at)


def merge_runs(
    const uint64_t[:, ::1] rows,
    const uint32_t[::1] counts,
    int64_t[::1] heads,
    const int64_t[::1] ends,
    int64_t[::1] heap,
    Py_ssize_t size,
    uint64_t[:, ::1] out,
    uint32_t[::1] sums,
):
    """Write the next merged rows of all runs, as many as `out` holds; return how many. `size`: runs that have rows left."""
    cdef Py_ssize_t key
    cdef Py_ssize_t filled = 0
    cdef int64_t run, head
    check_rows("counts", counts.shape[0], rows.shape[0])
    check_spans(heads, ends, rows.shape[0])
    check_rows("heap", heap.shape[0], size)
    check_below("heap", heap[:size], heads.shape[0])
    for key in range(size):
        if heads[heap[key]] == ends[heap[key]]:
            raise ValueError(f"run {heap[key]} has no rows left")
    check_columns("out", out.shape[1], rows.shape[1])
    check_rows("sums", sums.shape[0], out.shape[0])
    with nogil:
        while size:
            run = heap[0]
            head = heads[run]
            if filled and equal_rows(out, filled - 1, rows, head):
                sums[filled - 1] += counts[head]
            elif filled == out.shape[0]:
                break
            else:
                for key in range(rows.shape[1]):
                    out[filled, key] = rows[head, key]
                sums[filled] = counts[head]
                filled += 1
            heads[run] += 1
            if heads[run] == ends[run]:
                size -= 1
                heap[0] = heap[size]
            sift_down(rows, heads, heap, size, 0)
    return filled
