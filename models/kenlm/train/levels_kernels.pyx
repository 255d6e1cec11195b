"""Kernels of `levels.py`: the trie of suffixes and its counts."""

from libc.stdint cimport int64_t, uint32_t, uint64_t

from curricle.c_checks cimport check_columns, check_ranges, check_rows

cdef enum:
    BOS = 1


cdef inline void unpack_row(
    const uint64_t[:, ::1] rows, Py_ssize_t row, int bits, Py_ssize_t per_key, uint32_t[::1] words
) noexcept nogil:
    """The words of a row, the last one first."""
    cdef Py_ssize_t key, place, here
    cdef Py_ssize_t back = 0
    cdef uint64_t mask = (<uint64_t> 1 << bits) - 1
    for key in range(rows.shape[1]):
        here = min(per_key, words.shape[0] - back)
        for place in range(here - 1, -1, -1):
            words[back] = <uint32_t> (rows[row, key] >> (place * bits) & mask)
            back += 1


def grow_levels(
    const uint64_t[:, ::1] rows,
    const uint32_t[::1] counts,
    int bits,
    Py_ssize_t per_key,
    uint32_t[::1] last,
    Py_ssize_t last_length,
    uint32_t[::1] words,
    int64_t[::1] sizes,
    uint32_t[:, ::1] word,
    uint32_t[:, ::1] begin,
    uint32_t[:, ::1] count,
    int64_t[::1] added,
):
    """Write the trie nodes that sorted `rows` add to each order; return the length of the last n-gram.

    Node k of order n goes to word[n - 1, k], begin[n - 1, k], count[n - 1, k]; added[n - 1] gets how many there are. `last`,
    the words of the row before, and `sizes`, the nodes of each order so far, are kept between calls; `words` is for scratch.
    """
    cdef Py_ssize_t row, back, length, same, depth, at
    cdef Py_ssize_t order = last.shape[0]
    check_rows("counts", counts.shape[0], rows.shape[0])
    check_rows("last", order, max(<Py_ssize_t> 1, last_length))
    check_columns("words", words.shape[0], order)
    check_rows("keys", per_key * rows.shape[1], order)
    check_rows("sizes", sizes.shape[0], order)
    check_rows("added", added.shape[0], order)
    check_rows("word, begin or count", min(word.shape[0], begin.shape[0], count.shape[0]), order)
    check_rows("an order", min(word.shape[1], begin.shape[1], count.shape[1]), rows.shape[0])
    with nogil:
        added[:] = 0
        for row in range(rows.shape[0]):
            unpack_row(rows, row, bits, per_key, words)
            length = 1  # the n-gram ends at the first <s>
            while length < order and words[length - 1] != BOS:
                length += 1
            same = 0
            while same < min(length, last_length) and words[same] == last[same]:
                same += 1
            for depth in range(same, length):
                at = added[depth]
                word[depth, at] = words[depth]
                begin[depth, at] = <uint32_t> sizes[depth + 1] if depth + 1 < order else 0
                count[depth, at] = counts[row] if depth == length - 1 else 0
                added[depth] = at + 1
                sizes[depth] += 1
            for back in range(order):
                last[back] = words[back]
            last_length = length
    return last_length


def add_extensions(const uint32_t[::1] begin, const uint32_t[::1] longer, uint32_t[::1] count):
    """Add the counts of all left extensions, begin[row]:begin[row + 1] in `longer`, to each n-gram's own count."""
    cdef Py_ssize_t row, extension
    check_rows("begin", begin.shape[0], count.shape[0] + 1)
    check_ranges("begin", begin, longer.shape[0])
    with nogil:
        for row in range(count.shape[0]):
            for extension in range(begin[row], begin[row + 1]):
                count[row] += longer[extension]
