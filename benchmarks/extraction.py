"""Main text against human reference text, charsets, speed and memory of HTML extraction.

    python benchmarks/extraction.py --data DIR

DIR holds web_html/html/pages-*.parquet (`html`, `encoding`, `declared_charset`, `gt_text`, `page_type`). Every row of the first
table is one process of one core that sends the pages through the stage's kernel. F1 is over words (single characters where a
script has no spaces), each as often as it occurs, the mean over pages.
"""

import argparse
import multiprocessing
import re
import resource
import time
from collections import Counter, defaultdict
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.html import HTMLTree

from curricle.schemas.columns import READ_SCHEMA
from curricle.stages.charset import decode_html, python_codec
from curricle.stages.extract import ExtractConfig, extract_with
from curricle.stages.markup import Extractor, Page, extract_resiliparse, extract_trafilatura

SHORT = 400
UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff"
WORD = re.compile(rf"[{UNSPACED}]|[^\W{UNSPACED}]+")


def both(html: str) -> Page:
    """resiliparse, and trafilatura where it finds little."""
    page = extract_resiliparse(html)
    return page if len(page.text) > SHORT else extract_trafilatura(html)


EXTRACTORS: dict[str, Extractor] = {
    "resiliparse (default)": extract_resiliparse,
    "resiliparse, comments": partial(extract_resiliparse, comments=True),
    "resiliparse, alt texts": partial(extract_resiliparse, alt_texts=True),
    "resiliparse, comments, alt texts": partial(extract_resiliparse, alt_texts=True, comments=True),
    "resiliparse, whole page": partial(extract_resiliparse, main_content=False),
    "trafilatura": extract_trafilatura,
    "trafilatura, comments": partial(extract_trafilatura, comments=True),
    "trafilatura, fast": partial(extract_trafilatura, fast=True),
    f"resiliparse, trafilatura under {SHORT + 1} characters": both,
}


@dataclass(frozen=True, kw_only=True)
class Result:
    """What one reader did: the text of each page ("" where the page died), seconds of CPU for all, MB at the peak."""

    texts: list[str]
    dead: int
    seconds: float
    megabytes: int


def read_pages(data: Path, columns: list[str]) -> pa.Table:
    """All pages, in the order of the files."""
    return pa.concat_tables(
        pq.read_table(f, columns=columns) for f in sorted((data / "web_html" / "html").glob("pages-*.parquet"))
    )


def referenced(data: Path, columns: list[str]) -> list[dict[str, Any]]:
    """Pages that have a reference text."""
    rows = read_pages(data, [*columns, "gt_text"]).to_pylist()
    return [row for row in rows if (row["gt_text"] or "").strip()]


def f1(text: str, reference: str) -> float:
    """Harmonic mean of precision and recall over words."""
    found, wanted = (Counter(WORD.findall(side.lower())) for side in (text, reference))
    shared = sum((found & wanted).values())
    return 2 * shared / (found.total() + wanted.total()) if shared else 0.0


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
    started = time.process_time()
    out = [extract_with(batch, EXTRACTORS[name], ExtractConfig().max_html_bytes) for batch in batches]
    seconds = time.process_time() - started
    texts = pa.chunked_array([batch.column("text") for batch in out]).to_pylist()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return Result(texts=[text or "" for text in texts], dead=texts.count(None), seconds=seconds, megabytes=peak)


def bare_loop(data: Path) -> float:
    """Pages per second of resiliparse on decoded pages: no charset, no limits, no batches, no title."""
    rows = referenced(data, ["html", "encoding"])
    pages = [row["html"].decode(row["encoding"], "replace") for row in rows]
    started = time.process_time()
    for page in pages:
        extract_plain_text(HTMLTree.parse(page), preserve_formatting=True, main_content=True, alt_texts=False, comments=False)
    return len(pages) / (time.process_time() - started)


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
            text, _ = decode_html(row["html"], f"text/html; charset={row['encoding']}" if header else None)
            kind = "ASCII" if row["html"].isascii() else str(python_codec(row["encoding"]))
            counts[kind][0] += 1
            counts[kind][1] += text == truth
        print(f"charset {label} HTTP header:", ", ".join(f"{k} {right}/{n}" for k, (n, right) in sorted(counts.items())))


def main() -> None:
    """Print the tables as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    data = parser.parse_args().data
    charsets(data)
    pages = referenced(data, ["page_type"])
    types = [str(page["page_type"] or "not given") for page in pages]
    scores: dict[str, list[float]] = {}
    print(f"\n{len(pages)} pages with a reference text\n")
    print(
        "| extractor | F1 | mean of page types | F1 < 0.3 | empty | dead | pages/s | peak MB |\n|---|---|---|---|---|---|---|---|"
    )
    for name in EXTRACTORS:
        with multiprocessing.get_context("spawn").Pool(1) as pool:  # a fresh process has its own peak
            result = pool.apply(measure, (name, data))
        scores[name] = [f1(text, page["gt_text"]) for text, page in zip(result.texts, pages, strict=True)]
        by_type = [fmean(s for s, t in zip(scores[name], types, strict=True) if t == kind) for kind in set(types)]
        low = fmean(score < 0.3 for score in scores[name])
        empty = sum(not text.strip() for text in result.texts) - result.dead
        print(
            f"| {name} | {fmean(scores[name]):.3f} | {fmean(by_type):.3f} | {low:.1%} | {empty} | {result.dead}"
            f" | {len(pages) / result.seconds:.0f} | {result.megabytes} |",
            flush=True,
        )
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print(f"\nresiliparse in a bare loop over decoded pages: {pool.apply(bare_loop, (data,)):.0f} pages/s")
    kinds = [kind for kind, _ in Counter(types).most_common()]
    print("\n| extractor |", " | ".join(f"{kind} ({types.count(kind)})" for kind in kinds), "|\n|---" + "|---" * len(kinds) + "|")
    for name, values in scores.items():
        means = (fmean(s for s, t in zip(values, types, strict=True) if t == kind) for kind in kinds)
        print(f"| {name} |", " | ".join(f"{mean:.3f}" for mean in means), "|")


if __name__ == "__main__":
    main()
