import numpy as np
import numpy.typing as npt

from curricle.stages.heuristics.texts import Counts, Words

COUNT: int
START: int
TOP_CHARS: int
FRESH_CHARS: int
REPEATED_CHARS: int
ALL_CHARS: int
MEASURES: int
SIZES: int
TOP_SIZES: int

def count_whitespace_ngrams(words: Words, first: Counts, out: Counts) -> None: ...
def count_copies(data: npt.NDArray[np.uint8], words: Words, first: Counts, tops: Counts, out: Counts) -> None: ...
