"""From a library's LLVM code to functions in this process, by llvmlite alone."""

import hashlib
import json
import lzma
import platform
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

import llvmlite
from curricle.models.catalog import cache_folder
from curricle.models.compiled.library import SHIPPED, Library
from llvmlite import binding as llvm

from curricle.storage.whole_file import whole_file

BUILT_FOR = ("x86_64", "amd64")
"""Names of the processors that shipped code is for: LLVM makes it fit each of them, but vectors are as wide as AVX2's."""

_engines: list[Any] = []
"""They own the code, so they live as long as the process."""


def load_library(library: Library) -> dict[str, int]:
    """Addresses of its exported functions. The object comes from the user's cache, else is made, and put there if possible."""
    machine = _machine()
    made_for = (library.key(), llvmlite.__version__, str(llvm.llvm_version_info), *_processor())
    name = hashlib.sha256("\n".join(made_for).encode()).hexdigest()[:24]
    path = cache_folder() / "compiled" / f"{library.package}-{name}.o"
    code = _read_sealed(path)
    if code is None:
        code = machine.emit_object(_module(library))
        _write_sealed(path, code)
    module = llvm.parse_assembly("")
    module.triple = machine.triple
    engine = llvm.create_mcjit_compiler(module, machine)
    engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    _engines.append(engine)
    return {name: engine.get_function_address(name) for name in library.register()}


def _module(library: Library) -> Any:
    """LLVM's module of the library: what ships, where it was made from these sources and fits here, else Numba's."""
    key = library.key()
    if platform.machine().lower() in BUILT_FOR and (shipped := read_shipped(library.folder / SHIPPED, key)):
        with suppress(RuntimeError):  # an older LLVM than the one that wrote it
            return llvm.parse_bitcode(shipped)
    path = cache_folder() / "compiled" / f"{library.package}-{platform.machine()}-{key[:24]}.bc"
    code = _read_sealed(path)
    if code is None:
        from curricle.models.compiled.build import build

        code = build(library)
        _write_sealed(path, code)
    return llvm.parse_bitcode(code)


def read_shipped(path: Path, key: str) -> bytes | None:
    """The code in a file of `models.compiled.build`; None where there is no file or it was built from other sources."""
    try:
        head, _, packed = path.read_bytes().partition(b"\n")
    except OSError:
        return None
    return lzma.decompress(packed) if json.loads(head)["sources"] == key else None


def _processor() -> tuple[str, str]:
    return llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()


@lru_cache(maxsize=1)
def _machine() -> Any:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    name, features = _processor()
    return llvm.Target.from_default_triple().create_target_machine(cpu=name, features=features, opt=2, jit=True)


def _read_sealed(path: Path) -> bytes | None:
    """What `_write_sealed` wrote; None where there is none, or not all of it."""
    try:
        data = path.read_bytes()
    except OSError:
        return None
    return data[32:] if hashlib.sha256(data[32:]).digest() == data[:32] else None


def _write_sealed(path: Path, data: bytes) -> None:
    """Write a file whole, or not at all where its folder cannot be written: then it is made anew each time."""
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as part:
            part.write_bytes(hashlib.sha256(data).digest() + data)
