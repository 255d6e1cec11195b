"""How long a plan over many documents takes, and how much memory: score columns are simulated, no text is.

    python benchmarks/curriculum_plan.py --documents 100000000

Four phases over 12 domains, 3 languages and perplexity buckets, with weights, top-k, a window, replay and up-sampling; 2 % held
out. Prints seconds by step and the peak resident memory.
"""

import resource
import time
from dataclasses import replace

import click
import numpy as np

from curricle.pipelines.curriculum.documents import Documents, TextColumn
from curricle.pipelines.curriculum.draw import draw_phases, hold_out
from curricle.pipelines.curriculum.kernels import CHUNK, keyed
from curricle.pipelines.curriculum.order import order_rows
from curricle.schemas.curriculum import Curriculum

DOMAINS = tuple(f"domain{number:02}" for number in range(12))
PHASES = [
    {"name": "general", "mixture": {"by": "domain", "proportional": True}},
    {
        "name": "best",
        "mixture": {"by": ["language", "domain"], "weights": {f"en/{name}": 1 / 12 for name in DOMAINS}},
        "select": {"method": "top", "score": "quality"},
        "replay": {"from": ["general"], "share": 0.05},
    },
    {
        "name": "mixed",
        "where": {"language": ["tr", "de"]},
        "mixture": {"by": {"column": "ppl", "quantiles": [0.3, 0.6]}, "proportional": True},
        "select": {"method": "low", "score": "ppl", "fraction": 0.5},
        "order": {"method": "interleaved", "window": 10_000_000},
        "replay": {"pool": "all", "share": 0.25},
    },
    {"name": "long", "where": {"token_count": {"min": 20_000}}, "repeats": 4, "order": {"method": "sorted", "by": "token_count"}},
]


def simulate(count: int) -> Documents:
    """Documents with log-normal lengths (median 2,000), perplexities and qualities."""
    rng = np.random.default_rng(0)
    arrays = {"tokens": np.empty(count, np.uint32), "ppl": np.empty(count, np.float32), "quality": np.empty(count, np.float32)}
    codes = {"domain": np.empty(count, np.int8), "language": np.empty(count, np.int8)}
    for start in range(0, count, CHUNK):
        size = min(CHUNK, count - start)
        part = slice(start, start + size)
        arrays["tokens"][part] = np.exp(rng.normal(np.log(2000), 1.2, size)).astype(np.uint32) + 1
        arrays["ppl"][part] = np.exp(rng.normal(5, 1, size))
        arrays["quality"][part] = rng.normal(3, 0.6, size)
        codes["domain"][part] = rng.integers(0, 12, size)
        codes["language"][part] = rng.integers(0, 3, size)
    hashes = np.empty(count, np.uint64)
    for start in range(0, count, CHUNK):
        hashes[start : start + CHUNK] = keyed(np.arange(start, min(start + CHUNK, count), dtype=np.uint64), np.uint64(1))
    labels = {"domain": TextColumn(codes["domain"], DOMAINS), "language": TextColumn(codes["language"], ("de", "en", "tr"))}
    numbers = {"ppl": arrays["ppl"], "quality": arrays["quality"]}
    return Documents(hashes, keyed(hashes, np.uint64(2)), arrays["tokens"], arrays["tokens"], numbers, labels)


def _memory() -> str:
    return f"peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB"


@click.command()
@click.option("--documents", type=click.IntRange(10_000), default=10_000_000, show_default=True, help="Rows to simulate.")
def main(documents: int) -> None:
    """Time the steps of a plan over simulated documents."""
    started = time.perf_counter()
    simulated = simulate(documents)
    total = int(simulated.tokens.sum(dtype=np.int64))
    click.echo(f"simulated {documents:,} documents, {total:,} tokens: {time.perf_counter() - started:.1f} s, {_memory()}")
    phases = [{**phase, "tokens": total // 20} for phase in PHASES]
    plan = Curriculum.model_validate({"heldout": {"share": 0.02}, "phases": phases})
    planning, cpu = time.perf_counter(), time.process_time()
    started = planning
    held = hold_out(simulated, plan)
    simulated = replace(simulated, text_hash=simulated.text_hash[:0].copy())
    click.echo(f"held out {np.count_nonzero(held >= 0):,}: {time.perf_counter() - started:.1f} s, {_memory()}")
    started = time.perf_counter()
    for draw in draw_phases(simulated, plan, held):
        drawn = time.perf_counter()
        order_rows(simulated, draw.phase, plan.seed, draw.rows)
        ended = time.perf_counter()
        met = int(draw.met.sum()) + draw.replay_met
        click.echo(
            f"{draw.phase.name}: {draw.rows.document.size:,} rows, {met / draw.budget:.5f} of the tokens asked: "
            f"drawn in {drawn - started:.1f} s, ordered in {ended - drawn:.1f} s, {_memory()}"
        )
        for problem in draw.problems:
            click.echo(problem)
        started = time.perf_counter()
    seconds = time.perf_counter() - planning
    cpu = time.process_time() - cpu
    click.echo(
        f"planned in {seconds:.1f} s ({cpu:.1f} s of CPU): {documents * len(phases) / cpu:,.0f} rows a CPU second and phase"
    )


if __name__ == "__main__":
    main()
