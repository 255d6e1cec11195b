import numpy as np
import numpy.typing as npt

from curricle.stages.heuristics.texts import Counts, Words

SIZES: int

def count_ngrams(data: npt.NDArray[np.uint8], words: Words, first: Counts, out: Counts) -> None: ...
