"""Which blocks make up the main text, given the chance of each."""

import re
from itertools import pairwise
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from curricle.stages.extraction.consent import find_consent
from curricle.stages.extraction.names import GROUPS, TAGS
from curricle.stages.extraction.regions import inside, is_data
from curricle.stages.extraction.walk import Walked

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]

RECALL: Final = 0.85
"""How much the expected words that are left out count against those that are taken."""

WHOLE_CHANCE: Final = 0.4
WHOLE_SHARE: Final = 0.8
"""A list or data table is kept whole from this mean chance on, unless it has more than this share of the words chosen so far."""

HEADING_CHANCE: Final = 0.1
"""From which a heading right before a chosen block is chosen too."""

SMALL_PAGE: Final = 200
"""Words of a page that is kept but for its navigation and footer: in so few blocks the model sees too little."""

_NUMBER: Final = re.compile(rb"\s*\d{1,7}\s")
_COMMENT: Final = np.uint32(1 << next(bit for bit, group in enumerate(GROUPS) if "comment" in group))


def _numbers(*names: str) -> npt.NDArray[np.bool_]:
    return np.array([name in names for name in TAGS])


_HEADINGS: Final = _numbers("h1", "h2", "h3", "h4", "h5", "h6")
_LISTS: Final = _numbers("ul", "ol", "dl", "table")
_AROUND: Final = _numbers("nav", "footer", "aside")
_HEADERS: Final = _numbers("header")
_TABLE, _BUTTON, _NOSCRIPT, _CAPTION, _FIGCAPTION = (
    TAGS.index(name) for name in ("table", "button", "noscript", "caption", "figcaption")
)
_LABELS: Final = _numbers("h1", "h2", "h3", "h4", "h5", "h6", "summary", "dt")


def left_out(page: Walked, words: npt.NDArray[np.int32]) -> Bools:
    """bool (blocks,): what is never main text: banners for consent, buttons, <noscript> beside a page, line numbers."""
    nodes, blocks = page.nodes, page.blocks
    out = find_consent(page, words)
    tags = nodes["tag"]
    if (tags == _BUTTON).any():
        out |= inside(nodes, tags == _BUTTON)[blocks["node"]] & ~inside(nodes, _LABELS[tags])[blocks["node"]]
    if blocks["noscript"].any():
        hidden = blocks["noscript"] > 0
        if words[hidden].sum() * 2 <= words.sum():
            out |= hidden
    for block in np.flatnonzero((blocks["pre"] > 0) & (words >= 3)):
        if _counts_lines(page.text[blocks["start"][block] : blocks["end"][block]]):
            out[block] = True
    return out


def _counts_lines(text: bytes) -> bool:
    """Whether a text is the numbers of lines: each one more than the one before."""
    if not _NUMBER.match(text):
        return False
    numbers = text.split()
    return all(number.isdigit() for number in numbers) and all(
        int(after) == int(before) + 1 for before, after in pairwise(numbers)
    )


def choose_without_model(page: Walked, words: npt.NDArray[np.int32]) -> Bools:
    """The blocks of a page that the model does not judge: all but lists of links, navigation, footers and what is never text."""
    nodes, blocks = page.nodes, page.blocks
    density = blocks["link_bytes"] / (blocks["end"] - blocks["start"])
    chosen = (density < 0.5) & ~inside(nodes, _AROUND[nodes["tag"]])[blocks["node"]] & ~left_out(page, words)
    return np.asarray(chosen, np.bool_)


def choose(page: Walked, words: npt.NDArray[np.int32], p: Floats, *, comments: bool = False) -> tuple[Bools, float]:
    """The blocks of the main text, and the word F1 that is expected of them, 0..1."""
    if not len(p):
        return np.zeros(0, bool), 0.0
    nodes, blocks = page.nodes, page.blocks
    never = left_out(page, words)
    p = np.where(never, 0.0, p)
    weight = words + 0.01
    order = np.argsort(-p, kind="stable")
    gained, taken = np.cumsum((p * weight)[order]), np.cumsum(weight[order])
    last = int(np.argmax(2 * gained / (taken + RECALL * max(gained[-1], 1e-9))))
    expected = float(2 * gained[last] / (taken[last] + max(gained[-1], 1e-9)))
    chosen = np.zeros(len(p), bool)
    chosen[order[: last + 1]] = True
    density = blocks["link_bytes"] / (blocks["end"] - blocks["start"])
    if int(words.sum()) <= SMALL_PAGE:
        chosen |= (density < 0.5) & ~inside(nodes, _HEADERS[nodes["tag"]])[blocks["node"]]
        within = ~inside(nodes, _AROUND[nodes["tag"]])[blocks["node"]]
        if (chosen & within & ~never).any():
            chosen &= within
    _keep_whole(nodes, words, p, density, chosen)
    _keep_captions(nodes, blocks, chosen)
    for block in np.flatnonzero(_HEADINGS[nodes["tag"][blocks["node"]]] & ~chosen)[::-1]:
        if block + 1 < len(p) and chosen[block + 1] and p[block] >= HEADING_CHANCE and density[block] < 0.5:
            chosen[block] = True
    if comments:
        chosen |= inside(nodes, (nodes["groups"] & _COMMENT) > 0)[blocks["node"]] & (density < 0.5) & (words >= 4)
    return chosen & ~never, expected


def _keep_whole(nodes: npt.NDArray[Any], words: npt.NDArray[np.int32], p: Floats, density: Floats, chosen: Bools) -> None:
    """Add the rest of lists and data tables that are mostly main text."""
    lists = np.flatnonzero(_LISTS[nodes["tag"]] & (nodes["end"] - nodes["first"] > 1))
    if not len(lists):
        return
    sums = [
        np.concatenate([np.zeros(1), np.cumsum(values)]) for values in (words, words * p, words * density, chosen, words * chosen)
    ]
    first, end = nodes["first"][lists], nodes["end"][lists]
    size, mass, linked, taken = (values[end] - values[first] for values in sums[:4])
    total = sums[4][-1]
    whole = (taken < end - first) & (mass >= WHOLE_CHANCE * size) & (size <= WHOLE_SHARE * total) & (linked <= 0.5 * size)
    for node in lists[whole].tolist():
        if nodes["tag"][node] != _TABLE or is_data(nodes, node):
            chosen[nodes["first"][node] : nodes["end"][node]] = True


def _keep_captions(nodes: npt.NDArray[Any], blocks: npt.NDArray[Any], chosen: Bools) -> None:
    """Add captions of figures beside chosen blocks, and of tables that are chosen."""
    for node in np.flatnonzero((nodes["tag"] == _FIGCAPTION) | (nodes["tag"] == _CAPTION)):
        first, end = int(nodes["first"][node]), int(nodes["end"][node])
        if first < end and not chosen[first]:
            before = first > 0 and chosen[first - 1]
            after = end < len(chosen) and chosen[end]
            chosen[first:end] = after if nodes["tag"][node] == _CAPTION else before and after
