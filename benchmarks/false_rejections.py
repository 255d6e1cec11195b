"""How many good documents a recipe rejects, by language and origin, and by which rules.

    python benchmarks/false_rejections.py --data DIR [--recipe web]

DIR holds domain/domain.parquet and web_text/docs-*.parquet: statutes, news, abstracts, school mathematics, reports and
manuals, all of them written to be read. Documents under the recipe's shortest length are left out. An origin is listed from
50 documents on, with the 95 % interval of its share (Wilson). Half of the documents, by hash, are for choosing rules (`--half
tune`), the other half for the figures of docs/quality.md.
"""

import argparse
from collections import Counter, defaultdict
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import xxhash

import curricle

LANGUAGES = ("en", "de", "fr", "es", "it", "pt", "nl", "pl", "ru", "tr")
SHORTEST = 200
FEWEST = 50
WEB = ("weborganizer", "wcxb")  # pages of the web, good and bad


def good_documents(data: Path, half: str) -> pa.Table:
    """`origin`, `lang`, `text` of this half."""
    columns = ["id", "source", "lang", "text"]
    labeled = pq.read_table(data / "domain" / "domain.parquet", columns=columns)
    manuals = [pq.read_table(path, columns=columns) for path in sorted((data / "web_text").glob("docs-*.parquet"))]
    table = pa.concat_tables([part.select(columns).cast(labeled.schema) for part in (labeled, *manuals)])
    chosen = [
        lang in LANGUAGES
        and not (source or "").lower().startswith(WEB)
        and len(text) >= SHORTEST
        and (xxhash.xxh3_64_intdigest(f"{id_}{source}".encode()) % 2 == 0) == (half == "tune")
        for id_, source, lang, text in zip(*(table[name].to_pylist() for name in columns), strict=True)
    ]
    return table.filter(pa.array(chosen))


def interval(part: int, whole: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share."""
    z = 1.96
    share, square = part / whole, z * z / whole
    middle = (share + square / 2) / (1 + square)
    spread = z * ((share * (1 - share) + square / 4) / whole) ** 0.5 / (1 + square)
    return max(middle - spread, 0.0), middle + spread


def main() -> None:
    """Print a row for each language and origin."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--recipe", default="web")
    parser.add_argument("--half", choices=("tune", "test"), default="test")
    args = parser.parse_args()
    table = good_documents(args.data, args.half)
    scored = curricle.score(table.select(["text"]), recipe=args.recipe)
    groups: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for lang, source, reason in zip(
        table["lang"].to_pylist(), table["source"].to_pylist(), scored["reject_reason"].to_pylist(), strict=True
    ):
        groups[lang, source][reason or "kept"] += 1
    print(f"{table.num_rows} documents, {pc.sum(pc.binary_length(scored['text'])).as_py() / 1e6:.1f} MB")
    print("| language | origin | documents | rejected | 95 % interval | by rule |\n|---|---|---|---|---|---|")
    for (lang, source), reasons in sorted(groups.items()):
        count, rejected = reasons.total(), reasons.total() - reasons["kept"]
        if count >= FEWEST:
            low, high = interval(rejected, count)
            rules = ", ".join(f"{rule} {n}" for rule, n in reasons.most_common() if rule != "kept")
            print(f"| {lang} | {source} | {count} | {rejected / count:.1%} | {low:.1%} to {high:.1%} | {rules} |")


if __name__ == "__main__":
    main()
