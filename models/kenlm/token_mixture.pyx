"""Linear interpolation of two models, token by token, for `models.kenlm.scorer`."""

from libc.stdint cimport int64_t

from curricle.c_checks cimport check_ranges
from curricle.c_math cimport exp10, log10


def mix_sentences(
    const float[::1] own, const float[::1] base, double weight, const int64_t[::1] offsets, double[::1] out
):
    """Write log10 of the product over each sentence's tokens of `weight` p + (1 - `weight`) p_base.

    `own` and `base` are log10 p and log10 p_base of each token; a sentence is the tokens from `offsets[i]` to `offsets[i + 1]`.
    The logarithms are added up in order.
    """
    cdef Py_ssize_t sentence
    cdef int64_t token
    cdef double total, below
    if own.shape[0] != base.shape[0] or out.shape[0] != offsets.shape[0] - 1:
        raise ValueError(f"{own.shape[0]} and {base.shape[0]} tokens, {offsets.shape[0]} offsets and {out.shape[0]} sentences")
    check_ranges("offsets", offsets, own.shape[0])
    with nogil:
        for sentence in range(out.shape[0]):
            total = 0
            for token in range(offsets[sentence], offsets[sentence + 1]):
                below = base[token]
                total += log10(weight * exp10(own[token] - below) + (1 - weight)) + below
            out[sentence] = total
