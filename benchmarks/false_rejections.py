"""Good documents that the shipped recipe `web` rejects: `python benchmarks/false_rejections.py --data DIR`.

The documents are statutes, encyclopaedia articles, news, manuals, abstracts, school mathematics and reference text of known
origin, none of which deserves rejection. Lines of a collection that holds one sentence or paragraph a line are joined to
documents of 2,000 characters. Half of the documents, by a hash of their text, are for choosing thresholds (`--half train`); the
figures in docs/quality.md come from the other half. `--save` writes the scored documents, for the choice of thresholds.

Prints, for each origin of 50 documents or more, the share that is rejected with its 95 % interval, and by which rules.
"""

import argparse
import hashlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

import curricle

LANGUAGES = ("en", "de", "fr", "es", "it", "pt", "nl", "pl", "ru", "tr")
"""The languages of the recipe."""

ENOUGH = 50
"""Documents without which the share of an origin says nothing."""

MOST = 400
"""Documents of an origin and language: more would not change the share by more than its interval."""

JOINED_CHARS = 2000
"""Length of documents that are joined from lines."""

LINE_FILES = ("de", "de_legal", "en", "es", "fr", "fr_legal", "it", "nl", "pl", "pt", "ru", "tr", "tr_legal")
"""Files of lines of the collection `clean_lm`; the first letters are the language."""

NOT_CHOSEN = ("WebOrganizer",)
"""Origins of `domain` that are a sample of the web, not of good documents."""

SHORT_ITEMS = ("GSM8K-train",)
"""Origins whose items are too short for a document: they are joined."""


def digest(text: str) -> bytes:
    """Hash that orders documents and splits them in halves."""
    return hashlib.blake2b(text.encode(), digest_size=8).digest()


def joined(lines: list[str]) -> list[str]:
    """Documents of whole lines, each of at least JOINED_CHARS characters."""
    documents, part, chars = [], [], 0
    for line in lines:
        part.append(line)
        chars += len(line) + 1
        if chars >= JOINED_CHARS:
            documents.append("\n".join(part))
            part, chars = [], 0
    return documents


def origins(data: Path) -> Iterator[tuple[str, str, list[str]]]:
    """(language, origin, documents) of the collections of good text."""
    domain = pq.read_table(data / "domain/domain.parquet", columns=["source", "lang", "text"])
    manuals = pq.read_table(sorted((data / "web_text").glob("docs-*.parquet")), columns=["source", "lang", "text"])
    for table in (domain, manuals):
        for pair in table.group_by(["lang", "source"], use_threads=False).aggregate([]).to_pylist():
            rows = table.filter(pc.and_(pc.equal(table["lang"], pair["lang"]), pc.equal(table["source"], pair["source"])))
            texts = rows["text"].to_pylist()
            if pair["source"] not in NOT_CHOSEN and pair["lang"] in LANGUAGES:
                yield pair["lang"], pair["source"], joined(texts) if pair["source"] in SHORT_ITEMS else texts
    for name in LINE_FILES:
        with pa.input_stream(str(data / f"clean_lm/{name}.txt.zst"), compression="zstd") as stream:
            lines = stream.read().decode().splitlines()
        yield name[:2], f"clean_lm/{name}", joined(lines)


def sample(texts: list[str], half: str) -> list[str]:
    """Up to MOST documents of one half, the same ones at every run; the recipe's minimum length is not a fault of judgment."""
    hashed = sorted((digest(text), text) for text in set(texts) if len(text) >= 200)
    return [text for key, text in hashed if (key[-1] % 2 == 0) == (half == "train")][:MOST]


def interval(found: int, of: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share."""
    z, share = 1.96, found / of
    middle, half = share + z * z / (2 * of), z * (share * (1 - share) / of + z * z / (4 * of * of)) ** 0.5
    return max(0.0, (middle - half) / (1 + z * z / of)), (middle + half) / (1 + z * z / of)


def main() -> None:
    """The table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--half", choices=("train", "test"), default="test")
    parser.add_argument("--recipe", default="web")
    parser.add_argument("--save", type=Path, help="Parquet file of the scored documents")
    arguments = parser.parse_args()
    print("| language | origin | documents | rejected | 95 % interval | rules |", "|---|---|---|---|---|---|", sep="\n")
    saved = []
    for language, origin, every in origins(arguments.data):
        texts = sample(every, arguments.half)
        if len(texts) < ENOUGH:
            continue
        scored = curricle.score(texts, recipe=arguments.recipe)
        reasons = Counter(reason for reason in scored["reject_reason"].to_pylist() if reason)
        count = sum(reasons.values())
        low, high = interval(count, len(texts))
        rules = ", ".join(f"{name} {number}" for name, number in reasons.most_common())
        cells = (language, origin, len(texts), f"{count / len(texts):.1%}", f"{low:.1%} to {high:.1%}", rules)
        print("|", *cells[:1], *(f"| {cell}" for cell in cells[1:]), "|", flush=True)
        names = {"origin": pa.array([origin] * len(texts)), "origin_language": pa.array([language] * len(texts))}
        for name, values in names.items():
            scored = scored.append_column(name, values)
        saved.append(scored)
    if arguments.save:
        pq.write_table(pa.concat_tables(saved, promote_options="default"), arguments.save)


if __name__ == "__main__":
    main()
