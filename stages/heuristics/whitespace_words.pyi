import numpy as np
import numpy.typing as npt

from curricle.stages.heuristics.texts import Counts, Texts, Words
from curricle.stages.heuristics.unicode_tables import Tables

WORDS: int
CHARS: int
LONGEST: int
MEDIAN_TWICE: int
LETTER_WORDS: int
ALPHABETIC_WORDS: int
SYMBOL_WORDS: int
HASH_WORDS: int
STOP_WORDS: int
MEASURES: int

def split_at_whitespace(
    texts: Texts, tables: Tables, stop_table: npt.NDArray[np.uint64], words: Words, first: Counts, out: Counts
) -> None: ...
