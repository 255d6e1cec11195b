import numpy as np
import numpy.typing as npt

def scan_pieces(
    data: npt.NDArray[np.uint8],
    starts: npt.NDArray[np.int64],
    ends: npt.NDArray[np.int64],
    scores: npt.NDArray[np.float32],
    kinds: npt.NDArray[np.int64],
    settings: npt.NDArray[np.int64],
) -> int: ...
