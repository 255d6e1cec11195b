"""The main text of a page by the starter model `extractor`: parse, walk, measure, judge each block, choose."""

import html as entities
import re
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
from selectolax.lexbor import LexborHTMLParser

from curricle import portable_math
from curricle.models.cards import Card, read_card
from curricle.models.checked_files import check_once
from curricle.stages.extraction.choose import choose, choose_without_model
from curricle.stages.extraction.features import Measured, measure
from curricle.stages.extraction.render import render
from curricle.stages.extraction.trees import predict
from curricle.stages.extraction.walk import Walked, walk
from curricle.stages.markup import Page

TREES: Final = "trees.npz"

MOST_BLOCKS: Final = 20_000
"""A page of more blocks is not judged by the model: 2.8 kB and 4 us each. The largest of 1,324 real pages has 1,333."""

MOST_SHOWN: Final = 100
"""A page whose hidden parts are so many times as large, with markup, as its visible text, is read with them."""

_FRAMES: Final = re.compile(r"</?frameset\b[^>]*>|<frame\b[^>]*>|</?noframes\b[^>]*>", re.IGNORECASE)
_NOFRAMES: Final = re.compile(r"<noframes\b", re.IGNORECASE)
_OPEN_TITLE: Final = re.compile(r"<title\b[^>]*>(?![^<]*</title)([^<]*)", re.IGNORECASE)


class Blocks(NamedTuple):
    """A page as blocks, and what the model measures of it."""

    walked: Walked
    measured: Measured


def read_page(html: str, *, plain: bool = True) -> Blocks:
    """Parse a page into blocks; `plain`: without invisible characters, all spaces as U+0020.

    Hidden parts are left out, unless there is hardly anything else. A `<title>` that is never closed ends before the next tag,
    and what stands in `<noframes>` is the page.
    """
    if "<title" in html[:20_000].lower():
        html = _OPEN_TITLE.sub(lambda found: f"{found[0]}</title>", html, count=1)
    if _NOFRAMES.search(html):
        html = _FRAMES.sub(" ", html)
    written = (LexborHTMLParser(html).html or "").encode("utf-8", "replace")
    walked = walk(written, plain)
    if walked.hidden_bytes > MOST_SHOWN * len(walked.text):  # a page that a script shows
        walked = walk(written, plain, hidden=True)
    return Blocks(walked, measure(walked))


class Trees(NamedTuple):
    """An ensemble of boosted trees: splits (SPLIT), values of the leaves, and the split that each tree begins with."""

    splits: npt.NDArray[Any]
    leaves: npt.NDArray[np.float64]
    roots: npt.NDArray[np.int32]

    def probability(self, rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """Of each row, 0..1."""
        if not len(rows):
            return np.zeros(0)
        return 1 / (1 + portable_math.exp(-predict(rows, self.splits, self.leaves, self.roots)))


class Model(NamedTuple):
    """Both ensembles: the second also sees what the first says of a block's surroundings."""

    first: Trees
    second: Trees

    def probability(self, page: Blocks) -> npt.NDArray[np.float64]:
        """Of each block that it belongs to the main text, 0..1."""
        rows = page.measured.first_features()
        return self.second.probability(page.measured.second_features(rows, self.first.probability(rows)))

    def extract(self, html: str, *, markdown: bool = False, comments: bool = False, plain: bool = True) -> Page:
        """Title and main text of a page; `comments`: also what stands in elements named so."""
        page = read_page(html, plain=plain)
        words = page.measured.words
        expected: float | None = None
        if len(words) > MOST_BLOCKS:
            chosen = choose_without_model(page.walked, words)
        else:
            chosen, expected = choose(page.walked, words, self.probability(page), comments=comments)
        title = " ".join(entities.unescape(page.walked.title.decode("utf-8", "replace")).split())
        return Page(title or None, render(page.walked, chosen, markdown), expected if chosen.any() else None)


@lru_cache(maxsize=1)
def load_extractor(folder: Path) -> Model:
    """The model in `folder`; ModelError if it is damaged."""
    card = read_card(folder, Card)
    check_once(folder, card)
    with np.load(folder / TREES, allow_pickle=False) as arrays:
        return Model(*(Trees(*(arrays[f"{stage}_{key}"] for key in Trees._fields)) for stage in Model._fields))
