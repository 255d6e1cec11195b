/* Elementary functions with the same result on every processor.
 *
 * They use only + - * / on doubles and operations on bits, which IEEE 754 defines to the last digit; they call no function of
 * the platform, whose last digits differ between C libraries and between processors. Compile with -ffp-contract=off.
 *
 * Largest errors seen, in units in the last place (tests/test_portable_math.py and longer runs of the same kind): exp and exp10
 * 0.509, log, log10 and log1p 0.504, expm1 0.540. Powers of ten are exact: log10(10^n) == n wherever 10^n is a normal number, and
 * exp10(n) == 10^n for n = 0..22. Every NaN that is returned is the same quiet NaN.
 *
 * The method of exp (a table of 2^(i/128), and subnormal results rounded once) and of log (a table of 1/c and log c) is that of
 * Arm's Optimized Routines and of P. T. P. Tang (1989, 1990); the tables, with short values of 1/c so that z/c - 1 is exact
 * without a fused multiply-add, are our own.
 */
#ifndef CURRICLE_PORTABLE_MATH_H
#define CURRICLE_PORTABLE_MATH_H

#include <stdint.h>
#include <string.h>

#include "portable_math_tables.h"

#ifdef __FAST_MATH__
#error "compile without -ffast-math: results would depend on the compiler"
#endif
#if defined(__FLT_EVAL_METHOD__) && __FLT_EVAL_METHOD__ != 0
#error "doubles must be computed as doubles, without extended precision"
#endif

#define PORTABLE_INFINITY_BITS 0x7ff0000000000000ULL
#define PORTABLE_SHIFT 0x1.8p52 /* adding it rounds to an integer, which then stands in the low bits */

static inline uint64_t portable_bits(double value) {
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

static inline double portable_double(uint64_t bits) {
  double value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

static inline double portable_nan(void) { return portable_double(0x7ff8000000000000ULL); }
static inline double portable_infinity(void) { return portable_double(PORTABLE_INFINITY_BITS); }

/* ---- exponentials ---- */

/* e^rest - 1 for |rest| <= ln(2)/256, plus `error`. The first term left out is below 0.006 units in the last place of 1. */
static inline double portable_exp_rest(double rest, double error) {
  double square = rest * rest;
  return error + rest + square * (0.5 + rest * (1.0 / 6)) + square * square * (1.0 / 24 + rest * (1.0 / 120));
}

/* scale * (1 + rest), where `scale` is 2^(i/128) with the exponent of `steps` / 128 added, which may not fit a double. */
static inline double portable_scale_far(uint64_t scale_bits, double rest, int positive) {
  if (positive) {
    double scale = portable_double(scale_bits - (1009ULL << 52));
    return 0x1p1009 * (scale + scale * rest);
  }
  double scale = portable_double(scale_bits + (1022ULL << 52));
  double value = scale + scale * rest;
  if (value < 1.0) { /* a subnormal result: round to its last place here, and only here */
    double low = scale - value + scale * rest;
    double high = 1.0 + value;
    low = 1.0 - high + value + low;
    value = (high + low) - 1.0;
  }
  return 0x1p-1022 * value;
}

/* 2^(steps/128) * e^rest; `shifted` holds the number of steps in its low bits. */
static inline double portable_exp_combine(double shifted, double rest, int far, int positive) {
  uint64_t steps = portable_bits(shifted);
  const double *entry = PORTABLE_EXP_TABLE[steps % 128];
  uint64_t scale_bits = portable_bits(entry[0]) + ((steps - steps % 128) << 45);
  double tail = portable_exp_rest(rest, entry[1]);
  if (far) return portable_scale_far(scale_bits, tail, positive);
  double scale = portable_double(scale_bits);
  return scale + scale * tail;
}

static inline double portable_exp(double x) {
  int far = !(x < 700.0 && x > -700.0);
  if (far) {
    if (x != x) return portable_nan();
    if (x > 710.0) return portable_infinity();
    if (x < -746.0) return 0.0;
  }
  double shifted = x * PORTABLE_STEPS_PER_E + PORTABLE_SHIFT;
  double steps = shifted - PORTABLE_SHIFT;
  double rest = (x - steps * PORTABLE_E_STEP_HIGH) - steps * PORTABLE_E_STEP_LOW;
  return portable_exp_combine(shifted, rest, far, x > 0.0);
}

static inline double portable_exp10(double x) {
  int far = !(x < 300.0 && x > -300.0);
  if (far) {
    if (x != x) return portable_nan();
    if (x > 309.0) return portable_infinity();
    if (x < -325.0) return 0.0;
  }
  double shifted = x * PORTABLE_STEPS_PER_TEN + PORTABLE_SHIFT;
  double steps = shifted - PORTABLE_SHIFT;
  double rest = (x - steps * PORTABLE_TEN_STEP_HIGH) - steps * PORTABLE_TEN_STEP_LOW;
  return portable_exp_combine(shifted, rest * PORTABLE_LN10, far, x > 0.0);
}

/* e^x - 1 for |x| < 0.35: x + x^2/2 in two doubles, the rest of the series (up to x^14) in one. */
static inline double portable_expm1_near(double x) {
  double head = portable_double(portable_bits(x) & ~0x7ffffffULL); /* 26 bits: products of them are exact */
  double tail = x - head;
  double half_square = 0.5 * head * head;
  double half_square_tail = 0.5 * tail * (x + head);
  double series =
      1.0 / 6 + x * (1.0 / 24 + x * (1.0 / 120 + x * (1.0 / 720 + x * (1.0 / 5040 + x * (1.0 / 40320 + x * (1.0 / 362880 +
      x * (1.0 / 3628800 + x * (1.0 / 39916800 + x * (1.0 / 479001600 + x * (1.0 / 6227020800 + x * (1.0 / 87178291200)))))))))));
  double high = x + half_square;
  double low = (x - high) + half_square;
  return high + (low + (half_square_tail + x * x * x * series));
}

static inline double portable_expm1(double x) {
  if (x != x) return portable_nan();
  if (x > 50.0) return portable_exp(x);
  if (x < -40.0) return -1.0;
  if (x < 0x1p-60 && x > -0x1p-60) return x;
  if (x < 0.35 && x > -0.35) return portable_expm1_near(x);
  double shifted = x * PORTABLE_STEPS_PER_E + PORTABLE_SHIFT;
  double steps = shifted - PORTABLE_SHIFT;
  double rest = (x - steps * PORTABLE_E_STEP_HIGH) - steps * PORTABLE_E_STEP_LOW;
  uint64_t count = portable_bits(shifted);
  const double *entry = PORTABLE_EXP_TABLE[count % 128];
  double scale = portable_double(portable_bits(entry[0]) + ((count - count % 128) << 45));
  double high = scale - 1.0;
  double low = scale > 1.0 ? (scale - high) - 1.0 : scale - (high + 1.0);
  return high + (low + scale * portable_exp_rest(rest, entry[1]));
}

/* ---- logarithms ---- */

/* log(1 + rest) - rest for |rest| <= 2^-7. The first term left out is below 2^-66 of `rest`. */
static inline double portable_log_series(double rest) {
  double square = rest * rest;
  return square * (-0.5 + rest * (1.0 / 3 + rest * (-0.25 + rest * (0.2 + rest * (-1.0 / 6 + rest * (1.0 / 7 +
         rest * (-0.125 + rest * (1.0 / 9))))))));
}

/* A positive finite number as 2^exponent * z, z in [0.6875, 1.375), and the interval of z. */
typedef struct {
  double exponent;
  double z;
  int interval;
} portable_parts;

static inline portable_parts portable_take_apart(uint64_t bits) {
  portable_parts parts;
  int64_t subnormal = 0;
  if (bits < 0x0010000000000000ULL) {
    bits = portable_bits(portable_double(bits) * 0x1p54);
    subnormal = 54;
  }
  uint64_t above = bits - 0x3fe6000000000000ULL;
  int64_t exponent = (int64_t)above >> 52;
  parts.exponent = (double)(exponent - subnormal);
  parts.interval = (int)((above >> 45) % 128);
  parts.z = portable_double(bits - ((uint64_t)exponent << 52));
  return parts;
}

/* Whether no logarithm of a positive finite number is asked for, and what it is instead. */
static inline int portable_log_special(double x, double *result) {
  if (portable_bits(x) - 1 < PORTABLE_INFINITY_BITS - 1) return 0;
  *result = x == 0.0 ? -portable_infinity() : x > 0.0 ? x : portable_nan();
  return 1;
}

/* z/c - 1 in two doubles, both exact: `high` has 34 bits. */
static inline void portable_log_rest(double z, double inverse, double *high, double *low) {
  double head = portable_double(portable_bits(z) & ~0x1fffffULL);
  *high = head * inverse - 1.0;
  *low = (z - head) * inverse;
}

/* log(x + error), where x is positive and finite and `error` below its last place. */
static inline double portable_log_sum(double x, double error) {
  portable_parts parts = portable_take_apart(portable_bits(x));
  const double *entry = PORTABLE_LOG_TABLE[parts.interval];
  double high, low;
  portable_log_rest(parts.z, entry[0], &high, &low);
  if (error != 0.0) low += error * (parts.z / x) * entry[0];
  double start = parts.exponent * PORTABLE_LN2_HIGH + entry[1];
  double sum = start + high;
  double lost = (start - sum) + high;
  return sum + (lost + (parts.exponent * PORTABLE_LN2_LOW + entry[2] + low + portable_log_series(high + low)));
}

static inline double portable_log(double x) {
  double special;
  if (portable_log_special(x, &special)) return special;
  if (x > 1.0 - 0x1p-8 && x < 1.0 + 0x1p-7) return (x - 1.0) + portable_log_series(x - 1.0);
  return portable_log_sum(x, 0.0);
}

static inline double portable_log1p(double x) {
  double special;
  if (x < 0x1p-7 && x > -0x1p-8) {
    if (x < 0x1p-60 && x > -0x1p-60) return x;
    return x + portable_log_series(x);
  }
  double sum = 1.0 + x;
  if (portable_log_special(sum, &special)) return special;
  double error = x > 1.0 ? 1.0 - (sum - x) : x - (sum - 1.0);
  return portable_log_sum(sum, error);
}

static inline double portable_log10(double x) {
  double special;
  if (portable_log_special(x, &special)) return special;
  const double log10_e = PORTABLE_LOG10_E_HIGH + PORTABLE_LOG10_E_LOW; /* HIGH has 19 bits: its product with 34 bits is exact */
  double high, low;
  if (x > 1.0 - 0x1p-8 && x < 1.0 + 0x1p-7) {
    double rest = x - 1.0;
    high = portable_double(portable_bits(rest) & ~0x7ffffULL);
    low = rest - high;
    return high * PORTABLE_LOG10_E_HIGH + (high * PORTABLE_LOG10_E_LOW + log10_e * (low + portable_log_series(rest)));
  }
  portable_parts parts = portable_take_apart(portable_bits(x));
  const double *entry = PORTABLE_LOG10_TABLE[parts.interval];
  portable_log_rest(parts.z, entry[0], &high, &low);
  double start = parts.exponent * PORTABLE_LOG10_2_HIGH + entry[1];
  double main = high * PORTABLE_LOG10_E_HIGH;
  double sum = start + main;
  double lost = (start - sum) + main;
  double rest = high * PORTABLE_LOG10_E_LOW + log10_e * (low + portable_log_series(high + low));
  return sum + (lost + (parts.exponent * PORTABLE_LOG10_2_LOW + entry[2] + rest));
}

#endif
