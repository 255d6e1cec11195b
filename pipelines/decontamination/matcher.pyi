import numpy as np
import numpy.typing as npt

from curricle.pipelines.decontamination.index import ItemIndex

def seed_hashes(words: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]: ...
def fill_table(
    seeds: npt.NDArray[np.uint64],
    slots: npt.NDArray[np.uint64],
    numbers: npt.NDArray[np.int32],
    bits: npt.NDArray[np.uint8],
) -> None: ...

class Matcher:
    def __init__(self, index: ItemIndex) -> None: ...
    def find(
        self,
        words: npt.NDArray[np.uint64],
        offsets: npt.NDArray[np.int64],
    ) -> npt.NDArray[np.int32]: ...
