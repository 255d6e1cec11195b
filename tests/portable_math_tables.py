"""Writes curricle/portable_math_tables.h: `python tests/portable_math_tables.py > curricle/portable_math_tables.h`.

Every constant is computed with 200 bits and rounded once. A test compares the file with what this script prints.
"""

from collections.abc import Iterator

import mpmath

STEPS = 128
"""Values of i in 2^(i/128), and intervals of [0.6875, 1.375)."""

LOWEST = 0x3FE6000000000000
"""Bits of 0.6875."""


def main() -> None:
    """Print the header."""
    print("\n".join(lines()))


def lines() -> Iterator[str]:
    """The lines of the header."""
    mpmath.mp.prec = 200
    yield "/* Written by tests/portable_math_tables.py; do not edit. */"
    yield "#ifndef CURRICLE_PORTABLE_MATH_TABLES_H"
    yield "#define CURRICLE_PORTABLE_MATH_TABLES_H"
    yield ""
    yield from constants()
    yield ""
    yield "/* 2^(i/128) rounded to double, and its relative error. */"
    yield f"static const double PORTABLE_EXP_TABLE[{STEPS}][2] = {{"
    for i in range(STEPS):
        value = mpmath.mpf(2) ** (mpmath.mpf(i) / STEPS)
        rounded = float(value)
        yield f"  {{{rounded.hex()}, {float(value / rounded - 1).hex()}}},"
    yield "};"
    for name, base in (("LOG", mpmath.e), ("LOG10", mpmath.mpf(10))):
        yield ""
        yield f"/* 1/c in 10 bits; log(c) to base {'e' if name == 'LOG' else '10'} as a multiple of 2^-42, and the rest of it. */"
        yield f"static const double PORTABLE_{name}_TABLE[{STEPS}][3] = {{"
        for i in range(STEPS):
            inverse = inverse_center(i)
            high, low = split(-mpmath.log(inverse) / mpmath.log(base), 42)
            yield f"  {{{inverse.hex()}, {high.hex()}, {low.hex()}}},"
        yield "};"
    yield ""
    yield "#endif"


def constants() -> Iterator[str]:
    """The constants that stand alone."""
    two, ten = mpmath.mpf(2), mpmath.mpf(10)
    ln2, ln10, log10_2, log10_e = mpmath.log(two), mpmath.log(ten), mpmath.log10(two), 1 / mpmath.log(ten)
    named = {
        "STEPS_PER_E": float(STEPS / ln2),
        "E_STEP": split(ln2 / STEPS, 42),
        "STEPS_PER_TEN": float(STEPS / log10_2),
        "TEN_STEP": split(log10_2 / STEPS, 43),
        "LN10": float(ln10),
        "LN2": split(ln2, 42),
        "LOG10_2": split(log10_2, 42),
        "LOG10_E": split(log10_e, 20),
    }
    for name, value in named.items():
        if isinstance(value, float):
            yield f"#define PORTABLE_{name} {value.hex()}"
        else:
            yield f"#define PORTABLE_{name}_HIGH {value[0].hex()}"
            yield f"#define PORTABLE_{name}_LOW {value[1].hex()}"


def inverse_center(interval: int) -> float:
    """1/c, a multiple of 2^-9, for c in the middle of an interval; 1 for the two intervals that touch 1."""
    low, high = (from_bits(LOWEST + (i << 45)) for i in (interval, interval + 1))
    if 1.0 in (low, high):
        return 1.0
    return float(mpmath.nint(2 / (low + high) * 512)) / 512


def from_bits(bits: int) -> mpmath.mpf:
    """The double with these bits, for exponents -1 and 0."""
    exponent, fraction = bits >> 52, bits & ((1 << 52) - 1)
    return mpmath.ldexp(mpmath.mpf((1 << 52) | fraction), exponent - 1023 - 52)


def split(value: mpmath.mpf, bits: int) -> tuple[float, float]:
    """The multiple of 2^-bits below `value` in size, and the rest."""
    high = mpmath.ldexp(mpmath.floor(mpmath.ldexp(abs(value), bits)), -bits) * mpmath.sign(value)
    return float(high), float(value - high)


if __name__ == "__main__":
    main()
