"""Does selection help a model? `python benchmarks/does_it_help.py --data DIR [--write docs]` (docs/does-it-help.md).

Equal budgets of bytes of real web pages by several rules (help_arms.py), a KenLM and a small transformer trained on each, judged
by bits per byte of curated texts of other sources (help_texts.py), three seeds. Half an hour on two cores; without torch the
transformer is left out.
"""

import argparse
import importlib.util
import os
import platform
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from help_arms import ARMS, BOTH_JUDGES, RANDOM, TRANSFORMER_ONLY, make_arm, pool_bytes, run_recipes, with_clean_model
from help_kenlm import Bits, encode, kenlm_bits, train_vocabulary
from help_texts import WEB, HeldOut, curated, held_out_sets, split_pool, unseen_clean_texts, web_pages

from curricle.models.catalog import model_folder
from curricle.models.kenlm.train.perplexity_model import TrainConfig, train

BEGIN, END = "<!-- make does-it-help: begin -->", "<!-- make does-it-help: end -->"
BUDGETS = {"de": 250_000, "en": 2_000_000}  # bytes of an arm
JUDGES = {"en": ("KenLM", "transformer"), "de": ("KenLM",)}  # that is too little for a transformer
SEEDS = (0, 1, 2)
RESAMPLES = 2000
VOCABULARY_BYTES = 3_000_000  # of the pool
POOL_FILES = 4
WORKERS = 2


@dataclass
class Clock:
    """Seconds by part."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def time(self, part: str) -> Iterator[None]:
        """Add what the block takes."""
        started = time.monotonic()
        yield
        self.seconds[part] = self.seconds.get(part, 0.0) + time.monotonic() - started
        print(f"{part}: {self.seconds[part]:.0f} s", file=sys.stderr, flush=True)


@dataclass(frozen=True)
class Results:
    """Of one language: the sets, and bits of each held-out document by judge and arm, an array (seeds, documents)."""

    language: str
    sets: list[HeldOut]
    bits: dict[str, dict[str, npt.NDArray[np.float64]]]
    lines: list[str]  # what the arms are made of, as Markdown


def experiment(
    language: str,
    runs: dict[str, Path],
    sets: list[HeldOut],
    budget: int,
    seeds: Sequence[int],
    judges: Sequence[str],
    scratch: Path,
    clock: Clock,
) -> Results:
    """Make the arms, train a model of each kind on each, and score the held-out sets."""
    kept = {name: pool_bytes(output, language) for name, output in runs.items()}
    with clock.time("curricle curriculum"):
        texts = {
            (arm.name, seed): shuffled(
                make_arm(arm, language, budget, seed, runs, scratch / f"{number}-{seed}"), seed, arm.shuffled
            )
            for number, arm in enumerate(ARMS)
            for seed in seeds
        }
    with clock.time("pieces"):
        sample = [text for seed in seeds for text in texts[RANDOM.name, seed]]
        vocabulary = train_vocabulary(sample, VOCABULARY_BYTES)
        documents = {key: encode(vocabulary, value) for key, value in texts.items()}
        held_out = encode(vocabulary, [text for part in sets for text in part.texts])
    pieces = 1 + max(int(ids.max()) for part in (*documents.values(), held_out) for ids in part)
    results = Results(language, sets, {}, contents(language, texts, kept, seeds))
    for judge in judges:
        arms = [arm.name for arm in ARMS if judged(judge, arm.name)]
        tasks = [(documents[arm, seed], held_out, pieces, seed) for arm in arms for seed in seeds]
        with clock.time(judge), ProcessPoolExecutor(WORKERS, mp_context=get_context("spawn")) as pool:
            scored = []
            for bits in pool.map(judge_named(judge), *zip(*tasks, strict=True)):
                scored.append(bits)
                print(f"{language}, {judge}: {len(scored)} of {len(tasks)} models", file=sys.stderr, flush=True)
        results.bits[judge] = {arm: np.array(scored[i * len(seeds) : (i + 1) * len(seeds)]) for i, arm in enumerate(arms)}
        print("\n".join(table(results, judge)), flush=True)
    return results


def judge_named(name: str) -> Callable[..., Bits]:
    """What scores the held-out documents after training; only the transformer needs torch."""
    if name == "KenLM":
        return kenlm_bits
    from help_transformer import transformer_bits

    return transformer_bits


def shuffled(texts: list[str], seed: int, wanted: bool) -> list[str]:
    """The same texts, in a random order if that is wanted."""
    return [texts[i] for i in np.random.default_rng(seed).permutation(len(texts))] if wanted else texts


def judged(judge: str, arm: str) -> bool:
    """Whether this judge sees this arm."""
    return arm not in TRANSFORMER_ONLY if judge == "KenLM" else arm in (*BOTH_JUDGES, *TRANSFORMER_ONLY)


def contents(
    language: str, texts: dict[tuple[str, int], list[str]], kept: dict[str, tuple[int, int]], seeds: Sequence[int]
) -> list[str]:
    """What a recipe kept, and what an arm has, as a table."""
    lines = ["| arm | recipe keeps, documents | MB | arm, documents | MB | shared with random |", "|---|---|---|---|---|---|"]
    for arm in ARMS:
        parts = [texts[arm.name, seed] for seed in seeds]
        sizes = [sum(len(text.encode()) for text in part) for part in parts]
        shared = [
            sum(len(text.encode()) for text in part if text in set(texts[RANDOM.name, seed])) / size
            for part, seed, size in zip(parts, seeds, sizes, strict=True)
        ]
        documents, size = kept[arm.recipe_for(language)]
        counts = f"{np.mean([len(part) for part in parts]):.0f} | {np.mean(sizes) / 1e6:.2f} | {np.mean(shared):.0%}"
        lines.append(f"| {arm.name} | {documents:,} | {size / 1e6:.2f} | {counts} |")
    return lines


def differences(arm: npt.NDArray[np.float64], base: npt.NDArray[np.float64], parts: list[npt.NDArray[np.float64]]) -> Bits:
    """Bits per byte of `arm` minus those of `base`: mean over the parts (each with the bytes of its documents), then seeds.

    First the value, then RESAMPLES values with seeds and, in each part, documents drawn again with replacement.
    """
    rng = np.random.default_rng(0)
    ends = np.cumsum([len(part) for part in parts])
    values = []
    for number in range(RESAMPLES + 1):
        seeds = rng.integers(0, len(arm), len(arm)) if number else np.arange(len(arm))
        each = []
        for part, end in zip(parts, ends, strict=True):
            rows = rng.integers(0, len(part), len(part)) if number else np.arange(len(part))
            columns = rows + end - len(part)
            each.append((arm - base)[seeds][:, columns].sum() / len(seeds) / part[rows].sum())
        values.append(np.mean(each))
    return np.array(values)


def table(results: Results, judge: str) -> list[str]:
    """Rows: held-out sets; columns: arms. Bits per byte of random, and the difference of the others with its interval."""
    bits = results.bits[judge]
    sizes = [np.array([len(text.encode()) for text in part.texts], np.float64) for part in results.sets]
    ends = np.cumsum([len(part) for part in sizes])
    columns = {part.name: slice(end - len(size), end) for part, end, size in zip(results.sets, ends, sizes, strict=True)}
    byte = {part.name: size for part, size in zip(results.sets, sizes, strict=True)}
    every = [name for name in columns if name != WEB]
    rows = {name: [name] for name in columns if name != WEB} | {"mean of these sets": every}
    rows |= {WEB: [WEB]} if WEB in columns else {}
    others = [arm for arm in bits if arm != RANDOM.name]
    lines = [f"| {judge} | random | {' | '.join(others)} |", "|---" * (len(bits) + 1) + "|"]
    for row, names in rows.items():
        parts = [byte[name] for name in names]

        def chosen(arm: str, names: list[str] = names) -> npt.NDArray[np.float64]:
            return np.concatenate([bits[arm][:, columns[name]] for name in names], axis=1)

        base = chosen(RANDOM.name)
        value = differences(base, np.zeros_like(base), parts)[0]
        cells = [interval(differences(chosen(arm), base, parts)) for arm in others]
        lines.append(f"| {row} | {value:.3f} | {' | '.join(cells)} |")
    return lines


def interval(values: Bits) -> str:
    """The first value and the 95 % interval of the others; bold where that leaves 0 out."""
    low, high = np.quantile(values[1:], [0.025, 0.975])
    text = f"{values[0]:+.3f} [{low:+.3f}, {high:+.3f}]"
    return f"**{text}**" if low > 0 or high < 0 else text


def order_line(results: Results) -> str:
    """Phases against the same documents shuffled, over all curated sets, by the transformer."""
    bits = results.bits["transformer"]
    sizes = [np.array([len(text.encode()) for text in part.texts], np.float64) for part in results.sets if part.name != WEB]
    count = sum(map(len, sizes))  # the web pages come last
    values = differences(bits["phases"][:, :count], bits["phases, shuffled"][:, :count], sizes)
    return f"In the order of the phases minus the same shuffled, mean of the curated sets: {interval(values)} bits per byte."


def sets_table(sets: list[HeldOut]) -> list[str]:
    """Sizes of the held-out sets."""
    lines = ["| held-out set | documents | kB | left out: in the pool |", "|---|---|---|---|"]
    for part in sets:
        size = sum(len(text.encode()) for text in part.texts) / 1000
        lines.append(f"| {part.name} | {len(part.texts):,} | {size:.0f} | {part.overlapping} |")
    return lines


def page(results: Sequence[Results]) -> list[str]:
    """All tables as Markdown."""
    lines = []
    for result in results:
        lines += [f"### `{result.language}`", "", *sets_table(result.sets), "", *result.lines, ""]
        for judge in result.bits:
            lines += [*table(result, judge), ""]
        if "transformer" in result.bits:
            lines += [order_line(result), ""]
    return lines


def machine(clock: Clock) -> str:
    """The machine, the versions and what it cost, as a sentence."""
    information = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    names = [line.partition(":")[2].strip() for line in information.splitlines() if line.startswith("model name")]
    packages = (
        "apache-beam",
        "pyarrow",
        "numpy",
        "sentencepiece",
        "ufal.kenlm",
        *(("torch", "transformers") if has_torch() else ()),
    )
    usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    peak = max(one.ru_maxrss for one in usage) / 2**20
    cpu = sum(one.ru_utime + one.ru_stime for one in usage) / 60
    parts = ", ".join(f"{part} {seconds:.0f} s" for part, seconds in clock.seconds.items())
    return (
        f"`make does-it-help`, {time.strftime('%Y-%m-%d')}: {len(names) or os.cpu_count()} cores of "
        f"{(names or ['an unnamed processor'])[0]}, Python {platform.python_version()}, "
        f"{', '.join(f'{name} {version(name)}' for name in packages)}. Seeds {', '.join(map(str, SEEDS))}. {parts}; "
        f"{sum(clock.seconds.values()) / 60:.0f} minutes in all, {cpu:.0f} minutes of CPU. Largest process {peak:.1f} GiB."
    )


def has_torch() -> bool:
    """Whether the transformer can be trained here."""
    return all(importlib.util.find_spec(name) for name in ("torch", "transformers"))


def unseen_model(data: Path, scratch: Path) -> tuple[str, ...]:
    """Settings of `web` with an English clean model that has not read the held-out texts; the shipped one has."""
    config = TrainConfig(
        name="en-clean-unseen",
        language="en",
        role="clean",
        source="the shipped model's texts without the held-out collections",
        licence="not stated",
        order=4,
        prune=(0, 0, 1, 1),
    )
    train(lambda: unseen_clean_texts(data), scratch / config.name, config, model_folder("en-clean") / "sp.model")
    return with_clean_model(scratch / config.name)


def write_pool(pages: pa.Table, folder: Path) -> list[str]:
    """The pool as Parquet files, so that several workers can read it."""
    folder.mkdir()
    paths = [folder / f"pool-{number}.parquet" for number in range(POOL_FILES)]
    for number, path in enumerate(paths):
        pq.write_table(pages.take(np.arange(number, len(pages), POOL_FILES)).drop(["cld2_lang"]), path)
    return [str(path) for path in paths]


def main() -> None:
    """Print the tables as Markdown, and write them into docs/does-it-help.md if told to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--budget-share", type=float, default=1.0, help="of the budgets: a smaller trial")
    parser.add_argument("--languages", nargs="*", default=list(BUDGETS))
    parser.add_argument("--seeds", nargs="*", type=int, default=list(SEEDS))
    parser.add_argument("--write", type=Path, help="folder with does-it-help.md, which gets the tables")
    arguments = parser.parse_args()
    clock, results = Clock(), []
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        pool, apart = split_pool(web_pages(arguments.data))
        inputs = write_pool(pool, scratch / "pool")
        with clock.time("clean model"):
            settings = unseen_model(arguments.data, scratch)
        with clock.time("curricle run"):
            runs = run_recipes(inputs, arguments.languages, settings, scratch, WORKERS)
        for language in arguments.languages:
            folder = scratch / language
            folder.mkdir()
            with clock.time("held-out sets"):
                ordinary = apart.filter(pc.equal(apart["cld2_lang"].cast("string"), language))["text"].to_pylist()
                sets = held_out_sets([*curated(arguments.data, language), (WEB, ordinary)], pool["text"].to_pylist())
            budget = round(BUDGETS[language] * arguments.budget_share)
            judges = [judge for judge in JUDGES[language] if judge == "KenLM" or has_torch()]
            results.append(experiment(language, runs, sets, budget, arguments.seeds, judges, folder, clock))
    text = [machine(clock), "", *page(sorted(results, key=lambda result: -BUDGETS[result.language]))]
    if not has_torch():
        text[1:1] = ["", "The transformer was left out: torch and transformers are not installed."]
    print("\n".join(text))
    if arguments.write:
        path = arguments.write / "does-it-help.md"
        before, _, rest = path.read_text().partition(BEGIN)
        path.write_text("\n".join([before + BEGIN, *text, END + rest.partition(END)[2]]))


if __name__ == "__main__":
    main()
