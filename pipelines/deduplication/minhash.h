/* The smallest value of each lane of a MinHash signature. All integers: every processor computes the same bits. */
#ifndef CURRICLE_DEDUPLICATION_MINHASH_H
#define CURRICLE_DEDUPLICATION_MINHASH_H

#include <stdint.h>
#include <stddef.h>

#if defined(__x86_64__) && defined(__linux__) && defined(__GLIBC__)
/* Two versions of a function; the dynamic loader picks the one that suits the processor. */
#define FOR_EACH_PROCESSOR __attribute__((target_clones("avx2", "default")))
#else
#define FOR_EACH_PROCESSOR
#endif

enum { BLOCK = 16 }; /* lanes whose minima stay in the registers */

/* minima[lane] = the smallest of minima[lane] and factor[lane] * shingle + offset[lane], modulo 2^32, over all shingles.
   The number of lanes is a multiple of BLOCK. */
FOR_EACH_PROCESSOR
static void curricle_minimize(const uint32_t *restrict shingles, ptrdiff_t count, const uint32_t *restrict factors,
                              const uint32_t *restrict offsets, uint32_t *restrict minima, ptrdiff_t lanes)
{
    for (ptrdiff_t first = 0; first < lanes; first += BLOCK) {
        uint32_t least[BLOCK], factor[BLOCK], offset[BLOCK];
        for (int lane = 0; lane < BLOCK; lane++) {
            least[lane] = minima[first + lane];
            factor[lane] = factors[first + lane];
            offset[lane] = offsets[first + lane];
        }
        for (ptrdiff_t i = 0; i < count; i++) {
            for (int lane = 0; lane < BLOCK; lane++) {
                const uint32_t value = factor[lane] * shingles[i] + offset[lane];
                least[lane] = value < least[lane] ? value : least[lane];
            }
        }
        for (int lane = 0; lane < BLOCK; lane++)
            minima[first + lane] = least[lane];
    }
}

#endif
