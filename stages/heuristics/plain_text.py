"""datatrove's measures over texts in plain spelling, so that what a reader cannot see decides nothing.

A text with CR LF line ends, or with spaces in its blank lines, has many "duplicate lines" for datatrove, and prose fails the
rules of repetition. In plain spelling all line ends are LF, blank lines are empty, lines end without spaces, spaces of all kinds
are one kind, and soft hyphens and zero-width characters are gone.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from curricle.schemas.heuristic_columns import PLAIN
from curricle.stages.heuristics import measures

_STEPS: Final = (
    (r"\r\n?|[\v\f\x{85}\x{2028}\x{2029}]", "\n"),
    (r"[\x{ad}\x{200b}\x{2060}\x{feff}]", ""),
    (r"[\x{a0}\x{1680}\x{2000}-\x{200a}\x{202f}\x{205f}\x{3000}]", " "),
    (r"(?m)[ \t]+$", ""),
)
"""RE2 expressions and what replaces them, in order."""

_ODD: Final = "|".join(f"(?:{pattern})" for pattern, _ in _STEPS)


def plain(texts: pa.StringArray) -> pa.StringArray:
    """The texts in plain spelling; most are already."""
    odd = pc.match_substring_regex(texts, _ODD)
    if not pc.any(odd).as_py():
        return texts
    changed = texts.filter(odd)
    for pattern, replacement in _STEPS:
        changed = pc.replace_substring_regex(changed, pattern, replacement)
    return pc.replace_with_mask(texts, odd, changed)


def measure(texts: pa.StringArray, languages: Sequence[str | None]) -> Mapping[str, pa.Array]:
    """The columns of `schemas.heuristic_columns.CURRICLE` for `texts`, which has no nulls."""
    return {f"{PLAIN}{name}": values for name, values in measures.measure(plain(texts), languages).items()}
