"""Lines and paragraphs: equal to datatrove's formulas, written out here in plain Python."""

import re
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curricle.stages.heuristics import segments
from curricle.stages.heuristics.characters import TERMINAL
from curricle.stages.heuristics.measures import count_lines, scratch_for
from curricle.stages.heuristics.texts import text_groups
from curricle.stages.heuristics.unicode_tables import tables

CITATION = re.compile(r"\[\d*\]|\[edit\]|\[citation needed\]")
POLICY = ("terms of use", "privacy policy", "cookie policy", "uses cookies", "use of cookies", "use cookies")


def measured(*texts: str) -> tuple[list[dict[str, int]], list[tuple[int, str]]]:
    """(the measures of each text by name, the lines that C4 keeps with their document)."""
    [group] = text_groups(pa.array(texts))
    out = np.empty((len(texts), segments.MEASURES), np.int64)
    kept = count_lines(group, out, scratch_for([group]))
    names = sorted((name for name in dir(segments) if name in NAMES), key=lambda name: getattr(segments, name))
    data, cited = bytes(group.data), bytes(kept.cited.data)
    lines = [(document, data[start:end].decode()) for start, end, document in kept.plain.tolist()]
    bounds = pairwise(kept.cited.offsets)
    lines += [(owner, cited[a:b].decode()) for owner, (a, b) in zip(kept.owners.tolist(), bounds, strict=True)]
    return [dict(zip(names, row, strict=True)) for row in out.tolist()], lines


def duplicates(items: list[str]) -> tuple[int, int]:
    """(second and later copies, their characters)."""
    seen: set[str] = set()
    count = chars = 0
    for item in items:
        if item in seen:
            count, chars = count + 1, chars + len(item)
        seen.add(item)
    return count, chars


def is_terminal(character: str) -> bool:
    pages, flags = tables()
    return bool(flags[int(pages[ord(character) >> 8]) * 256 + (ord(character) & 255)] & TERMINAL)


def c4_verdict(line: str) -> str:
    """`keep` and the line without citations, `lorem`, `curly` or `drop`."""
    words, line = line.split(), CITATION.sub("", line)
    if any(len(word) > 1000 for word in words) or not line.endswith((".", "?", "!", '"', "'")) or line.endswith("..."):
        return "drop"
    if len(words) < 3:
        return "drop"
    lower = line.lower()
    if "lorem ipsum" in lower:
        return "lorem"
    if "javascript" in lower:
        return "drop"
    if "{" in line:
        return "curly"
    return "drop" if any(phrase in lower for phrase in POLICY) else "keep" + line


def formulas(text: str) -> tuple[dict[str, int], list[str]]:
    """datatrove 0.10.1: gopher_quality_filter.py, gopher_repetition_filter.py, fineweb_quality_filter.py and c4_filters.py."""
    lines = [line.strip() for line in text.splitlines()]
    runs = re.split("\n+", text) if text else []
    paragraphs = re.split("\n{2,}", text.strip()) if text else []
    full = [line for line in text.split("\n") if line.strip()]
    verdicts = [c4_verdict(line) for line in lines]
    kept = [verdict.removeprefix("keep") for verdict in verdicts if verdict.startswith("keep")]
    (dup_paragraphs, dup_paragraph_chars), (dup_runs, dup_run_chars) = duplicates(paragraphs), duplicates(runs)
    return {
        "CHARS": len(text),
        "NEWLINES": text.count("\n"),
        "HASHES": text.count("#"),
        "ELLIPSES": text.count("...") + text.count("…"),
        "LINES": len(lines),
        "BULLET_LINES": sum(line.startswith(("-", "•")) for line in lines),
        "ELLIPSIS_LINES": sum(line.endswith(("...", "…")) for line in lines),
        "PARAGRAPHS": len(paragraphs),
        "DUP_PARAGRAPHS": dup_paragraphs,
        "DUP_PARAGRAPH_CHARS": dup_paragraph_chars,
        "RUN_LINES": len(runs),
        "DUP_RUN_LINES": dup_runs,
        "DUP_RUN_LINE_CHARS": dup_run_chars,
        "FULL_LINES": len(full),
        "DUP_FULL_LINE_CHARS": duplicates(full)[1],
        "TERMINAL_LINES": sum(is_terminal(line[-1]) for line in full),
        "SHORT_LINES": sum(len(line) <= 30 for line in full),
        "LOREM_LINES": verdicts.count("lorem"),
        "CURLY_LINES": verdicts.count("curly"),
        "KEPT_LINES": len(kept),
    }, kept


NAMES = formulas("")[0]
SENTENCE = "This is a line that ends as it should."


@pytest.mark.parametrize("letter", ["a", "é", "字", "😀"], ids=["ASCII", "two bytes", "three bytes", "four bytes"])
@pytest.mark.parametrize(("chars", "short"), [(29, 1), (30, 1), (31, 0)])
def test_a_line_of_up_to_30_characters_is_short(letter, chars, short):
    [row], _ = measured(letter * chars)
    assert row["SHORT_LINES"] == short


@pytest.mark.parametrize(("chars", "kept"), [(1000, 1), (1001, 0)])
def test_a_line_with_a_word_of_over_1000_characters_is_dropped(chars, kept):
    [row], _ = measured(f"One {'é' * chars} word.")
    assert row["KEPT_LINES"] == kept


CASES = {
    "empty": "",
    "newlines only": "\n\n\n",
    "one newline at either end": "\nabc\n",
    "every line break": "one\x0btwo\x0cthree\x1cfour\x1dfive\x1esix\x85seven\u2028eight\u2029nine\r\nten\relev",
    "a break right before a newline": "a\x85\nb\r\nc\u2028\n",
    "paragraphs": "a b\n\n\na b\n\nc d\n \na b",
    "repeated lines": f"{SENTENCE}\n{SENTENCE}\n\n{SENTENCE}\n  \n  \n",
    "bullets": "- one\n• two\n * three\n \t- four\n-\n–",
    "ellipses": "a...\nb…\nc....\nd......\n… \n...",
    "citations": f"{SENTENCE}[12]\n{SENTENCE}[edit]\nIt [citation needed] is so, [] and [3.\nIt was [12 and so].\n{SENTENCE} [x]",
    "policy phrases": "\n".join(f"We have {phrase} for all of you." for phrase in (*POLICY, "Cookie Policy", "cookies", "terms")),
    "javascript, lorem, curly": "Please enable JavaScript now.\nIt is Lorem Ipsum text.\nIt is { like this.\nlorem {ipsum is it.",
    "line ends": "\n".join(f"one two three{end}" for end in ".?!\"',;:]") + "\none two.\none two three...\none two three…",
    "terminals of other scripts": "字字。\nक।\nab؟\nab;",
    "many hashes in one line": "# " * 500,
    "non-ASCII line longer than a block": "é" * 500 + ".\n" + "字…" * 300,
    "a word of 1,001 letters among others": "one two " + "x" * 1001 + " three.\n" + "one two " + "x" * 1000 + " three.",
}


@pytest.mark.parametrize("text", CASES.values(), ids=CASES)
def test_measures_and_kept_lines_are_those_of_the_formulas(text):
    [row], kept = measured(text)
    values, lines = formulas(text)
    assert row == values
    assert sorted(line for _, line in kept) == sorted(lines)


PIECES = [
    *"ab é字.?!\"'…[]{#-•",
    *("\n", "\n", "\n\n", " ", " ", "\r\n", "\x85", "\u2028", "\x1c", "\t"),
    *("...", "[1]", "[edit]", "[citation needed]", "lorem ipsum", "JavaScript", "one two three", SENTENCE),
    *POLICY,
]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.lists(st.sampled_from(PIECES), max_size=40).map("".join), min_size=1, max_size=4))
def test_texts_made_of_what_the_rules_look_for_have_the_values_of_the_formulas(texts):
    rows, kept = measured(*texts)
    expected = [formulas(text) for text in texts]
    assert rows == [values for values, _ in expected]
    assert sorted(kept) == sorted((document, line) for document, (_, lines) in enumerate(expected) for line in lines)
