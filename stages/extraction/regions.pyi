from typing import Any

import numpy as np
import numpy.typing as npt

def inside(nodes: npt.NDArray[Any], wanted: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]: ...
def is_data(nodes: npt.NDArray[Any], table: int) -> bool: ...
