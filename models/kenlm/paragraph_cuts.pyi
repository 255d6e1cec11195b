import numpy as np
import numpy.typing as npt

def cut_paragraphs(
    data: npt.NDArray[np.uint8],
    offsets: npt.NDArray[np.int64],
    min_bytes: int,
    ends: npt.NDArray[np.int64],
    rows: npt.NDArray[np.int64],
) -> int: ...
