import numpy as np
import numpy.typing as npt

from curricle.stages.heuristics.texts import Counts, Texts
from curricle.stages.heuristics.unicode_tables import Tables

CHARS: int
NEWLINES: int
HASHES: int
ELLIPSES: int
LINES: int
BULLET_LINES: int
ELLIPSIS_LINES: int
PARAGRAPHS: int
DUP_PARAGRAPHS: int
DUP_PARAGRAPH_CHARS: int
RUN_LINES: int
DUP_RUN_LINES: int
DUP_RUN_LINE_CHARS: int
FULL_LINES: int
DUP_FULL_LINE_CHARS: int
TERMINAL_LINES: int
SHORT_LINES: int
LOREM_LINES: int
CURLY_LINES: int
KEPT_LINES: int
MEASURES: int
SHORT_CHARS: int
LONG_WORD_CHARS: int

def measure_lines(
    texts: Texts, tables: Tables, out: Counts, kept: Counts, cited: npt.NDArray[np.uint8]
) -> tuple[int, int, int]: ...
