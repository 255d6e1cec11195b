"""Numba functions compiled ahead of time: LLVM code that ships with the package, or is made once where it does not fit."""
