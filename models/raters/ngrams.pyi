from enum import IntFlag

import numpy as np
import numpy.typing as npt

class FeatureGroup(IntFlag):
    WORDS = 0
    PAIRS = 1
    PIECES = 2
    SHAPES = 3
    TRIPLES = 4
    GROUPS = 5

BITS: tuple[int, int, int, int, int]
STARTS: tuple[int, ...]
SLOTS: int

def count_words(
    indptr: npt.NDArray[np.int64],
    indices: npt.NDArray[np.int32],
    known: npt.NDArray[np.uint8],
    out: npt.NDArray[np.int64],
) -> None: ...
