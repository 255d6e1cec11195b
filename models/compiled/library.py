"""A library: the Numba functions of one package, which Python calls without Numba.

What ships is their LLVM code, in `<package>/compiled.bin` (`models.compiled.build`); a machine makes an object of it once, for
its own processor (`models.compiled.machine`). Numba itself is imported only where the code does not fit: on a processor that is
none of x86-64, and while somebody works on the functions. A library is known by what stands in its sources, not by dates.
"""

import ctypes
import hashlib
import re
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

import numpy as np

SHIPPED = "compiled.bin"

_HEAD = object.__basicsize__
"""Bytes of an object before its own fields: of an array, the address of its data and that of its lengths."""

_SCALARS: dict[str, Any] = {
    "int64": ctypes.c_int64,
    "uint64": ctypes.c_uint64,
    "float32": ctypes.c_float,
    "float64": ctypes.c_double,
}


class Parameter(NamedTuple):
    """A scalar where `dimensions` is 0, else a C-contiguous array; `kind` is NumPy's and Numba's name of the type."""

    kind: str
    dimensions: int


def parse(signature: str) -> tuple[str, tuple[Parameter, ...]]:
    """What a function returns (`void` or a scalar) and its parameters, of Numba's way to write them: `void(uint8[::1], int64)`.

    Raises ValueError for anything else.
    """
    returns, _, rest = signature.partition("(")
    parameters = tuple(
        Parameter(kind, shape.count(":") - 1 if shape else 0) for kind, shape in re.findall(r"(\w+)(\[[:, ]*::1\])?[,)]\s*", rest)
    )
    shown = ", ".join(f"{kind}[{':, ' * (n - 1)}::1]" if n else kind for kind, n in parameters)
    if f"{returns}({shown})" != signature or returns not in ("void", *_SCALARS):
        raise ValueError(f"not a signature of a compiled function: {signature}")
    if wrong := [kind for kind, n in parameters if n == 0 and kind not in _SCALARS]:
        raise ValueError(f"{signature}: no such scalar: {wrong[0]}")
    return returns, parameters


class Inner:
    """A function that exported ones call, compiled into them; Python cannot call it."""

    def __init__(self, function: Callable[..., Any], options: dict[str, Any]) -> None:
        self.function, self.options = function, options

    @property
    def _numba_type_(self) -> Any:
        """How Numba, which looks for this name, finds what to compile where another function calls this one."""
        from curricle.models.compiled.numba_side import dispatcher

        return dispatcher(self)._numba_type_


class Exported(Inner):
    """A function that Python calls, and other compiled functions may."""

    def __init__(self, library: "Library", function: Callable[..., Any], signature: str, options: dict[str, Any]) -> None:
        super().__init__(function, options)
        self.library, self.signature, self.name = library, signature, function.__name__
        self.returns, self.parameters = parse(signature)
        self._call: Callable[..., int] | None = None
        self.__doc__, self.__name__ = function.__doc__, function.__name__
        self._checks = [(np.dtype(kind), n) for kind, n in self.parameters]

    def __call__(self, *arguments: Any) -> Any:
        """Without the GIL. Raises TypeError for another number of arguments, an array of another type or number of dimensions or
        one that is not C-contiguous; MemoryError where there is none left.
        """
        call = self._call or self._load()
        result = None if self.returns == "void" else _SCALARS[self.returns]()
        flat: list[Any] = [] if result is None else [ctypes.byref(result)]
        if len(arguments) != len(self._checks):
            raise TypeError(f"{self.name} takes {len(self._checks)} arguments, not {len(arguments)}")
        for value, (dtype, dimensions) in zip(arguments, self._checks, strict=True):
            if dimensions == 0:
                flat.append(value)
            elif value.dtype != dtype or value.ndim != dimensions or not value.flags.c_contiguous:
                raise TypeError(f"{self.name}: {value.dtype} of {value.ndim} dimensions for {self.signature}")
            else:
                flat.append(id(value) + _HEAD)
        if call(*flat):
            raise MemoryError(f"{self.name}: out of memory")
        return None if result is None else result.value

    def _load(self) -> Callable[..., int]:
        kinds: list[Any] = [] if self.returns == "void" else [ctypes.c_void_p]
        for kind, dimensions in self.parameters:
            kinds.append(ctypes.c_void_p if dimensions else _SCALARS[kind])
        self._call = ctypes.CFUNCTYPE(ctypes.c_int32, *kinds)(self.library.address(self.name))
        return self._call


class Library:
    """The functions of `package` in `modules`, which may use constants and functions of each other; `modules` names every one
    whose text decides what is compiled.
    """

    def __init__(self, package: str, folder: Path, modules: tuple[str, ...]) -> None:
        self.package, self.folder, self.modules = package, folder, modules
        self.exported: dict[str, Exported] = {}
        self._lock = Lock()
        self._addresses: dict[str, int] | None = None

    def export(self, signature: str, **options: Any) -> Callable[[Callable[..., Any]], Exported]:
        """Decorate a function that Python calls; `options` are those of `numba.njit`."""

        def decorate(function: Callable[..., Any]) -> Exported:
            exported = Exported(self, function, signature, options)
            if self.exported.setdefault(exported.name, exported) is not exported:
                raise ValueError(f"{self.package} exports {exported.name} twice")
            return exported

        return decorate

    def inner(self, function: Callable[..., Any]) -> Any:
        """Decorate a function that only compiled ones call; an `Inner`, which type checkers take for what they call there."""
        return Inner(function, {})

    def sources(self) -> Iterator[Path]:
        """The files whose text decides what is compiled."""
        here = Path(__file__).parent
        yield from (self.folder / f"{module.replace(chr(46), chr(47))}.py" for module in self.modules)
        yield from (here / name for name in ("build.py", "numba_side.py"))

    def key(self) -> str:
        """SHA-256 of the sources."""
        digest = hashlib.sha256()
        for path in self.sources():
            digest.update(path.read_bytes() + b"\0")
        return digest.hexdigest()

    def register(self) -> dict[str, Exported]:
        """All exported functions, after importing the modules."""
        for module in self.modules:
            import_module(f"{self.package}.{module}")
        return self.exported

    def load(self) -> dict[str, int]:
        """Addresses of the exported functions; made on the first call."""
        with self._lock:
            if self._addresses is None:
                from curricle.models.compiled.machine import load_library

                self._addresses = load_library(self)
            return self._addresses

    def address(self, name: str) -> int:
        """Address of an exported function; loads the library if need be."""
        return self.load()[name]
