import numpy as np
import numpy.typing as npt

def fill_trie(
    data: npt.NDArray[np.uint8],
    starts: npt.NDArray[np.int64],
    ends: npt.NDArray[np.int64],
    usable: npt.NDArray[np.uint8],
    unused: npt.NDArray[np.uint8],
    keys: npt.NDArray[np.int64],
    children: npt.NDArray[np.int32],
    piece_of: npt.NDArray[np.int32],
) -> int: ...

class PieceTrie:
    def __init__(
        self,
        keys: npt.NDArray[np.int64],
        children: npt.NDArray[np.int32],
        piece_of: npt.NDArray[np.int32],
        scores: npt.NDArray[np.float32],
        unknown_score: float,
    ) -> None: ...
