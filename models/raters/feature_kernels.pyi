import numpy as np
import numpy.typing as npt

def featurize(
    data: npt.NDArray[np.uint8],
    offsets: npt.NDArray[np.int64],
    characters: npt.NDArray[np.uint16],
    indptr: npt.NDArray[np.int64],
    indices: npt.NDArray[np.int32],
    values: npt.NDArray[np.float32],
    stats: npt.NDArray[np.float32],
) -> int: ...
def cut(
    data: npt.NDArray[np.uint8],
    offsets: npt.NDArray[np.int64],
    out: npt.NDArray[np.uint8],
    ends: npt.NDArray[np.int64],
) -> None: ...
