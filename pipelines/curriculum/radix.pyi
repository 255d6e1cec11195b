from typing import Any

import numpy as np
import numpy.typing as npt

ByteArray = npt.NDArray[np.uint8]
CellCodes = npt.NDArray[np.int16]
HashArray = npt.NDArray[np.uint64]
IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.floating[Any]]  # float32 or float64
TokenWeights = npt.NDArray[np.uint8 | np.uint32 | np.int64]

def keyed(hashes: HashArray, key: int, out: HashArray) -> None: ...
def totals(cell: CellCodes, among: ByteArray, weight: TokenWeights, sums: IntArray) -> None: ...
def sort_keys(values: FloatArray, descending: bool, out: HashArray) -> None: ...
def find_bounds(
    cell: CellCodes,
    among: ByteArray,
    values: FloatArray,
    descending: bool,
    id_hash: HashArray,
    key: int,
    weight: TokenWeights,
    quota: IntArray,
    bound: HashArray,
    closed: ByteArray,
) -> None: ...
def within(
    cell: CellCodes,
    among: ByteArray,
    values: FloatArray,
    descending: bool,
    id_hash: HashArray,
    key: int,
    bound: HashArray,
    closed: ByteArray,
    state: npt.NDArray[np.int8],
    taken: ByteArray,
) -> None: ...
