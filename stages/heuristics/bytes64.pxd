"""Eight bytes at a time, for kernels: a hash, and the length of a run of letters. Bytes are read in little-endian order."""

from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memcpy

cdef extern from * nogil:
    """
    #define EACH_BYTE 0x0101010101010101ULL
    #define HIGH_BITS (EACH_BYTE * 0x80)
    #define HASH_FACTOR 0xD6E8FEB86659FD93ULL
    """
    const uint64_t EACH_BYTE
    const uint64_t HIGH_BITS
    const uint64_t HASH_FACTOR
    int __builtin_ctzll(unsigned long long value) noexcept


cdef inline uint64_t load_eight(const uint8_t *data) noexcept nogil:
    """Eight bytes as an integer."""
    cdef uint64_t block
    memcpy(&block, data, 8)
    return block


cdef inline uint64_t keep_bytes(uint64_t block, int64_t count) noexcept nogil:
    """The block with all but its first `count` bytes (1 to 7) cleared."""
    return block & ((<uint64_t>1 << (8 * count)) - 1)


cdef inline uint64_t mix(uint64_t value, uint64_t block) noexcept nogil:
    """Mix eight bytes into a hash."""
    value = (value ^ block) * HASH_FACTOR
    return value ^ (value >> 32)


cdef inline uint64_t hash_bytes(const uint8_t *data, int64_t size) noexcept nogil:
    """Hash of `size` bytes, the same as `hash_bytes` in lexicon.py; reads up to seven bytes after them."""
    cdef uint64_t value = size
    while size >= 8:
        value = mix(value, load_eight(data))
        data += 8
        size -= 8
    return mix(value, keep_bytes(load_eight(data), size)) if size > 0 else value


cdef inline int64_t first_marked(uint64_t marks) noexcept nogil:
    """Index of the first byte whose high bit is set; 8 if none is."""
    return __builtin_ctzll(marks) >> 3 if marks else 8


cdef inline int64_t leading_letters(uint64_t block) noexcept nogil:
    """How many of the eight bytes, from the first on, are ASCII letters: 0 to 8."""
    cdef uint64_t folded = (block | EACH_BYTE * 0x20) & ~HIGH_BITS
    cdef uint64_t from_a = folded + EACH_BYTE * (0x80 - c'a')
    cdef uint64_t past_z = folded + EACH_BYTE * (0x80 - c'z' - 1)
    return first_marked(~((from_a ^ past_z) & ~block) & HIGH_BITS)
