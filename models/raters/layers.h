/* The sums that the student spends most of its time on, for any width of the processor's vectors.
 *
 * Each output is summed on its own, in the order of the terms, by separate multiplications and additions (the build forbids
 * fused ones), so that every processor computes the same bits.
 */
#ifndef CURRICLE_RATERS_LAYERS_H
#define CURRICLE_RATERS_LAYERS_H

#include <stdint.h>
#include <stddef.h>

#if defined(__x86_64__) && defined(__linux__) && defined(__GLIBC__)
/* Two versions of a function; the dynamic loader picks the one that suits the processor. */
#define FOR_EACH_PROCESSOR __attribute__((target_clones("avx2", "default")))
#else
#define FOR_EACH_PROCESSOR
#endif

#define INLINE static inline __attribute__((always_inline))

enum {
    LANES = 16,          /* outputs that are summed together: one block */
    MOST_BLOCKS = 3,     /* so many blocks stay in the registers */
    TABLE_ROWS_AHEAD = 12
};

/* Rows of a table and their factors: `rows` NULL means rows 0, 1, 2 ... */
struct weighted_rows {
    const int32_t *rows;
    const float *factors;
    ptrdiff_t count;
};

/* total[0:LANES * blocks] += the sum of factor * table[row, column + (the same)], over all weighted rows.
   The last block may start earlier, to end with the row: it then overlaps the one before. */
#define DEFINE_SUM_BLOCKS(NAME, WEIGHT)                                                                                     \
    INLINE void NAME(const struct weighted_rows *terms, const WEIGHT *restrict table, ptrdiff_t width, ptrdiff_t column,    \
                     ptrdiff_t last, float *restrict total, int blocks)                                                     \
    {                                                                                                                       \
        float sums[LANES * MOST_BLOCKS];                                                                                    \
        for (int n = 0; n < LANES * blocks; n++)                                                                            \
            sums[n] = total[n];                                                                                             \
        for (ptrdiff_t k = 0; k < terms->count; k++) {                                                                      \
            const float factor = terms->factors[k];                                                                         \
            const WEIGHT *row = table + width * (terms->rows ? (ptrdiff_t)terms->rows[k] : k) + column;                     \
            if (terms->rows && k + TABLE_ROWS_AHEAD < terms->count) {                                                       \
                const WEIGHT *ahead = table + width * (ptrdiff_t)terms->rows[k + TABLE_ROWS_AHEAD] + column;                \
                __builtin_prefetch(ahead);                                                                                  \
                __builtin_prefetch(ahead + last + LANES - 1);                                                               \
            }                                                                                                               \
            for (int block = 0; block < blocks - 1; block++)                                                                \
                for (int n = 0; n < LANES; n++)                                                                             \
                    sums[LANES * block + n] += factor * (float)row[LANES * block + n];                                      \
            for (int n = 0; n < LANES; n++)                                                                                 \
                sums[LANES * (blocks - 1) + n] += factor * (float)row[last + n];                                            \
        }                                                                                                                   \
        for (int n = 0; n < LANES * blocks; n++)                                                                            \
            total[n] = sums[n];                                                                                             \
    }

/* total[0:width] += the sum of factor * table[row], over all weighted rows; `width` is at least LANES. */
#define DEFINE_SUM_ROWS(NAME, SUM_BLOCKS, WEIGHT)                                                                           \
    FOR_EACH_PROCESSOR static void NAME(const struct weighted_rows *terms, const WEIGHT *table, ptrdiff_t width,            \
                                        float *total)                                                                       \
    {                                                                                                                       \
        float sums[LANES * MOST_BLOCKS];                                                                                    \
        for (ptrdiff_t column = 0; column < width; column += LANES * MOST_BLOCKS) {                                         \
            const ptrdiff_t rest = width - column;                                                                          \
            const int blocks = rest >= LANES * MOST_BLOCKS ? MOST_BLOCKS : (int)((rest + LANES - 1) / LANES);               \
            const ptrdiff_t end = rest < LANES * blocks ? rest : LANES * blocks;                                            \
            const ptrdiff_t last = end - LANES; /* negative where a single block remains and overlaps */                    \
            for (int n = 0; n < LANES * (blocks - 1); n++)                                                                  \
                sums[n] = total[column + n];                                                                                \
            for (int n = 0; n < LANES; n++)                                                                                 \
                sums[LANES * (blocks - 1) + n] = total[column + last + n];                                                  \
            if (blocks == 1)                                                                                                \
                SUM_BLOCKS(terms, table, width, column, last, sums, 1);                                                     \
            else if (blocks == 2)                                                                                           \
                SUM_BLOCKS(terms, table, width, column, last, sums, 2);                                                     \
            else                                                                                                            \
                SUM_BLOCKS(terms, table, width, column, last, sums, 3);                                                     \
            for (int n = 0; n < LANES * (blocks - 1); n++)                                                                  \
                total[column + n] = sums[n];                                                                                \
            for (ptrdiff_t n = LANES * (blocks - 1); n < end; n++)                                                          \
                total[column + n] = sums[LANES * (blocks - 1) + n - last];                                                  \
        }                                                                                                                   \
    }

DEFINE_SUM_BLOCKS(sum_int8_blocks, int8_t)
DEFINE_SUM_ROWS(sum_int8_rows, sum_int8_blocks, int8_t)
DEFINE_SUM_BLOCKS(sum_float_blocks, float)
DEFINE_SUM_ROWS(sum_float_rows, sum_float_blocks, float)

/* Inner products of `rows` inputs (rows, size) with all landmarks (size, landmarks), to `products` (rows, landmarks).
   Four terms are summed, then added: `products` passes through memory a quarter as often. */
FOR_EACH_PROCESSOR static void multiply_landmarks(const float *inputs, ptrdiff_t rows, ptrdiff_t size,
                                                  const float *restrict landmarks, ptrdiff_t count, float *restrict products)
{
    for (ptrdiff_t n = 0; n < rows * count; n++)
        products[n] = 0;
    ptrdiff_t d = 0;
    for (; d + 4 <= size; d += 4) {
        const float *restrict first = landmarks + d * count, *restrict second = first + count;
        const float *restrict third = second + count, *restrict fourth = third + count;
        for (ptrdiff_t row = 0; row < rows; row++) {
            const float *input = inputs + row * size + d;
            const float a = input[0], b = input[1], c = input[2], e = input[3];
            float *restrict product = products + row * count;
            for (ptrdiff_t k = 0; k < count; k++)
                product[k] += a * first[k] + b * second[k] + c * third[k] + e * fourth[k];
        }
    }
    for (; d < size; d++)
        for (ptrdiff_t row = 0; row < rows; row++)
            for (ptrdiff_t k = 0; k < count; k++)
                products[row * count + k] += inputs[row * size + d] * landmarks[d * count + k];
}

#endif
