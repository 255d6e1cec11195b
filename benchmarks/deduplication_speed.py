"""MB of text per CPU second of signatures and of a whole deduplication, beside other libraries, in one run:

    python benchmarks/deduplication_speed.py --data DIR --work FOLDER

All of them take the texts of `DIR/web_text/web-*.parquet`, shingles of five words and 112 lanes in 14 bands; one thread, the best
of `--repeat` runs. `signatures` are the exact keys, bands and anchors; `whole` is `curricle dedup` of a finished output within
one process: it reads Parquet, compares, measures every candidate and writes the table and the report. The others get the words
of `str.split` and find candidates, but measure nothing: datasketch and Rensa with shingles made in Python, gaoya with its own.
"""

import argparse
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from curricle.pipelines.deduplication import compared, run, signed
from curricle.pipelines.deduplication.plan import plan
from curricle.pipelines.deduplication.scan import sign

RECIPE = "stages: {extract: {}}\ndecide: [{name: empty, column: text_chars, min: 1}]\n"
BANDS, ROWS = 14, 8
BATCH = 1024


def best(repeat: int, job: Callable[[], Any]) -> float:
    """CPU seconds of the fastest run."""
    times = []
    for _ in range(repeat):
        start = time.process_time()
        job()
        times.append(time.process_time() - start)
    return min(times)


def shingle_strings(text: str) -> list[str]:
    """Sequences of five words, as one string each."""
    words = text.lower().split()
    return [" ".join(words[at : at + 5]) for at in range(max(1, len(words) - 4))]


def datasketch(texts: Sequence[str]) -> None:
    """Signatures and an index of bands."""
    from datasketch import MinHash, MinHashLSH

    index = MinHashLSH(num_perm=BANDS * ROWS, params=(BANDS, ROWS))
    for number, text in enumerate(texts):
        signature = MinHash(num_perm=BANDS * ROWS)
        signature.update_batch([shingle.encode() for shingle in shingle_strings(text)])
        index.query(signature)
        index.insert(number, signature)


def rensa(texts: Sequence[str]) -> None:
    """Signatures and an index of bands; the number of lanes must be a multiple of the number of bands."""
    from rensa import RMinHash, RMinHashLSH

    index = RMinHashLSH(threshold=0.8, num_perm=BANDS * ROWS, num_bands=BANDS)
    for number, text in enumerate(texts):
        signature = RMinHash(num_perm=BANDS * ROWS, seed=1)
        signature.update(shingle_strings(text))
        index.query(signature)
        index.insert(number, signature)


def gaoya(texts: Sequence[str]) -> None:
    """Signatures and an index of bands, shingled in Rust."""
    from gaoya.minhash import MinHashStringIndex

    index = MinHashStringIndex(32, 0.8, BANDS, ROWS, None, "word", True, (5, 5))
    for number, text in enumerate(texts):
        index.insert_document(number, text)


def in_this_process(tasks: Iterable[Any], work: Callable[[Any, Any], None], workers: int, quiet: bool) -> None:
    """In place of the workers, so that their CPU time counts."""
    for task in tasks:
        if not task.commit.exists():
            work(task, lambda *_: None)


def whole(output: Path, table: Path) -> None:
    """A deduplication from the start."""
    shutil.rmtree(table, ignore_errors=True)
    run.dedup(plan([output], "best", ["exact", "near"]), table, 1, quiet=True)


def main() -> None:
    """Print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True, help="New folder.")
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    files = sorted((options.data / "web_text").glob("web-*.parquet"))
    texts = pa.concat_tables([pq.read_table(path, columns=["text"]) for path in files])["text"].combine_chunks()
    size = texts.nbytes / 1e6
    options.work.mkdir()
    (options.work / "recipe.yaml").write_text(RECIPE)
    inputs = [argument for path in files for argument in ("--input", path)]
    command = ["run", options.work / "recipe.yaml", *inputs, "--output", options.work / "out", "--quiet"]
    curricle = [sys.executable, "-c", "from curricle.pipelines.cli.main import main; main()"]
    subprocess.run([*curricle, *map(str, command)], check=True, stdout=subprocess.DEVNULL)
    for module in (run, compared, signed):
        module.run_uncommitted = in_this_process  # type: ignore[attr-defined]
    batches = [texts.slice(start, BATCH) for start in range(0, len(texts), BATCH)]
    strings = texts.to_pylist()
    jobs: dict[str, Callable[[], Any]] = {
        "curricle, signatures": lambda: [sign(batch) for batch in batches],
        "curricle, whole": lambda: whole(options.work / "out", options.work / "table"),
        f"datasketch {version('datasketch')}": lambda: datasketch(strings),
        f"Rensa {version('rensa')}": lambda: rensa(strings),
        f"gaoya {version('gaoya')}": lambda: gaoya(strings),
    }
    print(f"{len(texts):,} documents, {size:.1f} MB")
    for name, job in jobs.items():
        seconds = best(options.repeat, job)
        print(f"{name}: {seconds:.2f} CPU s, {size / seconds:.1f} MB/s")


if __name__ == "__main__":
    main()
