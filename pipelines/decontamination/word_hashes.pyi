import numpy as np
import numpy.typing as npt

from curricle.pipelines.decontamination.folding import Folding
from curricle.stages.heuristics.texts import Texts

def split_words(
    texts: Texts,
    folding: Folding,
    hashes: npt.NDArray[np.uint64],
    starts: npt.NDArray[np.uint32],
    ends: npt.NDArray[np.uint32],
    offsets: npt.NDArray[np.int64],
) -> int: ...
