"""Removes lines from the text: by C4's line rules (Raffel et al. 2020, arXiv 1910.10683, section 2.2) as datatrove 0.10.1's
C4QualityFilter applies them; lines of nothing but symbols, as its SymbolLinesFormatter (FineWeb2: table rows of `|`); by phrases.

Deviation: C4 drops documents too (`lorem ipsum`, `{`, under 5 sentences). A stage drops nothing; `c4@datatrove` has these rules,
and a line that would drop its document stays in the text.
"""

import re
from collections.abc import Callable
from functools import partial
from typing import Final, Self

import pyarrow as pa
from pydantic import Field, field_validator, model_validator

from curricle.schemas.batches import append_columns, replace_text
from curricle.schemas.cleaning_columns import CLEAN_LINES
from curricle.schemas.config import Config
from curricle.schemas.stage import Stage

_CITATION: Final = re.compile(r"\[\d*]|\[edit]|\[citation needed]")
_ENDS: Final = (".", "?", "!", '"', "'")
_PHRASES: Final = (
    "javascript",
    "terms of use",
    "privacy policy",
    "cookie policy",
    "uses cookies",
    "use of cookies",
    "use cookies",
)
_MIN_WORDS: Final = 3
_MAX_WORD_CHARS: Final = 1000

Cleaned = tuple[str, int]
"""The text that remains, and the number of removed lines."""


class SymbolLines(Config):
    """Each run of lines of nothing but `symbols` and spaces becomes one line `replacement`. The defaults are FineWeb2's."""

    symbols: str = Field(default="|", min_length=1)
    """The characters that such a line consists of, besides spaces."""
    replacement: str = "\n"
    """What stands in place of each run of such lines."""


class CleanLinesConfig(Config):
    """Settings of the stage `clean_lines`. Symbol lines are removed first, then C4's lines, then boilerplate."""

    c4: bool = True
    """Remove the lines that C4 removes."""
    symbol_lines: SymbolLines | None = None
    """Replace lines of nothing but symbols. They are replaced before C4's lines are removed."""
    boilerplate: tuple[str, ...] = ()
    """Phrases, in any case: each line that contains one is removed, after C4's lines."""

    @field_validator("boilerplate")
    @classmethod
    def _not_blank(cls, phrases: tuple[str, ...]) -> tuple[str, ...]:
        if any(not phrase.strip() for phrase in phrases):
            raise ValueError("a phrase must not be blank: it would match every line")
        return phrases

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not (self.c4 or self.symbol_lines or self.boilerplate):
            raise ValueError("nothing to clean; set c4, symbol_lines or boilerplate")
        return self


def remove_symbol_lines(text: str, config: SymbolLines) -> Cleaned:
    """Remove lines of symbols; a line of white space stays. All line breaks become newlines, and the last one is removed."""
    strip = config.symbols + " "
    kept: list[str] = []
    removed, inside = 0, False
    for line in text.splitlines():
        if not line.strip(strip) and line.strip():
            if not inside and config.replacement:
                kept.append(config.replacement)
            removed, inside = removed + 1, True
        else:
            kept.append(line)
            inside = False
    return "\n".join(kept), removed


def remove_c4_lines(text: str) -> Cleaned:
    """Keep lines with a terminal mark, three words, no word over 1,000 characters and no policy phrase; without citations."""
    lines = text.splitlines()
    kept = [line for line in map(_c4_line, lines) if line is not None]
    return "\n".join(kept).strip(), len(lines) - len(kept)


def _c4_line(line: str) -> str | None:
    line = line.strip()
    clean = _CITATION.sub("", line) if "[" in line else line
    if not clean.endswith(_ENDS) or clean.endswith("...") or len(line.split(None, _MIN_WORDS - 1)) < _MIN_WORDS:
        return None
    if len(line) > _MAX_WORD_CHARS and any(len(word) > _MAX_WORD_CHARS for word in line.split()):
        return None
    lower = clean.lower()
    return None if any(phrase in lower for phrase in _PHRASES) else clean


def remove_boilerplate(text: str, phrases: tuple[str, ...]) -> Cleaned:
    """Remove lines that contain a phrase (given in lower case); everything else stays as it is."""
    lower = text.lower()
    if not any(phrase in lower for phrase in phrases):
        return text, 0
    lines = text.splitlines(keepends=True)
    kept = [line for line in lines if not any(phrase in line.lower() for phrase in phrases)]
    return "".join(kept), len(lines) - len(kept)


def clean_lines(batch: pa.RecordBatch, config: CleanLinesConfig) -> pa.RecordBatch:
    """Remove lines from `text`; append `symbol_removed_lines`, `c4_removed_lines` and `boilerplate_removed_lines` (int32).

    A count is null if there is no text or that cleaner is off. A text of which nothing remains is empty, not null.
    """
    phrases = tuple(phrase.lower() for phrase in config.boilerplate)
    cleaners: dict[str, Callable[[str], Cleaned] | None] = {
        "symbol_removed_lines": partial(remove_symbol_lines, config=config.symbol_lines) if config.symbol_lines else None,
        "c4_removed_lines": remove_c4_lines if config.c4 else None,
        "boilerplate_removed_lines": partial(remove_boilerplate, phrases=phrases) if phrases else None,
    }
    texts: list[str | None] = batch.column("text").to_pylist()
    counts = {}
    for name, cleaner in cleaners.items():
        removed: list[int | None] = [None] * len(texts)
        if cleaner:
            for row, text in enumerate(texts):
                if text is not None:
                    texts[row], removed[row] = cleaner(text)
        counts[name] = pa.array(removed, pa.int32())
    return append_columns(replace_text(batch, pa.array(texts, pa.string())), CLEAN_LINES, counts)


STAGE: Final = Stage(name="clean_lines", kernel=clean_lines, config=CleanLinesConfig, columns=CLEAN_LINES)
