/* log10 of a float, bit for bit as lmplz gets it: from the C library, glibc's log10f.

   glibc's result is not the correctly rounded one (nearly every fourth value of 0..1 differs in the last digit), so it cannot
   be had by rounding a double. Its steps are plain IEEE operations, which are repeated here: the result is the same on every
   processor and with every C library, and equals glibc 2.36's for every float from 0 to 16 (compared one by one).

   lmplz_logf: logf of Arm's Optimized Routines (math/logf.c and logf_data.c, Copyright (c) 2017-2018, Arm Limited,
   MIT or Apache-2.0 WITH LLVM-exception), without its special cases.
   lmplz_log10f: e_log10f.c of fdlibm (Copyright (C) 1993 by Sun Microsystems, Inc. All rights reserved. Developed at SunPro, a
   Sun Microsystems, Inc. business. Permission to use, copy, modify, and distribute this software is freely granted, provided
   that this notice is preserved). */
#ifndef CURRICLE_LMPLZ_LOG10_H
#define CURRICLE_LMPLZ_LOG10_H

#include <math.h>
#include <stdint.h>
#include <string.h>

static inline uint32_t lmplz_bits(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline float lmplz_float(uint32_t bits) {
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* 1/c and ln(c) for a c near the middle of each sixteenth of the significand's range */
static const double LMPLZ_INVERSE_AND_LOG[16][2] = {
    {0x1.661ec79f8f3bep+0, -0x1.57bf7808caadep-2}, {0x1.571ed4aaf883dp+0, -0x1.2bef0a7c06ddbp-2},
    {0x1.49539f0f010bp+0, -0x1.01eae7f513a67p-2},  {0x1.3c995b0b80385p+0, -0x1.b31d8a68224e9p-3},
    {0x1.30d190c8864a5p+0, -0x1.6574f0ac07758p-3}, {0x1.25e227b0b8eap+0, -0x1.1aa2bc79c81p-3},
    {0x1.1bb4a4a1a343fp+0, -0x1.a4e76ce8c0e5ep-4}, {0x1.12358f08ae5bap+0, -0x1.1973c5a611cccp-4},
    {0x1.0953f419900a7p+0, -0x1.252f438e10c1ep-5}, {0x1p+0, 0x0p+0},
    {0x1.e608cfd9a47acp-1, 0x1.aa5aa5df25984p-5},  {0x1.ca4b31f026aap-1, 0x1.c5e53aa362eb4p-4},
    {0x1.b2036576afce6p-1, 0x1.526e57720db08p-3},  {0x1.9c2d163a1aa2dp-1, 0x1.bc2860d22477p-3},
    {0x1.886e6037841edp-1, 0x1.1058bc8a07ee1p-2},  {0x1.767dcf5534862p-1, 0x1.4043057b6ee09p-2},
};

/* ln(x) of a positive, normal, finite x. With x = 2^k z, c near z and r = z/c - 1: ln(x) = k ln(2) + ln(c) + ln(1 + r). */
static inline float lmplz_logf(float x) {
    const uint32_t bits = lmplz_bits(x), above = bits - 0x3f330000u; /* z lies in 0.6992 (these bits) to twice that */
    const double *const row = LMPLZ_INVERSE_AND_LOG[above >> 19 & 15];
    const int32_t k = (int32_t)above >> 23;
    const double r = (double)lmplz_float(bits - (above & 0xff800000u)) * row[0] - 1;
    const double start = row[1] + (double)k * 0x1.62e42fefa39efp-1;
    const double square = r * r;
    double y = 0x1.5575b0be00b6ap-2 * r + -0x1.ffffef20a4123p-2;
    y = -0x1.00ea348b88334p-2 * square + y;
    return (float)(y * square + (start + r));
}

static inline float lmplz_log10f(float x) {
    uint32_t bits = lmplz_bits(x);
    int32_t exponent = 0;
    if (x == 0) return -INFINITY;
    if (!(x > 0)) return NAN;
    if (bits >= 0x7f800000u) return x; /* infinity */
    if (bits < 0x00800000u) {          /* subnormal */
        exponent = -25;
        bits = lmplz_bits(x * 0x1p25f);
    }
    exponent += (int32_t)(bits >> 23) - 127;
    const uint32_t negative = exponent < 0;
    const float whole = (float)(exponent + (int32_t)negative);
    const float rest = lmplz_float((bits & 0x007fffffu) | (127 - negative) << 23); /* x = 2^whole rest, 0.5 <= rest < 2 */
    const float low = whole * 7.9034151668e-07f + 4.3429449201e-01f * lmplz_logf(rest); /* log10(2) in two parts; log10(e) */
    return low + whole * 3.0102920532e-01f;
}

#endif
