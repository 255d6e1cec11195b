"""Sets of hashes with open addressing and linear probes, for kernels."""

from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memset

from curricle.stages.heuristics.bytes64 cimport HASH_FACTOR

cdef struct HashSet:
    uint64_t *keys  # 0: an empty slot
    int64_t mask  # slots - 1
    int shift


cdef inline int table_bits(int64_t entries) noexcept nogil:
    """Bits of the size of a table that is at most half full; at least 4."""
    cdef int bits = 4
    while (<int64_t>1 << bits) < 2 * entries:
        bits += 1
    return bits


cdef inline void clear(HashSet *seen, uint64_t *keys, int bits) noexcept nogil:
    """Make an empty set of 2**bits slots in `keys`."""
    seen.keys, seen.mask, seen.shift = keys, (<int64_t>1 << bits) - 1, 64 - bits
    memset(keys, 0, sizeof(uint64_t) << bits)


cdef inline int64_t slot_of(HashSet *seen, uint64_t key) noexcept nogil:
    """The slot that holds the key (not 0), or the empty one for it."""
    cdef int64_t slot = <int64_t>((key * HASH_FACTOR) >> seen.shift)
    while seen.keys[slot] and seen.keys[slot] != key:
        slot = (slot + 1) & seen.mask
    return slot


cdef inline uint64_t nonzero(uint64_t key) noexcept nogil:
    return key if key else 1


cdef inline bint add(HashSet *seen, uint64_t key) noexcept nogil:
    """Add the key; returns whether it was new."""
    key = nonzero(key)
    cdef int64_t slot = slot_of(seen, key)
    if seen.keys[slot]:
        return False
    seen.keys[slot] = key
    return True
