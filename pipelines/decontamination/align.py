"""Compares a document with an item near a stretch that they share: which words of a part stand there, and what is around it."""

from collections.abc import Sequence
from dataclasses import dataclass
from heapq import nsmallest

import numpy as np
import numpy.typing as npt

from curricle.pipelines.decontamination.index import Hashes

JUMP = 40  # most words between two stretches of one occurrence, in the document and in the part
SKIP = 4  # most words that are passed over to find the next two that agree
ANCHORS = 4  # longest stretches of a part that an occurrence is built around
BEFORE, AFTER = 50, 100  # words around a question in which its answer counts
LONG = 5  # words of an answer that may stand there in part
GRAM = 3  # words that must agree in it

Mask = npt.NDArray[np.bool_]
Stretch = tuple[int, int, int]
"""Position in the part, position in the document, length."""


@dataclass(frozen=True)
class Occurrence:
    """Where a part stands in a document: words first to end, and which words of the part are among them."""

    first: int
    end: int
    mask: Mask


def find_occurrence(document: Hashes, part: Hashes, stretches: Sequence[Stretch], weights: npt.NDArray[np.float32]) -> Occurrence:
    """The occurrence that holds the most information; the first one of several."""
    best, most = None, -1.0
    reach = 2 * part.size + JUMP
    for anchor in nsmallest(ANCHORS, stretches, key=lambda stretch: (-stretch[2], stretch[1])):
        if best is not None and best.first <= anchor[1] < best.end:
            continue
        near = [stretch for stretch in stretches if abs(stretch[1] - anchor[1]) <= reach]
        found = _expand(document, part, anchor, near)
        if (information := float(weights[found.mask].sum(dtype=np.float64))) > most:
            best, most = found, information
        if found.mask.all():
            break
    assert best is not None
    return best


def _expand(document: Hashes, part: Hashes, anchor: Stretch, stretches: Sequence[Stretch]) -> Occurrence:
    position, at, length = anchor
    mask = np.zeros(part.size, np.bool_)
    mask[position : position + length] = True
    end = at + length
    if position + length < part.size:
        after = [
            stretch for stretch in stretches if stretch[0] + stretch[2] > position + length and stretch[1] + stretch[2] > end
        ]
        end = _follow(document, part, position + length, end, sorted(after, key=lambda one: (one[1], one[0])), mask)
    first = at
    if position > 0:
        before = [(part.size - p - n, document.size - a - n, n) for p, a, n in stretches if p < position and a < at]
        reverse = _follow(
            document[::-1],
            part[::-1],
            part.size - position,
            document.size - at,
            sorted(before, key=lambda one: (one[1], one[0])),
            mask[::-1],
        )
        first = document.size - reverse
    return Occurrence(first, end, mask)


def _follow(document: Hashes, part: Hashes, position: int, at: int, stretches: Sequence[Stretch], mask: Mask) -> int:
    """Mark the words of the part that follow in the document, over small differences. Returns the end in the document."""
    end = at
    while position < part.size and at < document.size:
        step = _step(document, part, position, at) or _jump(position, at, stretches)
        if step is None:
            break
        position, at = step
        while position < part.size and at < document.size and part[position] == document[at]:
            mask[position] = True
            position, at = position + 1, at + 1
        end = at
    return end


def _step(document: Hashes, part: Hashes, position: int, at: int) -> tuple[int, int] | None:
    """The nearest place where two words agree, or the last word of the part; fewest words passed over first."""
    for passed in range(2 * SKIP + 1):
        for skipped in range(max(0, passed - SKIP), min(passed, SKIP) + 1):
            own, other = position + skipped, at + passed - skipped
            if own >= part.size or other >= document.size or part[own] != document[other]:
                continue
            if own + 1 == part.size or (other + 1 < document.size and part[own + 1] == document[other + 1]):
                return own, other
    return None


def _jump(position: int, at: int, stretches: Sequence[Stretch]) -> tuple[int, int] | None:
    for own, other, _ in stretches:
        if position <= own <= position + JUMP and at <= other <= at + JUMP:
            return own, other
    return None


def share_near(document: Hashes, text: Hashes, first: int, end: int, weights: npt.NDArray[np.float32]) -> float:
    """Information of the words of an answer or a passage that stand in document[first:end].

    A text of fewer than LONG words must stand there whole; of a longer one, the words of all n-grams of GRAM words count.
    """
    window = document[max(0, first) : end]
    size = min(text.size, GRAM) if text.size >= LONG else text.size
    if not size or window.size < size:
        return 0.0
    grams = np.lib.stride_tricks.sliding_window_view(text, size)
    there = np.lib.stride_tricks.sliding_window_view(window, size)
    candidates = there[np.isin(there[:, 0], grams[:, 0])]
    known = {gram.tobytes() for gram in candidates}
    mask = np.zeros(text.size, np.bool_)
    for number, gram in enumerate(grams):
        if gram.tobytes() in known:
            mask[number : number + size] = True
    return float(weights[mask].sum(dtype=np.float64))
