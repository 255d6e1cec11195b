from typing import Any

import numpy as np
import numpy.typing as npt

SPLIT: np.dtype[np.void]

def predict(
    rows: npt.NDArray[np.float32], splits: npt.NDArray[Any], leaves: npt.NDArray[np.float64], roots: npt.NDArray[np.int32]
) -> npt.NDArray[np.float64]: ...
