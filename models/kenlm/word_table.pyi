import numpy as np
import numpy.typing as npt

from curricle.models.kenlm.piece_trie import PieceTrie

MAX_WORD_BYTES: int

class WordTable:
    def __init__(self, trie: PieceTrie, piece_hashes: npt.NDArray[np.uint64]) -> None: ...
    @property
    def words(self) -> int: ...
    @property
    def word_bytes(self) -> int: ...
    def tokenize(
        self,
        data: npt.NDArray[np.uint8],
        starts: npt.NDArray[np.int64],
        ends: npt.NDArray[np.int64],
        offsets: npt.NDArray[np.int64],
        expected: int,
    ) -> npt.NDArray[np.int32]: ...
    def hashes(self) -> npt.NDArray[np.uint64]: ...
