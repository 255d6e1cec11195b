"""Bytes eight at a time, for Numba kernels: unaligned loads and stores, a hash, the length of a run of letters.

Numba's cache of a kernel does not notice changes in this file: after one, touch the kernels' files.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

ONE, EACH, HIGH = np.uint64(1), np.uint64(0x0101010101010101), np.uint64(0x8080808080808080)
SPREAD, HALF = np.uint64(0xD6E8FEB86659FD93), np.uint64(32)
CASE, FROM_A, PAST_Z = EACH * np.uint64(0x20), EACH * np.uint64(0x80 - 0x61), EACH * np.uint64(0x80 - 0x7B)


inner = njit(no_cpython_wrapper=True, no_cfunc_wrapper=True)
"""Decorates what only kernels call, not Python: a tenth less to compile than with `njit`."""


def _data(context: Any, builder: Any, kind: Any, value: Any) -> Any:
    return value if isinstance(kind, types.CPointer) else context.make_array(kind)(context, builder, value).data


def _place(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    start = _data(context, builder, sig.args[0], args[0])
    return builder.bitcast(builder.gep(start, [args[1]]), ir.IntType(64).as_pointer())


@intrinsic
def pointer(typingctx: Any, array: Any) -> Any:
    """The first element's address, to be indexed like a flat array; the array has to outlive it. It goes to a function as one
    machine word, an array as seven, and no index is wrapped around.
    """

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return _data(context, builder, sig.args[0], args[0])

    return types.CPointer(array.dtype)(array), codegen


@intrinsic
def load64(typingctx: Any, array: Any, index: Any) -> Any:
    """Bytes index..index + 7 of a uint8 array or pointer as uint64, in the machine's order; not bounds-checked."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.load(_place(context, builder, sig, args), align=1)

    return types.uint64(array, types.int64), codegen


@intrinsic
def store64(typingctx: Any, array: Any, index: Any, value: Any) -> Any:
    """Write a uint64 over bytes index..index + 7 of a uint8 array or pointer; not bounds-checked."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        builder.store(args[2], _place(context, builder, sig, args), align=1)
        return context.get_dummy_value()

    return types.void(array, types.int64, types.uint64), codegen


@intrinsic
def trailing_zeros(typingctx: Any, value: Any) -> Any:
    """Zero bits below the lowest set bit of a uint64; 64 for 0."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 0))

    return types.uint64(types.uint64), codegen


@inner
def step(h, block):
    """Mix eight bytes into a hash."""
    h = (h ^ block) * SPREAD
    return h ^ (h >> HALF)


@inner
def low_bytes(block, n):
    """The block with all but its first n bytes (0 < n < 8) cleared."""
    return block & ((ONE << np.uint64(8 * n)) - ONE)


@inner
def hash_range(data, a, b):
    """Hash of data[a:b]; up to seven bytes after it are read and masked out. `hash_bytes` of lexicon.py is the same."""
    h = np.uint64(b - a)
    while b - a >= 8:
        h = step(h, load64(data, a))
        a += 8
    return step(h, low_bytes(load64(data, a), b - a)) if b > a else h


@inner
def letters(block):
    """How many of the eight bytes, from the first on, are ASCII letters: 0 to 8."""
    folded = (block | CASE) & ~HIGH
    inside = ((folded + FROM_A) ^ (folded + PAST_Z)) & ~block & HIGH
    return np.int64(trailing_zeros(~inside & HIGH) >> np.uint64(3))
