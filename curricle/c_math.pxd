"""Elementary functions with the same result on every processor, for kernels."""

cdef extern from "curricle/portable_math.h" nogil:
    double exp "portable_exp"(double x) noexcept
    double exp10 "portable_exp10"(double x) noexcept
    double expm1 "portable_expm1"(double x) noexcept
    double log "portable_log"(double x) noexcept
    double log10 "portable_log10"(double x) noexcept
    double log1p "portable_log1p"(double x) noexcept
