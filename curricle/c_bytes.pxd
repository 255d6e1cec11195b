"""Unaligned memory access, bit counting and prefetching for kernels. Nothing here checks bounds."""

from libc.stdint cimport uint32_t, uint64_t

cdef extern from "curricle/bytes.h" nogil:
    uint32_t load32 "curricle_load32"(const void *address) noexcept
    uint64_t load64 "curricle_load64"(const void *address) noexcept
    float load_float "curricle_load_float"(const void *address) noexcept
    void store64 "curricle_store64"(void *address, uint64_t value) noexcept
    # Zero bits below the lowest set bit; 64 for 0.
    int count_trailing_zeros "curricle_count_trailing_zeros"(uint64_t value) noexcept
    # Start loading a cache line without waiting for it; any address is allowed.
    void prefetch "curricle_prefetch"(const void *address) noexcept
