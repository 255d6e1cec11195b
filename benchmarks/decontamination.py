"""How well evaluation items are found: `python benchmarks/decontamination.py --data DIR --work FOLDER`.

Items of `DIR/evals` are planted into documents of `DIR/web_text` in four forms: as a document of their own, as a paragraph,
wrapped into short lines, and within running text. The documents without items, pages of manuals, the passages of items,
questions without what they ask, and the licenses of the installed packages are negatives. Then `curricle run` and
`curricle decontaminate` do their work.
`--half tune` plants the half of the items that the thresholds were chosen on, `--half test`, the default, the other one.
Prints recall by benchmark, kind and form, precision and false alarms, with 95 % Wilson intervals, and the time of the kernels.
"""

import argparse
import hashlib
import random
import re
import subprocess
import sys
import textwrap
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from curricle.pipelines.decontamination.index import LAST, build_index, find_asked
from curricle.pipelines.decontamination.items import Item
from curricle.pipelines.decontamination.matcher import Matcher
from curricle.pipelines.decontamination.read_items import read_items
from curricle.pipelines.decontamination.scan import scan_texts
from curricle.pipelines.decontamination.words import find_words, word_groups

FORMS = ("document", "paragraph", "short lines", "running text")
WIDTHS = (20, 30, 40, 60)
RECIPE = """
description: Every document, as it is.
stages:
  extract: {}
decide:
  - {name: empty, column: text_chars, min: 1}
"""


@dataclass(frozen=True)
class Case:
    """A document, and the item that stands in it; None for a negative."""

    text: str
    group: str
    kind: str
    form: str
    item: Item | None


def in_half(item: Item, half: str) -> bool:
    """Whether an item belongs to a half: a question is in one of them, whatever its benchmark."""
    return hashlib.sha256(item.question.encode()).digest()[0] % 2 == (half == "test")


def kinds(item: Item) -> Iterator[tuple[str, str]]:
    """Name and text of what is planted of an item."""
    answer = f"\n{item.answers[0]}" if item.answers else ""
    if item.passage:
        yield "question without its passage", item.question
        yield "passage and question", f"{item.passage}\n{item.question}"
        yield "passage, question and answer", f"{item.passage}\n{item.question}{answer}"
    else:
        yield "question", item.question
        yield "question and answer", f"{item.question}{answer}"


def plant(document: str, planted: str, form: str, chance: random.Random) -> str:
    """A document with an item in it."""
    if form == "document":
        return planted
    if form == "running text":
        words = document.split(" ")
        at = chance.randrange(len(words))
        return " ".join([*words[:at], " ".join(planted.split()), *words[at:]])
    lines = document.split("\n")
    at = chance.randrange(len(lines))
    middle = ["", planted, ""] if form == "paragraph" else [textwrap.fill(planted, chance.choice(WIDTHS))]
    return "\n".join([*lines[:at], *middle, *lines[at:]])


def make_cases(items: list[Item], documents: list[str]) -> list[Case]:
    """Planted items, then negatives."""
    chance = random.Random(0)
    cases = [
        Case(plant(chance.choice(documents), text, form, chance), item.benchmark, kind, form, item)
        for item in items
        for kind, text in kinds(item)
        for form in (chance.choice(FORMS),)
    ]
    negatives = [("passage alone", item.passage) for item in items if item.passage]
    long = [item.question for item in items if len(item.question.split()) > 60 and ('"' in item.question or "“" in item.question)]
    words = find_words(pa.array(long, pa.string()))
    for number, (question, flags) in enumerate(zip(long, find_asked(long, words), strict=True)):
        ask = words.offsets[number] + np.flatnonzero(flags & LAST)[0]
        negatives.append(("question without what it asks", question.encode()[: words.starts[ask]].decode()))
        negatives += [("quotation in a question", found) for found in re.findall(r'["“]([^"”]{60,})["”]', question)]
    for distribution in distributions():
        for file in distribution.files or ():
            if "licen" in file.name.lower() and (path := Path(str(file.locate()))).is_file():
                negatives.append(("license", path.read_text("utf-8", errors="replace")))
    seen = dict.fromkeys(negatives)
    cases += [Case(f"{text}\n\n{chance.choice(documents)}", "", name, "", None) for name, text in seen if text.strip()]
    return cases + [Case(text, "", "web document", "", None) for text in documents]


def read_texts(folder: Path, pattern: str) -> pa.Array:
    """The texts of Parquet files."""
    return pa.concat_arrays(
        [chunk for path in sorted(folder.glob(pattern)) for chunk in pq.read_table(path, columns=["text"])["text"].chunks]
    )


def interval(found: int, of: int) -> str:
    """`found / of = share (low to high)`, with the Wilson interval."""
    if not of:
        return "none"
    share, z2 = found / of, 1.96**2
    middle, spread = share + z2 / (2 * of), 1.96 * ((share * (1 - share) + z2 / (4 * of)) / of) ** 0.5
    low, high = (max(0.0, (middle - spread) / (1 + z2 / of)), min(1.0, (middle + spread) / (1 + z2 / of)))
    return f"{found:,} / {of:,} = {share:.4f} ({low:.4f} to {high:.4f})"


def decontaminate(cases: list[Case], evals: list[Path], work: Path) -> dict[int, set[str]]:
    """Number of each document that holds items -> the items."""
    work.mkdir(parents=True)
    (work / "recipe.yaml").write_text(RECIPE)
    with (work / "cases.jsonl").open("wb") as file:
        for number, case in enumerate(cases):
            file.write(orjson.dumps({"url": f"https://example.com/{number}", "text": case.text}) + b"\n")
    run = [sys.executable, "-c", "from curricle.pipelines.cli.main import main; main()"]
    output, table = work / "out", work / "table"
    subprocess.run(
        [*run, "run", work / "recipe.yaml", "--input", work / "cases.jsonl", "--output", output, "--quiet"], check=True
    )
    against = [argument for path in evals for argument in ("--against", path)]
    subprocess.run([*run, "decontaminate", output, *against, "--output", table, "--quiet"], check=True)
    urls = pq.read_table(output / "kept", columns=["id", "url"]).to_pydict()
    numbers = {one: int(url.rpartition("/")[2]) for one, url in zip(urls["id"], urls["url"], strict=True)}
    found: dict[int, set[str]] = {}
    for hit in pq.read_table(table / "hits.parquet").to_pylist():
        if hit["contaminated"]:
            found.setdefault(numbers[hit["id"]], set()).add(hit["item"])
    return found


def show_time(items: list[Item], texts: pa.Array) -> None:
    """CPU time of the kernels for each document: words, and words with all look-ups and comparisons."""
    index = build_index(items, [texts[:500]])
    matcher = Matcher(index)
    best = [1e9, 1e9]
    for _ in range(3):
        start = time.process_time()
        for _ in word_groups(texts):
            pass
        middle = time.process_time()
        scan_texts(texts, index, matcher, 0)
        taken = (middle - start, time.process_time() - middle)
        best = [min(pair) for pair in zip(best, taken, strict=True)]
    words, scan = (seconds / len(texts) * 1e6 for seconds in best)
    print(
        f"{texts.nbytes / len(texts) / 1e3:.1f} kB a document, {len(items):,} items: {words:.1f} µs for words, {scan:.1f} in all"
    )


def main() -> None:
    """Plant, look for, and count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with web_text and evals")
    parser.add_argument("--work", type=Path, required=True, help="new folder for the outputs")
    parser.add_argument("--half", choices=("tune", "test"), default="test")
    arguments = parser.parse_args()
    evals = sorted((arguments.data / "evals").glob("*.jsonl.gz"))
    items = read_items([str(path) for path in evals], {})
    texts, manuals = (read_texts(arguments.data / "web_text", name) for name in ("web-*.parquet", "docs-*.parquet"))
    show_time(items, texts)
    cases = make_cases([item for item in items if in_half(item, arguments.half)], texts.to_pylist())
    cases += [Case(text, "", "page of a manual", "", None) for text in manuals.to_pylist()]
    found = decontaminate(cases, evals, arguments.work)
    by_name = {item.name: item for item in items}
    recall: dict[tuple[str, str], list[bool]] = {}
    right = wrong = 0
    alarms: Counter[str] = Counter()
    for number, case in enumerate(cases):
        names = found.get(number, set())
        if case.item is None:
            alarms[case.kind] += bool(names)
            continue
        words = find_words(pa.array([case.item.question])).hashes.tobytes()
        same = [find_words(pa.array([by_name[name].question])).hashes.tobytes() == words for name in names]
        right, wrong = right + sum(same), wrong + len(same) - sum(same)
        for key in (("benchmark", f"{case.group}, {case.kind}"), ("kind", case.kind), ("form", case.form), ("all", "")):
            if case.kind != "question without its passage" or key[0] in ("benchmark", "kind"):
                recall.setdefault(key, []).append(any(same))
    for (name, value), hits in sorted(recall.items()):
        print(f"recall by {name} {value}: {interval(sum(hits), len(hits))}")
    print(f"precision of items in planted documents: {interval(right, right + wrong)}")
    planted = sum(case.item is not None for case in cases)
    flagged = sum(number < planted for number in found)
    print(f"precision of documents: {interval(flagged, len(found))}")
    for kind, count in sorted(Counter(case.kind for case in cases if case.item is None).items()):
        print(f"false alarms, {kind}: {interval(alarms[kind], count)}")


if __name__ == "__main__":
    main()
