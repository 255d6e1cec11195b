from curricle.stages.heuristics.texts import Counts, Texts
from curricle.stages.heuristics.unicode_tables import Tables

CHARS: int
WHITE: int
PLAIN: int
BRACKETS: int
DIGITS: int
URL_CHARS: int
LINES: int
UNIQUE_LINES: int
LINE_CHARS: int
UNIQUE_LINE_CHARS: int
BULLET_LINES: int
ELLIPSIS_LINES: int
UNENDED_LINES: int
PARAGRAPHS: int
UNIQUE_PARAGRAPHS: int
PARAGRAPH_CHARS: int
UNIQUE_PARAGRAPH_CHARS: int
BOILERPLATE_PARAGRAPHS: int
LOREM_IPSUM: int
MEASURES: int

def measure_nemo(texts: Texts, tables: Tables, out: Counts) -> None: ...
