"""How well duplicates are found: `python benchmarks/deduplication.py --data DIR --work FOLDER`.

Documents of `DIR/web_text` are edited as copies on the web differ, and put beside the originals. Then `curricle run` and
`curricle dedup` do their work. The truth is brute force, in plain Python: shingles are tuples of five words, and each pair of
documents that share one is measured. Prints, by kind of edit, how many pairs are the same by measured similarity, and how many of
them were found; recall of the pairs with Jaccard >= 0.8 beside what the bands promise; and the removals that do not hold.
"""

import argparse
import hashlib
import random
import re
import subprocess
import sys
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

JACCARD, CONTAINED = 0.8, 0.9
BANDS, ROWS = 14, 8
RECIPE = """
description: Every document, as it is.
stages:
  extract: {}
decide:
  - {name: empty, column: text_chars, min: 1}
"""
ALONE = re.compile(
    "[\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff\u2e80-\u2fdf\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003fffd]"
)


def words_of(text: str) -> list[str]:
    """Words in a normal form; each character of a script without spaces is one."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    spaced = ALONE.sub(r" \g<0> ", folded)
    return re.findall(r"\w+", spaced)


def shingles_of(text: str) -> frozenset[tuple[str, ...]]:
    """Sequences of five words."""
    words = words_of(text)
    return frozenset(tuple(words[at : at + 5]) for at in range(len(words) - 4))


def noisy(share: float) -> Callable[[str, random.Random, str], str]:
    """Characters that optical recognition got wrong."""

    def edit(text: str, draw: random.Random, _: str) -> str:
        letters = [at for at, character in enumerate(text) if character.isalpha()]
        changed = list(text)
        for at in draw.sample(letters, round(share * len(letters))):
            changed[at] = draw.choice("aceiloöstu1")
        return "".join(changed)

    return edit


def cut(share: float) -> Callable[[str, random.Random, str], str]:
    """The beginning of a text."""
    return lambda text, *_: text[: round(len(text) * share)]


def dated(text: str, draw: random.Random, _: str) -> str:
    """The same template with other dates and numbers."""
    return re.sub(r"\d", lambda _: str(draw.randrange(10)), text)


def framed(share: float) -> Callable[[str, random.Random, str], str]:
    """The same page in the frame of another site: `share` of its length before and after it."""

    def edit(text: str, _: random.Random, other: str) -> str:
        size = round(len(text) * share / 2)
        return f"{other[:size]}\n{text}\n{other[-size:]}"

    return edit


def inside(text: str, draw: random.Random, other: str) -> str:
    """Between two lines of another page."""
    at = other.find("\n", draw.randrange(max(1, len(other)))) + 1
    return f"{other[:at]}\n{text}\n{other[at:]}"


def moved(text: str, draw: random.Random, _: str) -> str:
    """The last paragraphs first."""
    paragraphs = text.split("\n")
    at = draw.randrange(1, max(2, len(paragraphs)))
    return "\n".join(paragraphs[at:] + paragraphs[:at])


def new_body(text: str, _: random.Random, other: str) -> str:
    """The first and last fifth of a page, with the middle of another one."""
    fifth = len(text) // 5
    size = len(other) // 5
    return text[:fifth] + other[size:-size] + text[-fifth:]


EDITS: Mapping[str, Callable[[str, random.Random, str], str]] = {
    "case, spaces, NFD": lambda text, *_: unicodedata.normalize("NFD", text.upper()).replace("\n", "\r\n\r\n"),
    "a line more": lambda text, *_: text + "\nPosted in News. Leave a comment.",
    "noise, 0.1 % of letters": noisy(0.001),
    "noise, 0.5 % of letters": noisy(0.005),
    "noise, 3 % of letters": noisy(0.03),
    "other dates and numbers": dated,
    "first 95 %": cut(0.95),
    "first 80 %": cut(0.8),
    "first half": cut(0.5),
    "frame of another site, 10 %": framed(0.1),
    "frame of another site, 50 %": framed(0.5),
    "inside another page": inside,
    "paragraphs moved": moved,
    "another body in the frame": new_body,
}


def plant(texts: Mapping[str, str], each: int, half: str) -> dict[str, tuple[str, str, str]]:
    """Name of an edited document -> kind, name of the original, text."""
    long = (name for name, text in texts.items() if len(words_of(text)) >= 100)
    names = sorted(long, key=lambda name: hashlib.sha256(name.encode()).digest())
    names = names[::2] if half == "tune" else names[1::2]
    planted = {}
    for number, name in enumerate(names[: each * len(EDITS)]):
        kind = list(EDITS)[number % len(EDITS)]
        draw = random.Random(name)
        planted[f"edit-{number}"] = kind, name, EDITS[kind](texts[name], draw, texts[names[-1 - number]])
    return planted


def run(work: Path, texts: Mapping[str, str]) -> tuple[dict[str, dict[str, Any]], int]:
    """Name -> its row, with names for ids; and how many pairs are listed."""
    (work / "in").mkdir(parents=True)
    (work / "recipe.yaml").write_text(RECIPE)
    table = pa.table({"id": list(texts), "text": list(texts.values())})
    for number in range(4):
        pq.write_table(table.take(pa.array(range(number, len(texts), 4))), work / "in" / f"{number}.parquet")
    curricle = [sys.executable, "-c", "from curricle.pipelines.cli.main import main; main()"]
    for command in (
        ["run", work / "recipe.yaml", "--input", work / "in", "--output", work / "out", "--quiet"],
        ["dedup", work / "out", "--output", work / "table", "--quiet"],
    ):
        subprocess.run([*curricle, *map(str, command)], check=True, stdout=subprocess.DEVNULL)
    names = {}
    for path in [*(work / "out").glob("*/*.parquet")]:
        found = pq.read_table(path, columns=["id", "source_id"])
        names.update(zip(found["id"].to_pylist(), found["source_id"].to_pylist(), strict=True))
    rows = [row for path in (work / "table").glob("part-*") for row in pq.read_table(path).to_pylist()]
    by_name = {
        names[row["id"]]: {**row, "cluster_id": names[row["cluster_id"]], "duplicate_of": names.get(row["duplicate_of"])}
        for row in rows
    }
    return by_name, pq.read_metadata(work / "table" / "pairs.parquet").num_rows


def all_pairs(shingles: Mapping[str, frozenset[tuple[str, ...]]]) -> dict[tuple[str, str], int]:
    """Pairs of documents -> how many shingles they share, for all that share one."""
    numbers: dict[tuple[str, ...], int] = {}
    names = list(shingles)
    holders: defaultdict[int, list[int]] = defaultdict(list)
    for document, name in enumerate(names):
        for shingle in shingles[name]:
            holders[numbers.setdefault(shingle, len(numbers))].append(document)
    counts: Counter[tuple[int, int]] = Counter()
    for documents in holders.values():
        if len(documents) > 1:
            counts.update((one, other) for at, one in enumerate(documents) for other in documents[at + 1 :])
    return {(names[one], names[other]): count for (one, other), count in counts.items()}


@dataclass(frozen=True)
class Truth:
    """What was found, beside the shingles of all documents."""

    rows: Mapping[str, Mapping[str, Any]]
    shingles: Mapping[str, frozenset[tuple[str, ...]]]

    def measure(self, one: str, other: str) -> tuple[float, float, float]:
        """Jaccard, containment of the first in the second, and of the second in the first."""
        own, theirs = self.shingles[one], self.shingles[other]
        both = len(own & theirs)
        return both / max(1, len(own | theirs)), both / max(1, len(own)), both / max(1, len(theirs))

    def together(self, one: str, other: str) -> bool:
        """Whether two documents are in one cluster."""
        return bool(self.rows[one]["cluster_id"] == self.rows[other]["cluster_id"])


def print_edits(truth: Truth, planted: Mapping[str, tuple[str, str, str]]) -> None:
    """One line for each kind of edit."""
    print("| edit | pairs | J >= 0.8 | contained | found of those | found of the others |")
    print("|---|---|---|---|---|---|")
    for kind in EDITS:
        counts: Counter[str] = Counter()
        for name, (own, original, _) in planted.items():
            if own != kind:
                continue
            jaccard, *containments = truth.measure(name, original)
            what = "near" if jaccard >= JACCARD else "contained" if max(containments) >= CONTAINED else "other"
            counts[what] += 1
            counts["other found" if what == "other" else "found"] += truth.together(name, original)
        same = counts["near"] + counts["contained"]
        print(
            f"| {kind} | {same + counts['other']} | {counts['near']} | {counts['contained']} | {counts['found']} of {same}"
            f" | {counts['other found']} of {counts['other']} |"
        )


def count_pairs(truth: Truth) -> tuple[Counter[str], float]:
    """Of all pairs of documents that are the same by brute force, how many are in one cluster; and how many the bands promise."""
    found: Counter[str] = Counter()
    promised = 0.0
    for (one, other), both in all_pairs(truth.shingles).items():
        sizes = len(truth.shingles[one]), len(truth.shingles[other])
        jaccard = both / (sum(sizes) - both)
        what = "near" if jaccard >= JACCARD else "contained" if both / min(sizes) >= CONTAINED else None
        if what:
            found[what] += 1
            found[f"{what} found"] += truth.together(one, other)
            promised += 1 - (1 - jaccard**ROWS) ** BANDS if what == "near" else 0.0
    return found, promised


def print_recall(truth: Truth) -> None:
    """What `count_pairs` finds."""
    found, promised = count_pairs(truth)
    for what, title in (("near", "J >= 0.8"), ("contained", "J < 0.8, one contained in the other")):
        print(f"pairs with {title}: {found[f'{what} found']} of {found[what]}, {found[f'{what} found'] / found[what]:.4f}")
    print(f"the bands alone promise {promised / found['near']:.4f} of the pairs with J >= 0.8")


def check_removals(truth: Truth) -> tuple[list[str], list[str], float]:
    """Removed documents; those whose evidence does not hold; the least share of one that is in the document that stays."""
    wrong, least = [], 1.0
    gone = [name for name, row in truth.rows.items() if not row["keep"]]
    for name in gone:
        row = truth.rows[name]
        jaccard, contained, _ = truth.measure(name, row["duplicate_of"])
        exact = jaccard == 1.0 or not truth.shingles[name]
        holds = {"exact": exact, "jaccard": jaccard >= JACCARD, "contained": contained >= CONTAINED}[row["evidence"]]
        least = min(least, contained if truth.shingles[name] else 1.0)
        if not (holds and truth.rows[row["duplicate_of"]]["keep"]):
            wrong.append(name)
    return gone, wrong, least


def print_removals(truth: Truth) -> None:
    """What `check_removals` finds."""
    gone, wrong, least = check_removals(truth)
    print(f"removals: {len(gone)}, {len(wrong)} do not hold; the least share of a removed text in what stays: {least:.3f}")
    for name in wrong[:20]:
        print("  ", name, truth.rows[name])


def main() -> None:
    """Plant, run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True, help="New folder.")
    parser.add_argument("--half", choices=("tune", "test"), default="test")
    parser.add_argument("--each", type=int, default=150, help="Edited documents of each kind.")
    options = parser.parse_args()
    files = sorted((options.data / "web_text").glob("web-*.parquet"))
    table = pa.concat_tables([pq.read_table(path, columns=["id", "text"]) for path in files])
    texts = dict(zip(table["id"].to_pylist(), table["text"].to_pylist(), strict=True))
    planted = plant(texts, options.each, options.half)
    together = texts | {name: text for name, (_, _, text) in planted.items()}
    rows, pairs = run(options.work, together)
    truth = Truth(rows, {name: shingles_of(text) for name, text in together.items()})
    print(f"{len(texts)} documents, {len(planted)} edited ones; {pairs} pairs are listed")
    print_edits(truth, planted)
    print_recall(truth)
    print_removals(truth)


if __name__ == "__main__":
    main()
