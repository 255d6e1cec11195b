import numpy as np
import numpy.typing as npt

from curricle.stages.extraction.walk import Walked

class Measured:
    words: npt.NDArray[np.int32]
    def first_features(self) -> npt.NDArray[np.float32]: ...
    def second_features(self, first: npt.NDArray[np.float32], p: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]: ...

def measure(page: Walked) -> Measured: ...
