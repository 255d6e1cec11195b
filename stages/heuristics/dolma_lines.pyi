from curricle.stages.heuristics.texts import Counts, Texts
from curricle.stages.heuristics.unicode_tables import Tables

CHARS: int
LINES: int
BULLET_LINES: int
ELLIPSIS_LINES: int
DUP_LINES: int
DUP_LINE_CHARS: int
UNENDED_LINES: int
SHORT_LINES: int
CURLY: int
LOREM: int
JAVASCRIPT: int
MEASURES: int

def measure_dolma(texts: Texts, tables: Tables, out: Counts) -> None: ...
