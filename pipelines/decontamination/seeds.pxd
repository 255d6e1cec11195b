"""Hashes of n-grams of words, the same for items and documents."""

from libc.stdint cimport uint64_t

cdef enum:
    SEED_WORDS = 5  # words of a seed, the n-gram by which a part of an item is found

cdef inline uint64_t rotated(uint64_t value, int bits) noexcept nogil:
    return (value << bits) | (value >> (64 - bits))

cdef inline uint64_t rolled(uint64_t before, uint64_t old, uint64_t new) noexcept nogil:
    """The sum over the SEED_WORDS words that end with `new`, from the sum `before` it; `old` is the word that leaves."""
    return rotated(before, 11) ^ rotated(old, 55) ^ new

cdef inline uint64_t mixed(uint64_t total) noexcept nogil:
    """The hash of a sum; never 0, which marks an empty slot."""
    total = (total ^ (total >> 32)) * <uint64_t>0x9E3779B97F4A7C15
    total = (total ^ (total >> 29)) * <uint64_t>0xBF58476D1CE4E5B9
    return (total ^ (total >> 32)) | 1
