"""Kernels of `binary.py`: keys of KenLM's hash tables, and the buckets that they go to."""

from libc.stdint cimport int32_t, uint8_t, uint32_t, uint64_t

from curricle.c_checks cimport check_ranges, check_rows
from curricle.models.kenlm.murmur cimport murmur_hash

cdef extern from *:
    """
    static const uint64_t SUFFIX_FACTOR = 8978948897894561157u, WORD_FACTOR = 17894857484156487943u;
    """
    const uint64_t SUFFIX_FACTOR, WORD_FACTOR


def hash_each_word(const uint8_t[::1] data, const int32_t[::1] offsets, uint64_t[::1] hashes):
    """KenLM's hash of each word `data[offsets[i]:offsets[i + 1]]`."""
    cdef Py_ssize_t word
    cdef const uint8_t *start = &data[0] if data.shape[0] else NULL
    check_rows("offsets", offsets.shape[0], hashes.shape[0] + 1)
    check_ranges("offsets", offsets, data.shape[0])
    with nogil:
        for word in range(hashes.shape[0]):
            hashes[word] = murmur_hash(start + offsets[word], offsets[word + 1] - offsets[word])


def extend_keys(const uint64_t[::1] suffix_keys, const uint32_t[::1] begin, const uint32_t[::1] word, uint64_t[::1] keys):
    """Table key of each n-gram from its suffix's key: the last word's id, then each earlier word (detail::CombineWordHash)."""
    cdef Py_ssize_t suffix, row
    cdef uint64_t base
    check_ranges("begin", begin, word.shape[0])
    check_rows("suffix_keys", suffix_keys.shape[0], begin.shape[0] - 1)
    check_rows("keys", keys.shape[0], word.shape[0])
    with nogil:
        for suffix in range(begin.shape[0] - 1):
            base = suffix_keys[suffix] * SUFFIX_FACTOR
            for row in range(begin[suffix], begin[suffix + 1]):
                keys[row] = base ^ ((word[row] + <uint64_t> 1) * WORD_FACTOR)


def fill_buckets(const uint64_t[::1] keys, uint8_t[::1] taken, Py_ssize_t[::1] buckets):
    """Bucket of each key in a table with linear probing, filled in order; `taken` (zeros) is as long as the table."""
    cdef Py_ssize_t row, at
    cdef Py_ssize_t size = taken.shape[0]
    check_rows("taken", size, keys.shape[0])
    check_rows("buckets", buckets.shape[0], keys.shape[0])
    with nogil:
        for row in range(keys.shape[0]):
            at = <Py_ssize_t> (keys[row] % <uint64_t> size)
            while taken[at]:
                at += 1
                if at == size:
                    at = 0
            taken[at] = 1
            buckets[row] = at
