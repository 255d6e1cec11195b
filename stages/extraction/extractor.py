"""The main text of a page by the starter model `extractor`: parse, walk, measure, judge each block, choose."""

import html as entities
import re
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

import numpy as np
import numpy.typing as npt
from selectolax.lexbor import LexborHTMLParser

from curricle import portable_math
from curricle.models.cards import Card, check_files, read_card
from curricle.stages.extraction.choose import choose
from curricle.stages.extraction.features import Measured, measure
from curricle.stages.extraction.render import render
from curricle.stages.extraction.trees import predict
from curricle.stages.extraction.walk import Walked, walk

TREES: Final = "trees.npz"

MOST_SHOWN: Final = 100
"""A page whose hidden parts are so many times as large, with markup, as its visible text, is read with them."""

_FRAMES: Final = re.compile(r"</?frameset\b[^>]*>|<frame\b[^>]*>|</?noframes\b[^>]*>", re.IGNORECASE)
_NOFRAMES: Final = re.compile(r"<noframes\b", re.IGNORECASE)
_OPEN_TITLE: Final = re.compile(r"<title\b[^>]*>(?![^<]*</title)([^<]*)", re.IGNORECASE)


class Page(NamedTuple):
    """A page as blocks, and what the model measures of it."""

    walked: Walked
    measured: Measured


class Extracted(NamedTuple):
    """Title and main text of a page; `confidence`: the word F1 that the model expects of it, 0..1, None where there is no text."""

    title: str | None
    text: str
    confidence: float | None


def read_page(html: str, *, plain: bool = True) -> Page:
    """Parse a page into blocks; `plain`: without invisible characters, all spaces as U+0020.

    Hidden parts are left out, unless there is hardly anything else. A `<title>` that is never closed ends before the next tag, and what stands in `<noframes>` is the page.
    """
    if "<title" in html[:20_000].lower():
        html = _OPEN_TITLE.sub(lambda found: f"{found[0]}</title>", html, count=1)
    if _NOFRAMES.search(html):
        html = _FRAMES.sub(" ", html)
    written = (LexborHTMLParser(html).html or "").encode("utf-8", "replace")
    walked = walk(written, plain)
    if walked.hidden_bytes > MOST_SHOWN * len(walked.text):  # a page that a script shows
        walked = walk(written, plain, hidden=True)
    return Page(walked, measure(walked))


class Trees(NamedTuple):
    """Trees of one ensemble side by side: a negative child is leaf -1 - child."""

    feature: npt.NDArray[np.int32]
    threshold: npt.NDArray[np.float32]
    left: npt.NDArray[np.int32]
    right: npt.NDArray[np.int32]
    value: npt.NDArray[np.float64]
    roots: npt.NDArray[np.int32]

    def probability(self, rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """Of each row, 0..1."""
        if not len(rows):
            return np.zeros(0)
        raw = predict(rows, self.feature, self.threshold, self.left, self.right, self.value, self.roots)
        return 1 / (1 + portable_math.exp(-raw))

    @classmethod
    def from_lightgbm(cls, model: Any) -> Self:
        """The trees of a trained model."""
        feature: list[int] = []
        threshold: list[float] = []
        left: list[int] = []
        right: list[int] = []
        value: list[float] = []
        roots: list[int] = []

        def add(node: dict[str, Any]) -> int:
            if "split_feature" not in node:
                value.append(node["leaf_value"])
                return -len(value)
            at = len(feature)
            feature.append(node["split_feature"])
            cut = np.float32(node["threshold"])
            threshold.append(float(np.nextafter(cut, np.float32(-np.inf)) if cut > node["threshold"] else cut))
            left.append(0)
            right.append(0)
            left[at] = add(node["left_child"])
            right[at] = add(node["right_child"])
            return at

        for tree in model.dump_model()["tree_info"]:
            roots.append(add(tree["tree_structure"]))
        ints = [np.array(numbers, np.int32) for numbers in (feature, left, right, roots)]
        return cls(ints[0], np.array(threshold, np.float32), ints[1], ints[2], np.array(value, np.float64), ints[3])


class Model(NamedTuple):
    """Both ensembles: the second also sees what the first says of a block's surroundings."""

    first: Trees
    second: Trees

    def probability(self, page: Page) -> npt.NDArray[np.float64]:
        """Of each block that it belongs to the main text, 0..1."""
        rows = page.measured.first_features()
        return self.second.probability(page.measured.second_features(rows, self.first.probability(rows)))

    def extract(self, html: str, *, markdown: bool = False, comments: bool = False, plain: bool = True) -> Extracted:
        """Title and main text of a page; `comments`: also what stands in elements named so."""
        page = read_page(html, plain=plain)
        chosen, expected = choose(page.walked, page.measured.words, self.probability(page), comments=comments)
        title = " ".join(entities.unescape(page.walked.title.decode("utf-8", "replace")).split())
        return Extracted(title or None, render(page.walked, chosen, markdown), expected if chosen.any() else None)


@lru_cache(maxsize=1)
def load_extractor(folder: Path) -> Model:
    """The model in `folder`; ModelError if it is damaged."""
    card = read_card(folder, Card)
    check_files(folder, card)
    with np.load(folder / TREES, allow_pickle=False) as arrays:
        return Model(*(Trees(*(arrays[f"{stage}_{key}"] for key in Trees._fields)) for stage in Model._fields))
