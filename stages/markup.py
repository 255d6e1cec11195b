"""Title and main text of one HTML page, with a limit on what a page may cost.

Three extractors: our own (`stages.extraction`), resiliparse (https://resiliparse.chatnoir.eu; compared with others by Bevendorff
et al. 2023, SIGIR) and trafilatura (https://trafilatura.readthedocs.io; Barbaresi 2021, ACL demos). None can be stopped from
outside, and some pages of a few kilobytes cost them gigabytes or minutes, so each page is checked before it is parsed.
"""

import logging
import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.html import HTMLTree

MAX_ELEMENTS: Final = 1_000_000
"""Elements of a page, including those that the parser adds for unclosed `<b>`, `<font>`, ...: 350 bytes and 2 us each."""

MAX_TRAFILATURA_ELEMENTS: Final = 10_000
"""justext, on which trafilatura falls back, compares all paragraphs: 4,000 list items take 1.7 s, 20,000 more than 60 s."""

MAX_DIV_STEPS: Final = 25_000_000
"""Sum over all `<div>` and `<article>` of the tags inside: resiliparse walks each one's subtree, 40 ns a node."""

MAX_NESTING_STEPS: Final = 50_000_000
"""Sum over the start tags of containers of the number that are open: lexbor looks through them at some tags, 10 ns each."""

MAX_ATTRIBUTE_STEPS: Final = 250_000_000
"""Attributes of a tag times different ones among them, summed over long tags: both parsers compare all pairs, 2 to 4 ns each."""

_FEW_TAGS: Final = 2_000
"""Start tags that cannot add up to `MAX_ELEMENTS`: at worst half of them are open and are reopened for the other half."""

_LONG_TAG: Final = 2_000
"""Characters without `>` from which attributes are counted: 9 MB of shorter tags took 11 s and 0.6 GB, the worst page known."""

_MANY_VALUES: Final = 20_000
"""Number of `=` in a page above which its tags are found by a slower expression that knows quotes."""

_TAG = re.compile(r"<[a-zA-Z!/?]")
_DIV = re.compile(r"<(/?)(?:div|article)(?=[\s/>])", re.IGNORECASE)
_CONTAINER = re.compile(
    r"<(/?)(?:div|ul|ol|dl|table|section|article|blockquote|center|fieldset|details|main|aside|nav|header|footer|figure|menu|dir|pre)"
    r"(?=[\s/>])",
    re.IGNORECASE,
)
_FORMATTING = re.compile(r"<(/?)(?=[bcefistuBCEFISTU])((?i:b|big|code|em|font|i|s|small|strike|strong|tt|u))(?=[\s/>])([^>]*)")
_FORMATTING_START = re.compile(r"<(?=[bcefistuBCEFISTU])(?i:b|big|code|em|font|i|s|small|strike|strong|tt|u)[\s/>]")
_ATTRIBUTE = re.compile(r"\"[^\"]*\"|'[^']*'|[^\s/>=\"']+")
_WHOLE_TAG = re.compile(r"</?[a-zA-Z](?:[^>\"']|\"[^\"]*\"|'[^']*')*+")
_START = re.compile(r"</?[a-zA-Z]")


class Page(NamedTuple):
    """What is kept of a page: `title` is None if it has none, `text` is empty if no main text was found.

    `confidence`: the word F1 that the model expects of the text, 0..1; None for the other extractors, and without text.
    """

    title: str | None
    text: str
    confidence: float | None = None


class PageCostError(ValueError):
    """The page would cost too much memory or time to parse."""


Extractor = Callable[[str], Page]
"""Finds the title and the main text in HTML."""


def extract_page(html: str, extractor: Extractor) -> Page:
    """`extractor(html)`, or the text as it is if it has no tag.

    Raises PageCostError, and whatever the extractor raises.
    """
    if not _TAG.search(html):
        return Page(None, html.replace("\r\n", "\n").replace("\r", "\n").strip())
    check_cost(html)
    return extractor(html)


def extract_resiliparse(html: str, *, main_content: bool = True, alt_texts: bool = False, comments: bool = False) -> Page:
    """Title and main text from one parse; block elements and list items begin lines, an item's line begins with a bullet.

    The options are resiliparse's; docs/extraction.md has the figures that the defaults come from.
    """
    tree = HTMLTree.parse(html)
    text = extract_plain_text(tree, preserve_formatting=True, main_content=main_content, alt_texts=alt_texts, comments=comments)
    return Page(_one_line(tree.title), text)


def extract_trafilatura(html: str, *, comments: bool = False, fast: bool = False) -> Page:
    """Title and main text from one parse; paragraphs, headings and list items are lines.

    Raises PageCostError.
    """
    import trafilatura  # 0.5 s, so only on request

    elements = html.count("<") - html.count("</")
    if elements > MAX_TRAFILATURA_ELEMENTS:
        raise PageCostError(f"about {elements} elements, over trafilatura's limit of {MAX_TRAFILATURA_ELEMENTS}")
    logging.getLogger("trafilatura").setLevel(logging.ERROR)  # it warns of every page without main text
    tree = trafilatura.load_html(html)
    if tree is None:
        return Page(None, "")
    title = tree.findtext(".//title")
    return Page(_one_line(title), trafilatura.extract(tree, include_comments=comments, fast=fast) or "")


def check_cost(html: str) -> None:
    """Raise PageCostError if parsing or extraction would cost far more than a page of its size should.

    Estimates the cost from the tags as written, in linear time: comments and scripts count as if they were markup.
    docs/extraction.md has measurements on hostile pages, and how far below the limits real pages are.
    """
    tags = html.count("<")
    if tags > _FEW_TAGS:
        elements = tags * (1 + len(_FORMATTING_START.findall(html)))  # most pages need no closer look
        if elements > MAX_ELEMENTS:
            elements = (tags - html.count("</")) * (1 + _open_formatting(html))
        if elements > MAX_ELEMENTS:
            raise PageCostError(f"about {elements} elements, over the limit of {MAX_ELEMENTS}")
        steps = _div_steps(html) if tags * tags > 2 * MAX_DIV_STEPS else 0
        if steps > MAX_DIV_STEPS:
            raise PageCostError(f"nested too deep: {steps} steps through <div> and <article>, over the limit of {MAX_DIV_STEPS}")
        steps = _nesting_steps(html) if tags * tags > 2 * MAX_NESTING_STEPS else 0
        if steps > MAX_NESTING_STEPS:
            raise PageCostError(f"nested too deep: {steps} steps through open elements, over the limit of {MAX_NESTING_STEPS}")
    steps = 0
    for piece in _long_tags(html):
        names = _ATTRIBUTE.findall(piece)
        steps += len(names) * len(set(names))
        if steps > MAX_ATTRIBUTE_STEPS:
            raise PageCostError(f"{len(names)} attributes in one tag, or nearly so many in several")


def _open_formatting(html: str) -> int:
    """The largest number of formatting elements that are open at once.

    The parser reopens all of them in every block that follows; of equal ones (name and attributes) it keeps three (HTML
    standard, 13.2.4.3, "Noah's Ark clause").
    """
    equal: dict[str, Counter[str]] = {}
    stacks: dict[str, list[str]] = {}
    now = most = 0
    for end, name, attributes in _FORMATTING.findall(html):
        name = name.lower()
        stack, counts = stacks.setdefault(name, []), equal.setdefault(name, Counter())
        if not end:
            if counts[attributes] < 3:
                counts[attributes] += 1
                stack.append(attributes)
                now += 1
                most = max(most, now)
        elif stack:
            counts[stack.pop()] -= 1
            now -= 1
    return most


def _div_steps(html: str) -> int:
    """Sum over the tags of the number of `<div>` and `<article>` around them."""
    steps = depth = start = 0
    for found in _DIV.finditer(html):
        steps += depth * html.count("<", start, found.start())
        start = found.start()
        depth = max(0, depth - 1) if found[1] else depth + 1
    return steps + depth * html.count("<", start)


def _nesting_steps(html: str) -> int:
    """Sum over the start tags of containers of the number of them that are open."""
    steps = depth = 0
    for found in _CONTAINER.finditer(html):
        if found[1]:
            depth = max(0, depth - 1)
        else:
            steps += depth
            depth += 1
    return steps


def _long_tags(html: str) -> Iterator[str]:
    """Tags of `_LONG_TAG` or more characters, and what follows the first tag in a stretch of that length without `>`."""
    if html.count("=") > _MANY_VALUES:  # only here may a bomb hide behind `>` in quotes
        yield from (tag[0] for tag in _WHOLE_TAG.finditer(html) if len(tag[0]) >= _LONG_TAG)
    start = 0
    while len(html) - start >= _LONG_TAG:
        end = html.rfind(">", start, start + _LONG_TAG)
        if end < 0:
            end = html.find(">", start + _LONG_TAG)
            end = len(html) if end < 0 else end
            tag = _START.search(html, start, end)
            if tag:
                yield html[tag.start() : end]
        start = end + 1


def _one_line(title: str | None) -> str | None:
    """White space runs as one space; None if nothing is left."""
    return " ".join((title or "").split()) or None
