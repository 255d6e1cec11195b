import numpy as np
import numpy.typing as npt

from curricle.stages.heuristics.lexicon import Lexicon
from curricle.stages.heuristics.texts import Counts, Texts, Words
from curricle.stages.heuristics.unicode_tables import Tables

LONGEST_SPECIAL: int
SPECIAL_BITS: int
SPECIAL_SLOTS: int
FILTER_BITS: int

def split_words(
    texts: Texts, english: npt.NDArray[np.uint8], tables: Tables, lexicon: Lexicon, words: Words, first: Counts
) -> None: ...
