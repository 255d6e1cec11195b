import numpy as np
import numpy.typing as npt

def sign_texts(
    words: npt.NDArray[np.uint64],
    offsets: npt.NDArray[np.int64],
    counts: npt.NDArray[np.int64],
    bands: npt.NDArray[np.uint64],
    anchors: npt.NDArray[np.uint64],
    anchor_offsets: npt.NDArray[np.int64],
) -> None: ...
def exact_keys(words: npt.NDArray[np.uint64], offsets: npt.NDArray[np.int64], keys: npt.NDArray[np.uint64]) -> None: ...
def shingles(words: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint32]: ...
def count_shared(first: npt.NDArray[np.uint32], second: npt.NDArray[np.uint32]) -> int: ...
