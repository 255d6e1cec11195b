import numpy as np
import numpy.typing as npt

def mix_sentences(
    own: npt.NDArray[np.float32],
    base: npt.NDArray[np.float32],
    weight: float,
    offsets: npt.NDArray[np.int64],
    out: npt.NDArray[np.float64],
) -> None: ...
