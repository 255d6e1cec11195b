/* Placeholder until the real implementation lands in this file: libm. */
#ifndef CURRICLE_PORTABLE_MATH_H
#define CURRICLE_PORTABLE_MATH_H
#include <math.h>
static inline double portable_exp(double x) { return exp(x); }
static inline double portable_exp10(double x) { return pow(10.0, x); }
static inline double portable_expm1(double x) { return expm1(x); }
static inline double portable_log(double x) { return log(x); }
static inline double portable_log10(double x) { return log10(x); }
static inline double portable_log1p(double x) { return log1p(x); }
#endif
