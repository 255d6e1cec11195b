import numpy as np
import numpy.typing as npt

from curricle.stages.heuristics.texts import Counts, Words

STOP_SLOTS_BITS: int
STOP_SLOTS: int
WORDS: int
NOT_SYMBOLS: int
NOT_SYMBOL_CHARS: int
ALPHA_WORDS: int
STOP_KINDS: int
LANGUAGE_STOP_KINDS: int
MEASURES: int

def count_words(words: Words, first: Counts, stop_tables: npt.NDArray[np.uint64], lists: Counts, out: Counts) -> None: ...
def count_sentences(data: npt.NDArray[np.uint8], words: Words, starts: Counts, ends: Counts, out: Counts) -> None: ...
