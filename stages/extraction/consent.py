"""Finds consent banners: by the names that common tools give them, or by what they say."""

import re
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from curricle.stages.extraction.names import TAGS
from curricle.stages.extraction.walk import Walked

MOST_WORDS: Final = 1_500
MOST_SHARE: Final = 0.7
"""Words of a banner, and their share of the page: what is larger is kept, whatever its names."""

MOST_WORDS_BY_TEXT: Final = 400
MOST_SHARE_BY_TEXT: Final = 0.5
MOST_LABEL_BYTES: Final = 60
"""Size of the label of a button."""

BYTES_EACH: Final = 300
"""A banner speaks of cookies or a law about them at least once in so many bytes."""

_COOKIES: Final = tuple(
    word.encode() for word in ("cookie", "куки", "çerez", "kolač", "evästei", "rgpd", "gdpr", "dsgvo", "kvkk")
)
_ACCEPT: Final = re.compile(
    r"^\W*(i |i'm |ja,? |yes,? |oui,? |sí,? |sì,? )?("
    r"accept|agree|allow|got it|ok\b|okay|understood|continue|consent|dismiss|reject|deny|decline|manage|"
    r"cookie settings|preferences|akzeptier|alle akzept|alles akzept|zustimm|einverstanden|verstanden|ablehn|"
    r"accepte|tout accept|j.accept|refuse|continuer|aceptar|acepto|de acuerdo|rechaz|aceitar|aceito|"
    r"concordo|accett|rifiut|ho capito|akkoord|accepteren|alles accept|akceptuj|zgadzam|rozumiem|zamknij|"
    r"kabul|onayl|anladım|anladim|tamam|reddet|принять|принимаю|согласен|хорошо|ок\b|souhlas|přijm|"
    r"elfogad|godkänn|acceptera|hyväksy|godta|accepter|δέχομαι|αποδοχή|συμφωνώ|同意|接受|동의)",
    re.IGNORECASE,
)
_BUTTON: Final = TAGS.index("button")
_SPECIAL: Final = np.array([name in ("html", "body", "main", "article") for name in TAGS])


def find_consent(page: Walked, words: npt.NDArray[np.int32]) -> npt.NDArray[np.bool_]:
    """bool (blocks,): the blocks of consent banners."""
    found = np.zeros(len(words), bool)
    total = int(words.sum())
    sums = np.concatenate([np.zeros(1, np.int64), np.cumsum(words)])
    nodes = page.nodes
    for node in np.flatnonzero(nodes["consent"]):
        if _size(nodes[node], sums) <= min(MOST_WORDS, MOST_SHARE * total):
            found[nodes["first"][node] : nodes["end"][node]] = True
    text = page.text.lower()
    if any(word in text for word in _COOKIES):
        _find_by_text(page, text, sums, total, found)
    return found


def _size(node: Any, sums: npt.NDArray[np.int64]) -> int:
    return int(sums[node["end"]] - sums[node["first"]])


def _find_by_text(page: Walked, text: bytes, sums: npt.NDArray[np.int64], total: int, found: npt.NDArray[np.bool_]) -> None:
    """Mark the largest small element around each button or link that accepts cookies, if it speaks of them."""
    nodes, blocks = page.nodes, page.blocks
    most = min(MOST_WORDS_BY_TEXT, MOST_SHARE_BY_TEXT * total)
    size = blocks["end"] - blocks["start"]
    pressed = (nodes["tag"][blocks["node"]] == _BUTTON) | (blocks["link_bytes"] * 2 >= size)
    for block in np.flatnonzero(pressed & (size <= MOST_LABEL_BYTES) & ~found).tolist():
        if not _ACCEPT.match(page.text[blocks["start"][block] : blocks["end"][block]].decode("utf-8", "replace")):
            continue
        banner, node = -1, int(blocks["node"][block])
        while node >= 0 and not _SPECIAL[nodes["tag"][node]] and _size(nodes[node], sums) <= most:
            first, last = int(nodes["first"][node]), int(nodes["end"][node])
            inside = text[blocks["start"][first] : blocks["end"][last - 1]]
            if sum(inside.count(word) for word in _COOKIES) * BYTES_EACH >= len(inside):
                banner = node
            node = int(nodes["parent"][node])
        if banner >= 0:
            found[nodes["first"][banner] : nodes["end"][banner]] = True
