import numpy as np
import numpy.typing as npt

MOST_ORDER: int

class ProbingLookup:
    def __init__(
        self,
        file: npt.NDArray[np.uint8],
        vocabulary: int,
        unigrams: int,
        tables: npt.NDArray[np.int64],
        buckets: npt.NDArray[np.uint64],
    ) -> None: ...
    def set_marks(self, begin: int, end: int) -> None: ...
    def find_ids(self, hashes: npt.NDArray[np.uint64], ids: npt.NDArray[np.uint32]) -> None: ...
    def score_sentences(
        self,
        tokens: npt.NDArray[np.int32],
        offsets: npt.NDArray[np.int64],
        ids: npt.NDArray[np.int32],
        log10: npt.NDArray[np.float64],
        unknown: npt.NDArray[np.int64],
        each: npt.NDArray[np.float32],
    ) -> None: ...
