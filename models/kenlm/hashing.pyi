import numpy as np
import numpy.typing as npt

def hash_token(token: bytes) -> int: ...
def hash_each_token(
    data: npt.NDArray[np.uint8],
    starts: npt.NDArray[np.int64],
    ends: npt.NDArray[np.int64],
    hashes: npt.NDArray[np.uint64],
    offsets: npt.NDArray[np.int64],
) -> int: ...
