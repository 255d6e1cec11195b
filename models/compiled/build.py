"""Builds libraries: `python -m curricle.models.compiled.build PACKAGE...` writes each package's `compiled.bin`, `--check` only compares.

Numba compiles each exported function with all that it calls, and optimises it; the modules are joined. What Python needs to call
them is added: a plain function for each, and Numba's memory blocks, which else live in its runtime.
"""

import argparse
import json
import lzma
import os
import re
import subprocess
import sys
from importlib import import_module
from typing import Any

import numpy as np
from curricle.models.compiled.library import SHIPPED, Exported, Library
from curricle.models.compiled.machine import read_shipped
from llvmlite import binding as llvm

EXTERNAL = {"malloc", "free", "memcpy", "memmove", "memset", "exp", "expf", "log", "logf", "log1p", "log1pf", "sqrt", "sqrtf"}
"""All that compiled code may call outside itself: the C library's."""

_LEVEL_3 = "sse3 ssse3 sse4.1 sse4.2 avx avx2 bmi bmi2 f16c fma lzcnt movbe popcnt cx16 sahf xsave"
SHIPPED_FOR = {"NUMBA_CPU_NAME": "x86-64-v3", "NUMBA_CPU_FEATURES": ",".join(f"+{feature}" for feature in _LEVEL_3.split())}
"""What code that ships is optimised for: processors since about 2013. Others get the same code in narrower instructions."""

_MEMORY = """
declare ptr @malloc(i64)
declare void @free(ptr)

; numba/core/runtime/nrt.cpp: { refcount, destructor, its argument, data, size, allocator }
define linkonce_odr noalias ptr @NRT_MemInfo_alloc_aligned(i64 %size, i32 %align) {
  %wide = zext i32 %align to i64
  %room = add i64 %wide, 64
  %total = add i64 %size, %room
  %block = call ptr @malloc(i64 %total)
  %failed = icmp eq ptr %block, null
  br i1 %failed, label %end, label %fill
fill:
  store i64 1, ptr %block
  %place = ptrtoint ptr %block to i64
  %last = add i64 %place, %room
  %over = urem i64 %last, %wide
  %start = sub i64 %last, %over
  %data = inttoptr i64 %start to ptr
  %data_field = getelementptr i8, ptr %block, i64 24
  store ptr %data, ptr %data_field
  %size_field = getelementptr i8, ptr %block, i64 32
  store i64 %size, ptr %size_field
  br label %end
end:
  ret ptr %block
}

define linkonce_odr void @NRT_MemInfo_call_dtor(ptr %block) {
  call void @free(ptr %block)
  ret void
}
"""
_LLVM_TYPES = {"int64": "i64", "uint64": "i64", "float32": "float", "float64": "double"}


def build(library: Library) -> bytes:
    """LLVM bitcode of the library, for the processor that Numba is set to. Some 10 to 40 s."""
    functions = library.register()
    names = {function.name: _compile(function) for function in functions.values()}
    joined = llvm.parse_assembly(_MEMORY + "".join(_plain(functions[name], symbol) for name, (symbol, _) in names.items()))
    for _, code in names.values():
        joined.link_in(llvm.parse_bitcode(code))
    joined.verify()
    outside = {
        function.name for function in joined.functions if function.is_declaration and not function.name.startswith("llvm.")
    }
    if outside - EXTERNAL:
        raise RuntimeError(f"{library.package} calls {sorted(outside - EXTERNAL)}, which is not in the C library")
    return _without_origin(joined)


def _compile(function: Exported) -> tuple[str, bytes]:
    """Name of Numba's function and the bitcode of its module, which has all that it calls.

    Bitcode is taken when Numba hands the module to LLVM's code generator, which would leave its own marks in it.
    """
    from curricle.models.compiled.numba_side import new_dispatcher

    compiled = new_dispatcher(function)
    codegen = compiled.targetctx.codegen()
    taken: dict[str, bytes] = {}
    hand_over = codegen._add_module

    def take(module: Any) -> Any:
        taken[module.name] = module.as_bitcode()
        return hand_over(module)

    codegen._add_module = take
    try:
        compiled.compile(function.signature)
    finally:
        codegen._add_module = hand_over
    (result,) = compiled.overloads.values()
    return result.fndesc.llvm_func_name, taken[result.library._final_module.name]


def _plain(function: Exported, symbol: str) -> str:
    """LLVM text of a function with C's conventions that calls Numba's `symbol`: `i32 name([result,] array or scalar, ...)`.

    An array comes as the address of NumPy's fields: { data, dimensions, lengths, strides, ... } (PyArrayObject_fields,
    numpy/ndarraytypes.h). Numba wants: owner, parent, elements, bytes of an element, data, lengths, strides.
    """
    takes, gives, body = [], ["ptr %result", "ptr %error"], ["%error = alloca ptr"]
    if function.returns == "void":
        body.append("%result = alloca ptr")  # Numba stores a null there
    else:
        takes.append("ptr %result")
    for i, (kind, dimensions) in enumerate(function.parameters):
        if not dimensions:
            takes.append(f"{_LLVM_TYPES[kind]} %a{i}")
            gives.append(takes[-1])
            continue
        takes.append(f"ptr %a{i}")
        body += [f"%d{i} = load ptr, ptr %a{i}", f"%p{i} = getelementptr i8, ptr %a{i}, i64 16", f"%l{i} = load ptr, ptr %p{i}"]
        for n in range(dimensions):
            body += [f"%q{i}.{n} = getelementptr i64, ptr %l{i}, i64 {n}", f"%n{i}.{n} = load i64, ptr %q{i}.{n}"]
        size = np.dtype(kind).itemsize
        strides, items = [f"i64 {size}"], f"i64 %n{i}.{dimensions - 1}"
        for n in range(dimensions - 1, 0, -1):
            body += [f"%s{i}.{n} = mul {strides[0]}, %n{i}.{n}", f"%m{i}.{n} = mul {items}, %n{i}.{n - 1}"]
            strides.insert(0, f"i64 %s{i}.{n}")
            items = f"i64 %m{i}.{n}"
        lengths = [f"i64 %n{i}.{n}" for n in range(dimensions)]
        gives += ["ptr null", "ptr null", items, f"i64 {size}", f"ptr %d{i}", *lengths, *strides]
    declared = ", ".join(re.sub(r" .*", "", argument) for argument in gives)
    lines = [*body, f'%status = call i32 @"{symbol}"({", ".join(gives)})', "ret i32 %status"]
    return (
        f'declare i32 @"{symbol}"({declared})\n\ndefine i32 @{function.name}({", ".join(takes)}) {{\n'
        + "".join(f"  {line}\n" for line in lines)
        + "}\n\n"
    )


def _without_origin(module: Any) -> bytes:
    """Its bitcode without names of files and machines."""
    module.name = ""
    module.source_filename = ""
    return module.as_bitcode()


def write_shipped(library: Library) -> None:
    """Build the library in this process, and write the file that ships."""
    import numba

    head = {"sources": library.key(), "numba": numba.__version__, "llvm": ".".join(map(str, llvm.llvm_version_info))}
    code = build(library)
    (library.folder / SHIPPED).write_bytes(json.dumps(head).encode() + b"\n" + lzma.compress(code, preset=9))


def main() -> None:
    """Build or check the libraries of the packages that are named; a library is named `LIBRARY` in `PACKAGE.compiled`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("packages", nargs="+")
    parser.add_argument("--check", action="store_true", help="exit 1 where what ships was built from other sources")
    arguments = parser.parse_args()
    for package in arguments.packages:
        library: Library = import_module(f"{package}.compiled").LIBRARY
        path = library.folder / SHIPPED
        if read_shipped(path, library.key()) is not None:
            print(f"{package}: up to date", file=sys.stderr)
        elif arguments.check:
            sys.exit(f"{path} was built from other sources: run `make compiled`")
        elif all(os.environ.get(name) == value for name, value in SHIPPED_FOR.items()):
            write_shipped(library)
        else:
            subprocess.run(
                [sys.executable, "-m", "curricle.models.compiled.build", package], env={**os.environ, **SHIPPED_FOR}, check=True
            )


if __name__ == "__main__":
    main()
