"""What Numba needs while a library is built. Nothing else imports this file."""

from functools import cache
from typing import Any

import numba
from curricle.models.compiled.library import Inner
from llvmlite import ir
from numba import types
from numba.core.registry import cpu_target
from numba.extending import intrinsic


def new_dispatcher(function: Inner) -> Any:
    """Numba's object for a function of a library, not compiled yet."""
    return numba.njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, error_model="numpy", **function.options)(function.function)


@cache
def dispatcher(function: Inner) -> Any:
    """The one that other functions call."""
    return new_dispatcher(function)


def intrinsic_type(name: str) -> Any:
    """Numba's type of one of the functions below."""
    return cpu_target.typing_context.resolve_value_type(globals()[name])


def _data(context: Any, builder: Any, kind: Any, value: Any) -> Any:
    return value if isinstance(kind, types.CPointer) else context.make_array(kind)(context, builder, value).data


def _place(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    start = _data(context, builder, sig.args[0], args[0])
    return builder.gep(start, [args[1]])


def _place64(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    return builder.bitcast(_place(context, builder, sig, args), ir.IntType(64).as_pointer())


@intrinsic
def pointer(typingctx: Any, array: Any) -> Any:
    """`models.compiled.memory.pointer`."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return _data(context, builder, sig.args[0], args[0])

    return types.CPointer(array.dtype)(array), codegen


@intrinsic
def load64(typingctx: Any, array: Any, index: Any) -> Any:
    """`models.compiled.memory.load64`."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.load(_place64(context, builder, sig, args), align=1)

    return types.uint64(array, types.int64), codegen


@intrinsic
def store64(typingctx: Any, array: Any, index: Any, value: Any) -> Any:
    """`models.compiled.memory.store64`."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        builder.store(args[2], _place64(context, builder, sig, args), align=1)
        return context.get_dummy_value()

    return types.void(array, types.int64, types.uint64), codegen


@intrinsic
def trailing_zeros(typingctx: Any, value: Any) -> Any:
    """`models.compiled.memory.trailing_zeros`."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 0))

    return types.uint64(types.uint64), codegen


@intrinsic
def prefetch(typingctx: Any, array: Any, index: Any) -> Any:
    """`models.compiled.memory.prefetch`."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
        place = builder.bitcast(_place(context, builder, sig, args), byte)
        read, keep, data = number(0), number(3), number(1)
        builder.call(builder.module.declare_intrinsic("llvm.prefetch", [byte], kind), [place, read, keep, data])
        return context.get_dummy_value()

    return types.void(array, types.int64), codegen
