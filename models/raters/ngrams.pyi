import numpy as np
import numpy.typing as npt

WORDS: int
PAIRS: int
PIECES: int
SHAPES: int
TRIPLES: int

BITS: tuple[int, int, int, int, int]
STARTS: tuple[int, ...]
SLOTS: int

def count_words(
    indptr: npt.NDArray[np.int64],
    indices: npt.NDArray[np.int32],
    known: npt.NDArray[np.uint8],
    out: npt.NDArray[np.int64],
) -> None: ...
