"""Machine instructions that Numba has no word for, to be called in compiled functions; their code: `numba_side.py`."""

from typing import Any


class Instruction:
    """Stands for a function of `numba_side.py`."""

    def __init__(self, name: str) -> None:
        self.name = name

    @property
    def _numba_type_(self) -> Any:
        from curricle.models.compiled.numba_side import intrinsic_type

        return intrinsic_type(self.name)

    def __call__(self, *arguments: Any) -> Any:
        """TypeError: there is no code for Python."""
        raise TypeError(f"{self.name} is for compiled functions")


pointer = Instruction("pointer")
"""pointer(array): the first element's address, to be indexed like a flat array; the array has to outlive it. It goes to a
function as one machine word, an array as seven, and no index is wrapped around."""

load64 = Instruction("load64")
"""load64(array, index): bytes index..index + 7 of a uint8 array or pointer as uint64, in the machine's order; not
bounds-checked."""

store64 = Instruction("store64")
"""store64(array, index, value): write a uint64 over bytes index..index + 7 of a uint8 array or pointer; not bounds-checked."""

trailing_zeros = Instruction("trailing_zeros")
"""trailing_zeros(value): zero bits below the lowest set bit of a uint64; 64 for 0."""

prefetch = Instruction("prefetch")
"""prefetch(array, index): have the cache line of an element of an array or pointer fetched, without waiting for it; not
bounds-checked, and no fault where there is no memory."""
