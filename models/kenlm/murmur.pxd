"""KenLM's hash of a word."""

from libc.stdint cimport uint8_t, uint64_t

from curricle.c_bytes cimport load64


cdef inline uint64_t murmur_hash(const uint8_t *word, Py_ssize_t size) noexcept nogil:
    """MurmurHash64A with seed 0 (Austin Appleby; kpu/kenlm util/murmur_hash.cc)."""
    cdef uint64_t multiplier = 0xC6A4A7935BD1E995
    cdef int shift = 47
    cdef uint64_t result = <uint64_t> size * multiplier
    cdef uint64_t part
    cdef Py_ssize_t i = 0
    cdef int k
    while i + 8 <= size:
        part = load64(word + i) * multiplier
        part ^= part >> shift
        result = (result ^ part * multiplier) * multiplier
        i += 8
    if i < size:
        for k in range(<int> (size - i)):
            result ^= <uint64_t> word[i + k] << 8 * k
        result *= multiplier
    result ^= result >> shift
    result *= multiplier
    return result ^ result >> shift
