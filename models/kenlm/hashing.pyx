"""KenLM's hashes of words, for `models.kenlm.table`."""

from libc.stdint cimport int64_t, uint8_t, uint64_t

from curricle.c_checks cimport check_rows, check_spans
from curricle.models.kenlm.murmur cimport murmur_hash


def hash_token(bytes token):
    """KenLM's hash of a word."""
    return murmur_hash(<const uint8_t *> <const char *> token, len(token))


cdef inline bint is_separator(uint8_t byte) noexcept nogil:
    """ASCII white space or NUL."""
    return byte == c' ' or c'\t' <= byte <= c'\r' or byte == c'\0'


def hash_each_token(
    const uint8_t[::1] data,
    const int64_t[::1] starts,
    const int64_t[::1] ends,
    uint64_t[::1] hashes,
    int64_t[::1] offsets,
):
    """Write the hash of each token of the rows `data[starts[i]:ends[i]]` and offsets (rows + 1); returns the number of tokens.

    A row of n bytes has at most (n + 1) / 2 tokens; `hashes` must have room for them. `offsets[0]` must be 0.
    """
    cdef Py_ssize_t rows = starts.shape[0]
    cdef Py_ssize_t row
    cdef int64_t position, end, token_start
    cdef int64_t count = 0
    check_spans(starts, ends, data.shape[0])
    check_rows("offsets", offsets.shape[0], rows + 1)
    for row in range(rows):
        count += (ends[row] - starts[row] + 1) // 2
    check_rows("hashes", hashes.shape[0], count)
    count = 0
    with nogil:
        for row in range(rows):
            position = starts[row]
            end = ends[row]
            while True:
                while position < end and is_separator(data[position]):
                    position += 1
                if position >= end:
                    break
                token_start = position
                while position < end and not is_separator(data[position]):
                    position += 1
                hashes[count] = murmur_hash(&data[token_start], position - token_start)
                count += 1
            offsets[row + 1] = count
    return count
