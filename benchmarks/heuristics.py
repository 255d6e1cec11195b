"""Speed of the stage `heuristics` on one core: `python benchmarks/heuristics.py --data DIR/web_text [--kernels]`.

MB of UTF-8 text per CPU second, the best of five passes over all pages in batches of 256, for each choice of variants; with
`--kernels` also the time of each kernel. Loading happens before the clock starts; how long it took is printed first.
"""

import argparse
import time
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from curricle.stages.heuristics.config import HeuristicsConfig, Variant
from curricle.stages.heuristics.tag import load_kernels, tag_heuristics

ROWS, PASSES = 256, 5
CHOICES: tuple[tuple[Variant, ...], ...] = (
    ("datatrove",),
    ("nemo-curator",),
    ("dolma",),
    ("nemo-curator", "dolma"),
    ("datatrove", "nemo-curator", "dolma"),
)


def batches(folder: Path) -> list[pa.RecordBatch]:
    """The web pages, with the language that CLD2 detected."""
    pages = pa.concat_tables(pq.read_table(path, columns=["text", "cld2_lang"]) for path in sorted(folder.glob("web-0*.parquet")))
    return pages.rename_columns(["text", "language"]).combine_chunks().to_batches(max_chunksize=ROWS)


def clocked(module: ModuleType, name: str, seconds: dict[str, float]) -> None:
    """Replace the kernel by one that adds its CPU time to `seconds`."""
    kernel: Callable[..., Any] = getattr(module, name)

    def run(*arguments: Any) -> Any:
        started = time.process_time()
        result = kernel(*arguments)
        seconds[name] = seconds.get(name, 0.0) + time.process_time() - started
        return result

    setattr(module, name, run)


def watch_kernels() -> dict[str, float]:
    """Time every kernel; returns the dictionary to which their times are added."""
    from curricle.stages.heuristics import (
        dolma_lines,
        measures,
        nemo_lines,
        ngrams,
        segments,
        whitespace_ngrams,
        whitespace_words,
        words,
    )

    seconds: dict[str, float] = {}
    for module, *names in (
        (segments, "measure_lines"),
        (measures, "split_words"),
        (words, "count_words", "count_sentences"),
        (ngrams, "count_ngrams"),
        (whitespace_words, "split_at_whitespace"),
        (whitespace_ngrams, "count_whitespace_ngrams", "count_copies"),
        (nemo_lines, "measure_nemo"),
        (dolma_lines, "measure_dolma"),
    ):
        for name in names:
            clocked(module, name, seconds)
    return seconds


def main() -> None:
    """Print one line for each choice of variants."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--kernels", action="store_true")
    options = parser.parse_args()
    parts = batches(options.data)
    megabytes = sum(len(text.encode()) for text in chain(*(part["text"].to_pylist() for part in parts))) / 1e6
    for variants in CHOICES:
        started = time.perf_counter()
        load_kernels(HeuristicsConfig(variants=variants))
        print(f"{', '.join(variants)}: loaded in {time.perf_counter() - started:.2f} s")
    seconds = watch_kernels() if options.kernels else {}
    for variants in CHOICES:
        config = HeuristicsConfig(variants=variants)
        kernels = load_kernels(config)
        best, where = float("inf"), {}
        for _ in range(PASSES):
            seconds.clear()
            started = time.process_time()
            for part in parts:
                tag_heuristics(part, kernels, config)
            if (spent := time.process_time() - started) < best:
                best, where = spent, dict(seconds)
        shares = "".join(f", {name} {kernel:.3f}" for name, kernel in where.items())
        print(f"{', '.join(variants)}: {megabytes / best:.1f} MB/s ({best:.3f} s{shares})")


if __name__ == "__main__":
    main()
