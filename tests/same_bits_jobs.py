"""Jobs that write files, for tests/test_same_bits.py: `same_bits_jobs.py FOLDER` does all of them in one process.

Each job has a folder of its own. Prints one JSON object: under `bytes` job -> file -> SHA-256, under `failed` job -> traceback,
under `cpu_s` job -> CPU seconds, under `about` what this process found: the features that NumPy uses, and hashes of results that
depend on the processor.
"""

import hashlib
import json
import os
import sys
import traceback
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import xxhash
import yaml
from numpy._core._multiarray_umath import __cpu_features__

from curricle.models.catalog import model_folder
from curricle.models.kenlm.compact import unpack
from curricle.pipelines.cli.main import group
from curricle.pipelines.thresholds.methods import METHODS
from curricle.pipelines.thresholds.plot import draw
from curricle.pipelines.thresholds.quantiles import quantiles
from curricle.pipelines.thresholds.scores import Scored
from curricle.pipelines.thresholds.valley import find_valley
from curricle.schemas.columns import QUALITY_CRITERIA

sys.path.append(str(Path(__file__).parent / "pipelines"))

from curriculum_outputs import QUIET, rows, store

SAMPLE = Path(__file__).parents[1] / "pipelines" / "sample"
INPUTS = ("documents.parquet", "web.jsonl.zst", "pages.warc.wet.gz")
JOBS: dict[str, Callable[[Path], None]] = {}
STARTERS = {"clean": {"de": "de-clean", "tr": "tr-clean"}, "harmful": {"de": ["de-hate"], "tr": ["tr-hate"]}}


def job(function: Callable[[Path], None]) -> Callable[[Path], None]:
    """Enter a job by its name."""
    JOBS[function.__name__] = function
    return function


def curricle(*arguments: str | Path | int) -> None:
    """One command; RuntimeError unless it succeeds."""
    try:
        group.main([str(argument) for argument in arguments], standalone_mode=False)
    except SystemExit as exit:
        if exit.code:
            raise RuntimeError(f"exit code {exit.code}") from None


def texts() -> list[str]:
    """Those of the bundled documents."""
    return [text for text in pq.read_table(SAMPLE / "documents.parquet")["text"].to_pylist() if text]


@job
def train(folder: Path) -> None:
    """A small KenLM with its vocabulary, of the longest documents."""
    longest = sorted(texts(), key=len, reverse=True)[:12]
    (folder / "input.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in longest))
    options = ("--language", "en", "--role", "clean", "--order", 4, "--vocab", 800, "--arpa")
    curricle("models", "train", "perplexity", *options, "--input", folder / "input.jsonl", "--output", folder / "model")


@job
def starter(folder: Path) -> None:
    """Two starter models, unpacked."""
    for name in ("de-hate", "tr-hate"):
        unpack(model_folder(name) / "model.compact", folder / f"{name}.bin")


@job
def distil(folder: Path) -> None:
    """A student, of ratings that are hashes of the texts."""
    whole = texts()
    numbers = {
        f"quality_{name}": pa.array([xxhash.xxh3_64_intdigest(f"{name} {text}".encode()) % 5 + 1 for text in whole], pa.int8())
        for name in QUALITY_CRITERIA
    }
    domains = [("Law", "Culture", "Technology")[len(text) % 3] for text in whole]
    urls = [f"https://host{number}.example/" for number in range(len(whole))]
    columns = {"text": whole, "url": urls, "domain": domains, "language": ["en"] * len(whole), **numbers}
    pq.write_table(pa.table(columns), folder / "ratings.parquet")
    curricle("raters", "distil", "--ratings", folder / "ratings.parquet", "--output", folder / "student")


@job
def thresholds(folder: Path) -> None:
    """All three methods over scores in two clusters, as figures and as a plot."""
    random = np.random.default_rng(1)
    low, high = (random.random((1500, 4)).sum(axis=1) * scale + start for scale, start in ((40.0, 60.0), (400.0, 500.0)))
    scores = np.concatenate([low, high])
    labels, hosts = ("good",) * 1500 + ("bad",) * 1500, tuple(f"host{number % 97}" for number in range(3000))
    settings = {
        "quantiles": {"column": "ppl_clean", "quantiles": (0.3, 0.6)},
        "valley": {"column": "ppl_clean"},
        "labels": {"column": "ppl_clean", "label": "kind", "positives": ("bad",), "maximise": "f-beta", "beta": 0.7},
    }
    found = {name: METHODS[name](**fields).find("en", Scored(scores, labels, hosts)) for name, fields in settings.items()}
    every = {name: [one.bounds, one.figures, one.warnings] for name, one in found.items()}
    assert all(bounds for bounds, _, _ in every.values()), every
    places, intervals = quantiles(scores, (0.1, 0.9))
    valley = find_valley(scores)
    assert not isinstance(valley, str), valley
    every["all digits"] = [places.tolist(), intervals.tolist(), asdict(valley)]
    (folder / "figures.json").write_text(json.dumps(every))
    (folder / "plot.svg").write_text(draw([one.panel for one in found.values()], "log10 of ppl_clean"))


@job
def curriculum(folder: Path) -> None:
    """Phases chosen in all ways in which numbers count."""
    from curricle.pipelines.curriculum.plan_file import load_plan
    from curricle.pipelines.curriculum.run import make_curriculum, write_curriculum

    table = rows(600, "a.jsonl", 5)
    random = np.random.default_rng(5)
    for name in ("ppl", "quality"):
        values = pa.array(1.0 + 400.0 * random.random(600) ** 2, table[name].type)
        table = table.set_column(table.schema.get_field_index(name), name, values)
    output = store(table, folder / "input", 2)
    weights = {"tr": 0.7, "en": 0.3}
    plan = {
        "heldout": {"share": 0.05},
        "phases": [
            {"name": "g", "tokens": 2000, "select": {"method": "gumbel", "score": "quality", "temperature": 50.0}},
            {"name": "l", "tokens": 2000, "select": {"method": "low", "score": "ppl", "fraction": 0.7}},
            {"name": "m", "tokens": 2000, "mixture": {"by": "language", "weights": weights, "when_short": "rest"}},
            {"name": "o", "tokens": 2000, "order": {"method": "sorted", "by": "ppl", "direction": "up"}},
        ],
    }
    (folder / "plan.yaml").write_text(yaml.safe_dump(plan))
    assert write_curriculum(make_curriculum(load_plan(str(folder / "plan.yaml")), [output], QUIET), folder / "output", QUIET)


@job
def recipe(folder: Path) -> None:
    """A run with every stage over part of the bundled sample, and thresholds from its scores."""
    stages = {
        "extract": {},
        "url_rules": {"domains": ["blocked.txt"]},
        "redact": {},
        "clean_lines": {},
        "language": {"model": "lid.176"},
        "heuristics": {"variants": ["datatrove", "nemo-curator", "dolma"]},
        "perplexity": {**STARTERS, "paragraphs": {}},
        "datatrove": [{"filter": "GopherQualityFilter"}],
        "quality": {"rater": "student"},
        "domain": {"model": "student", "tags": ["topic", "format"]},
    }
    rules = [{"name": "short", "column": "text_chars", "min": 400}, {"name": "unsure", "column": "language_score", "min": 0.5}]
    (folder / "blocked.txt").write_text("blocked.example\n")
    (folder / "recipe.yaml").write_text(yaml.safe_dump({"stages": stages, "decide": rules}, sort_keys=False))
    inputs = [word for name in INPUTS for word in ("--input", SAMPLE / name)]
    curricle("run", folder / "recipe.yaml", *inputs, "--output", folder / "output", "--workers", 1, "--quiet")


def hashes(folder: Path) -> dict[str, str]:
    """Of all files that a job wrote, but records of when and where it ran."""
    found = sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock" and path.name[0] not in "_.")
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in found
        if path.name not in ("run.json", "README.md", "curriculum.json") and "_manifest" not in path.parts
    }


def about() -> dict[str, object]:
    """What distinguishes this process from one on another processor."""
    values = np.random.default_rng(0).uniform(0.1, 20.0, 20_000)
    square = values[:10_000].reshape(100, 100)
    last_digits = {
        "numpy": b"".join(function(values).tobytes() for function in (np.exp, np.log, np.log10, np.tanh)),
        "libm": json.dumps([10.0**value for value in values.tolist()]).encode(),
        "blas": (square @ square).tobytes(),
    }
    return {
        "features": {name: bool(__cpu_features__.get(name)) for name in ("X86_V3", "X86_V4")},
        "last_digits": {name: hashlib.sha256(data).hexdigest() for name, data in last_digits.items()},
    }


def main() -> None:
    """Do all jobs; one that fails leaves the others alone."""
    root = Path(sys.argv[1]).absolute()
    report: dict[str, dict[str, object]] = {"about": about(), "bytes": {}, "failed": {}, "cpu_s": {}}
    sys.stdout.flush()
    standard, sink = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(sink, 1)  # commands print
    for name, function in JOBS.items():
        folder = root / name
        folder.mkdir(parents=True)
        os.chdir(folder)
        started = os.times()
        try:
            function(Path())
            report["bytes"][name] = hashes(folder)
        except Exception:
            report["failed"][name] = traceback.format_exc()
        ended = os.times()
        report["cpu_s"][name] = round(sum(ended[:4]) - sum(started[:4]), 1)
    os.dup2(standard, 1)
    sys.stdout.write(json.dumps(report))


if __name__ == "__main__":
    main()
