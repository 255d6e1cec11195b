from typing import Any

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]
Codes = npt.NDArray[np.int16]
Hashes = npt.NDArray[np.uint64]
Ints = npt.NDArray[np.int64]
Values = npt.NDArray[np.floating[Any]]  # float32 or float64
Weights = npt.NDArray[np.uint8 | np.uint32 | np.int64]

def keyed(hashes: Hashes, key: int, out: Hashes) -> None: ...
def totals(cell: Codes, among: Bytes, weight: Weights, sums: Ints) -> None: ...
def places_of(values: Values, descending: bool, out: Hashes) -> None: ...
def find_bounds(
    cell: Codes,
    among: Bytes,
    values: Values,
    descending: bool,
    id_hash: Hashes,
    key: int,
    weight: Weights,
    quota: Ints,
    bound: Hashes,
    closed: Bytes,
) -> None: ...
def within(
    cell: Codes,
    among: Bytes,
    values: Values,
    descending: bool,
    id_hash: Hashes,
    key: int,
    bound: Hashes,
    closed: Bytes,
    state: npt.NDArray[np.int8],
    taken: Bytes,
) -> None: ...
