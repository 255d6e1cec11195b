"""Accuracy and speed of language identification on labelled public text.

    python benchmarks/language_id.py --data DIR [--model NAME_OR_FOLDER] [--languages]

DIR holds web_text/docs-*.parquet (`text`, `lang`), lid/lid.parquet (`text`, `lang`, `source`) and web_text/web-*.parquet.
Speed is one core's CPU time of the stage's kernel and of a bare Python loop over the same texts, five rounds in turn, the fastest
of each. Accuracy counts documents whose true language the model knows; a truth in another code system goes through
`schemas.languages.canonical`.
"""

import argparse
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import fasttext
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curricle.models.catalog import model_folder
from curricle.models.language_id import LanguageId, known_codes, load
from curricle.schemas.languages import UNDETERMINED, canonical
from curricle.stages.language import LanguageConfig, tag_language

TOGETHER = {"bs": "sr", "hr": "sr", "sh": "sr", "nn": "no"}
"""Standards of one language, told apart by few words: counted as one in the column "together"."""


def truth(tag: str, known: frozenset[str]) -> str | None:
    """`zh-Hant` -> `zh`; None where the model does not know the language."""
    code = tag.split("-")[0].split("_")[0]
    if code == "als":  # Tosk Albanian in these sets (ISO 639-3), Alemannic in lid.176
        code = "sq"
    try:
        return canonical(code, known)
    except ValueError:
        return None


def labelled(data: Path) -> Iterator[tuple[str, pa.Table]]:
    """Each labelled set: (name, table of `text` and `lang`)."""
    files = sorted((data / "web_text").glob("docs-*.parquet"))
    yield "Debian documents", pa.concat_tables(pq.read_table(file, columns=["text", "lang"]) for file in files)
    table = pq.read_table(data / "lid" / "lid.parquet", columns=["text", "lang", "source"])
    yield "Leipzig sentences", table.filter(pc.equal(table["source"], "lingua-leipzig")).select(["text", "lang"])
    yield "UDHR, first half", table.filter(pc.equal(table["source"], "udhr")).select(["text", "lang"])


def accuracy(table: pa.Table, model: LanguageId, known: frozenset[str]) -> dict[str, list[int]]:
    """Per true language: [documents, right, right with near languages together]."""
    codes = model.predict(table["text"].combine_chunks()).codes
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for tag, code in zip(table["lang"].to_pylist(), codes.to_pylist(), strict=True):
        if (true := truth(tag, known)) not in (None, UNDETERMINED):
            row = counts[true]
            row[0] += 1
            row[1] += code == true
            row[2] += TOGETHER.get(code, code) == TOGETHER.get(true, true)
    return counts


def fastest(work: dict[str, Callable[[], object]], rounds: int = 5) -> dict[str, float]:
    """Least CPU seconds of each, run in turn."""
    times: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(rounds):
        for name, run in work.items():
            started = time.process_time()
            run()
            times[name].append(time.process_time() - started)
    return {name: min(seconds) for name, seconds in times.items()}


def bare_loop(batch: pa.RecordBatch, predict: Callable[..., object]) -> Callable[[], object]:
    """What one writes by hand: a Python string per text, cut and predicted one at a time."""
    return lambda: [predict(t[:1000].replace("\n", " ") + "\n", 1, 0.0, "strict") for t in batch.column("text").to_pylist()]


def main() -> None:
    """Print accuracy per set (per language with --languages), then speed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", default="lid.176")
    parser.add_argument("--languages", action="store_true", help="one line per language, worst first")
    args = parser.parse_args()
    folder = model_folder(args.model)
    model, known = load(folder), known_codes(folder)
    for name, table in labelled(args.data):
        counts = accuracy(table, model, known)
        total, right, near = (sum(row[i] for row in counts.values()) for i in range(3))
        print(f"{name}: {total:,} documents in {len(counts)} languages ({len(table) - total:,} in others left out)")
        print(f"  right {right / total:.4f}, together {near / total:.4f}, ", end="")
        print(f"mean over languages {sum(row[1] / row[0] for row in counts.values()) / len(counts):.4f}")
        if args.languages:
            for code, row in sorted(counts.items(), key=lambda item: item[1][1] / item[1][0]):
                print(f"  {code:4} {row[0]:6,} documents  right {row[1] / row[0]:.3f}  together {row[2] / row[0]:.3f}")
    texts = pq.read_table(sorted((args.data / "web_text").glob("web-*.parquet"))[0], columns=["text"]).combine_chunks()
    batch = texts.to_batches()[0]
    megabytes = pc.sum(pc.binary_length(batch.column("text"))).as_py() / 1e6
    config = LanguageConfig(model=args.model)
    file = next(path for path in folder.iterdir() if path.suffix in {".bin", ".ftz"})
    print(f"speed: {batch.num_rows:,} web pages, {megabytes:.1f} MB, CPU seconds of one core")
    loaded = fasttext.load_model(str(file)).f
    work = {
        "bare loop": bare_loop(batch, loaded.predict),
        "tag_language": lambda: tag_language(batch, model, config),
    }
    for name, seconds in fastest(work).items():
        print(f"  {name:12} {seconds:.3f} s  {batch.num_rows / seconds:,.0f} documents/s  {megabytes / seconds:.1f} MB/s")


if __name__ == "__main__":
    main()
