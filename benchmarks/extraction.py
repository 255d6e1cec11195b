"""Main text against human reference text, charsets and speed of HTML extraction.

    python training/extractor.py --data DIR --out-of-fold FILE
    python benchmarks/extraction.py --data DIR --out-of-fold FILE

DIR holds web_html/html/pages-*.parquet (`html`, `encoding`, `declared_charset`, `gt_text`, `page_type`, `cld2_lang`,
`source`). The shipped model was trained on these pages, so its scores come from FILE: the text of each page by a model that
saw no page of its host. Every row of the first table is one process of one core that sends the pages through the stage's
kernel. Scores are over words (single characters where a script has no spaces), each as often as it occurs, the mean over
pages with its 95 % interval.
"""

import argparse
import multiprocessing
import re
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from selectolax.lexbor import LexborHTMLParser

from curricle.schemas.columns import READ_SCHEMA
from curricle.stages.charset import decode_html, python_codec
from curricle.stages.extract import ExtractConfig, extract_with, extractor_of
from curricle.stages.markup import Extractor, Page

UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff"
WORD = re.compile(rf"[{UNSPACED}]|[^\W{UNSPACED}]+")
TAG = re.compile(r"<[^>]*>")
NOT_WORD = re.compile(r"\W+")
FEWEST = 20
"""Pages of a language that is listed."""

ELEMENTS = {
    "list items": "li",
    "cells": "td, th",
    "headings": "h1, h2, h3",
    "paragraphs": "p",
    "quotes": "blockquote",
    "code": "pre",
}
SHORTEST = 12
"""Letters and digits of an element that is looked for."""


def readability(html: str) -> Page:
    """readability-lxml, a port of Mozilla's Readability."""
    from readability import Document

    document = Document(html)
    text = LexborHTMLParser(document.summary()).body
    return Page(document.short_title(), text.text(separator="\n") if text else "")


def configured(**settings: Any) -> Callable[[], Extractor]:
    """The stage's extractor with these settings, made in the process that runs it."""
    return lambda: extractor_of(ExtractConfig(**settings))


EXTRACTORS: dict[str, Callable[[], Extractor]] = {
    "learned": configured(),
    "learned, comments": configured(comments=True),
    "learned, Markdown": configured(format="markdown"),
    "resiliparse": configured(extractor="resiliparse"),
    "resiliparse, comments": configured(extractor="resiliparse", comments=True),
    "trafilatura": configured(extractor="trafilatura"),
    "trafilatura, comments": configured(extractor="trafilatura", comments=True),
    "readability-lxml": lambda: readability,
}


@dataclass(frozen=True, kw_only=True)
class Result:
    """What one reader did: the text of each page ("" where the page died), seconds of CPU for all."""

    texts: list[str]
    dead: int
    seconds: float


def read_pages(data: Path, columns: list[str]) -> pa.Table:
    """All pages, in the order of the files."""
    return pa.concat_tables(
        pq.read_table(f, columns=columns) for f in sorted((data / "web_html" / "html").glob("pages-*.parquet"))
    )


def referenced(data: Path, columns: list[str]) -> list[dict[str, Any]]:
    """Pages that have a reference text; `gt_text` without the tags that some sources write."""
    rows = read_pages(data, [*columns, "gt_text"]).to_pylist()
    rows = [row for row in rows if (row["gt_text"] or "").strip()]
    return [row | {"gt_text": TAG.sub(" ", row["gt_text"].removeprefix("URL:"))} for row in rows]


def word_scores(text: str, reference: str) -> tuple[float, float, float]:
    """Precision, recall and F1 over words."""
    found, wanted = (Counter(WORD.findall(side.lower())) for side in (text, reference))
    shared = (found & wanted).total()
    return shared / max(found.total(), 1), shared / max(wanted.total(), 1), 2 * shared / max(found.total() + wanted.total(), 1)


def letters(text: str) -> str:
    """Only letters and digits, in lower case."""
    return NOT_WORD.sub("", text.lower()).replace("_", "")


def elements_of(rows: Sequence[dict[str, Any]]) -> list[dict[str, list[str]]]:
    """For each page the letters of its elements, by kind, that stand in its reference."""
    out = []
    for row in rows:
        tree = LexborHTMLParser(decode_html(row["html"], f"text/html; charset={row['encoding']}").text)
        reference = letters(row["gt_text"])
        found = {kind: [letters(node.text()) for node in tree.css(selector)] for kind, selector in ELEMENTS.items()}
        out.append({kind: [one for one in texts if len(one) >= SHORTEST and one in reference] for kind, texts in found.items()})
    return out


def batches_of(data: Path) -> list[pa.RecordBatch]:
    """The pages with a reference text as a reader gives them; the collection's charset is the HTTP header."""
    table = read_pages(data, ["html", "encoding", "gt_text"])
    table = table.filter(pc.greater(pc.utf8_length(pc.utf8_trim_whitespace(table["gt_text"])), 0))
    given = {"payload": table["html"], "payload_type": pc.binary_join_element_wise("text/html; charset", table["encoding"], "=")}
    columns = [given.get(field.name, pa.nulls(len(table), field.type)) for field in READ_SCHEMA]
    return pa.table(columns, schema=READ_SCHEMA).combine_chunks().to_batches(max_chunksize=50)


def measure(name: str, data: Path) -> Result:
    """Send the pages through the kernel with the reader of this name."""
    batches = batches_of(data)
    extractor = EXTRACTORS[name]()
    extractor("<p>Loads what is loaded on first use.</p>")
    started = time.process_time()
    out = [extract_with(batch, extractor, ExtractConfig().max_html_bytes) for batch in batches]
    seconds = time.process_time() - started
    texts = pa.chunked_array([batch.column("text") for batch in out]).to_pylist()
    return Result(texts=[text or "" for text in texts], dead=texts.count(None), seconds=seconds)


def charsets(data: Path) -> None:
    """Print the share of pages that come out as with the charset that the collection gives."""
    rows = read_pages(data, ["html", "encoding", "declared_charset"]).to_pylist()
    for label, header in (("with", True), ("without", False)):
        counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])
        for row in rows:
            try:
                truth = row["html"].decode(python_codec(row["encoding"]) or "utf-8").removeprefix("\ufeff")
            except UnicodeDecodeError:
                counts["left out: not in the charset it is given"][0] += 1
                continue
            text = decode_html(row["html"], f"text/html; charset={row['encoding']}" if header else None).text
            kind = "ASCII" if row["html"].isascii() else str(python_codec(row["encoding"]))
            counts[kind][0] += 1
            counts[kind][1] += text == truth
        print(f"charset {label} HTTP header:", ", ".join(f"{k} {right}/{n}" for k, (n, right) in sorted(counts.items())))


def print_groups(title: str, groups: list[str], scores: dict[str, np.ndarray], fewest: int) -> None:
    """A table of F1 by group."""
    names = [group for group, count in Counter(groups).most_common() if count >= fewest]
    print(
        f"\n| {title} | "
        + " | ".join(f"{name} ({groups.count(name)})" for name in names)
        + " |\n|---"
        + "|---" * len(names)
        + "|"
    )
    places = {name: [place for place, group in enumerate(groups) if group == name] for name in names}
    for extractor, table in scores.items():
        print(f"| {extractor} |", " | ".join(f"{table[places[name], 2].mean():.3f}" for name in names), "|")


def main() -> None:
    """Print the tables as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out-of-fold", type=Path, required=True)
    args = parser.parse_args()
    charsets(args.data)
    pages = referenced(args.data, ["page_id", "html", "encoding", "page_type", "cld2_lang", "source"])
    elements = elements_of(pages)
    unseen = {row["page_id"]: row for row in pq.read_table(args.out_of_fold).to_pylist()}
    columns = {"learned": "text", "learned, comments": "with_comments", "learned, Markdown": "markdown"}
    scores: dict[str, np.ndarray] = {}
    kept: dict[str, list[str]] = {}
    print(f"\n{len(pages)} pages with a reference text\n")
    print("| extractor | precision | recall | F1 | F1 < 0.3 | empty | dead | pages/s |\n" + "|---" * 8 + "|")
    for name in EXTRACTORS:
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            result = pool.apply(measure, (name, args.data))
        texts = [unseen[page["page_id"]][columns[name]] for page in pages] if name in columns else result.texts
        table = np.array([word_scores(text, page["gt_text"]) for text, page in zip(texts, pages, strict=True)])
        scores[name] = table
        precision, recall, f1 = table.mean(0)
        interval = 1.96 * table[:, 2].std(ddof=1) / len(table) ** 0.5
        low = (table[:, 2] < 0.3).mean()
        empty = sum(not text.strip() for text in texts) - result.dead
        print(
            f"| {name} | {precision:.3f} | {recall:.3f} | {f1:.3f} ± {interval:.3f} | {low:.1%} | {empty} | {result.dead}"
            f" | {len(pages) / result.seconds:.0f} |",
            flush=True,
        )
        plain = [letters(text) for text in texts]
        kept[name] = [
            f"{np.mean([one in text for text, page in zip(plain, elements, strict=True) for one in page[kind]]):.3f}"
            for kind in ELEMENTS
        ]
    confidence = np.array([unseen[page["page_id"]]["confidence"] for page in pages])
    for low, high in ((0, 0.6), (0.6, 0.8), (0.8, 0.9), (0.9, 1.01)):
        there = (confidence >= low) & (confidence < high)
        print(f"learned, expected F1 {low} to {high}: F1 {scores['learned'][there, 2].mean():.2f} on {there.sum()} pages")
    print_groups("page type", [page["page_type"] or "not given" for page in pages], scores, 1)
    print_groups("source", [page["source"] for page in pages], scores, 1)
    print_groups("language", [page["cld2_lang"] for page in pages], scores, FEWEST)
    counts = [sum(len(page[kind]) for page in elements) for kind in ELEMENTS]
    print(
        "\n| kept | "
        + " | ".join(f"{k} ({n})" for k, n in zip(ELEMENTS, counts, strict=True))
        + " |\n|---"
        + "|---" * len(ELEMENTS)
        + "|"
    )
    for name, shares in kept.items():
        print(f"| {name} |", " | ".join(shares), "|")


if __name__ == "__main__":
    main()
