from typing import NamedTuple

import numpy as np
import numpy.typing as npt

NODE: np.dtype[np.void]
BLOCK: np.dtype[np.void]

class Walked(NamedTuple):
    title: bytes
    summary: bytes
    text: bytes
    nodes: npt.NDArray[np.void]
    blocks: npt.NDArray[np.void]
    hidden_bytes: int

def walk(html: bytes, plain: bool = True, hidden: bool = False) -> Walked: ...
