/* Unaligned memory access and processor instructions that Cython has no word for. Byte order is the machine's. */
#ifndef CURRICLE_BYTES_H
#define CURRICLE_BYTES_H
#include <stdint.h>
#include <string.h>

static inline uint32_t curricle_load32(const void *address) {
    uint32_t value;
    memcpy(&value, address, sizeof value);
    return value;
}

static inline uint64_t curricle_load64(const void *address) {
    uint64_t value;
    memcpy(&value, address, sizeof value);
    return value;
}

static inline float curricle_load_float(const void *address) {
    float value;
    memcpy(&value, address, sizeof value);
    return value;
}

static inline void curricle_store64(void *address, uint64_t value) { memcpy(address, &value, sizeof value); }

/* __builtin_ctzll is undefined for 0. */
static inline int curricle_count_trailing_zeros(uint64_t value) { return value ? __builtin_ctzll(value) : 64; }

static inline void curricle_prefetch(const void *address) { __builtin_prefetch(address); }

#endif
