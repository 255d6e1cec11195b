"""A run into an output folder: take it, see what is committed, do the rest, write down what was done."""

import fcntl
import os
import platform
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

import orjson
import yaml

from pipelines.card import dataset_card
from pipelines.manifest import Manifest, OutputError, Totals, read_manifests, total
from pipelines.plan import Plan
from pipelines.work import ShardTask
from stages.write import Sink, temporary_folder

PACKAGES = ("curricle", "apache-beam", "pyarrow", "numpy", "ufal.kenlm", "fasttext-community", "sentencepiece", "resiliparse")


@dataclass(frozen=True)
class Launched:
    """What a launcher says beside the manifests."""

    failed: dict[str, str] = field(default_factory=dict)  # source, or how many shards -> cause
    cpu_us: dict[str, int] = field(default_factory=dict)  # by stage; empty where an engine's counters count retries twice


Launcher = Callable[[Sequence[ShardTask], bool], Launched]
"""Runs all tasks, showing progress unless the second argument (quiet) is true. What is committed it leaves in the manifests."""


@dataclass(frozen=True)
class RunResult:
    """Counts of the whole output, what failed now, and what this run cost."""

    totals: Totals
    failed: dict[str, str]  # source, or how many shards -> cause
    ran: Totals  # shards of this run alone
    seconds: float
    cpu_us: dict[str, int]  # by stage, over all workers


@contextmanager
def output_folder(output: Path) -> Iterator[None]:
    """Make it, lock it against a second run, sweep what killed attempts left; OutputError if it cannot be written."""
    try:
        output.mkdir(parents=True, exist_ok=True)
        shown = [path.name for path in output.iterdir()]
        if shown and not {"_manifest", "_lock"}.intersection(shown):
            raise OutputError(f"{output}: not empty, and not an output of curricle")
        lock = (output / "_lock").open("w")
    except OSError as error:
        raise OutputError(f"{output}: {error.strerror}") from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OutputError(f"{output}: another run is writing here") from None
        try:
            (output / "_manifest").mkdir(exist_ok=True)
            shutil.rmtree(temporary_folder(output), ignore_errors=True)
            yield
        except OSError as error:
            raise OutputError(f"{output}: {error.strerror or error}") from None
        finally:
            shutil.rmtree(temporary_folder(output), ignore_errors=True)


def pending(plan: Plan, manifests: list[Manifest], output: Path) -> list[ShardTask]:
    """Tasks for the shards that are not committed; OutputError if what is committed was made in another way."""
    committed = {manifest["shard"]["name"]: manifest for manifest in manifests}
    record = output / "run.json"
    if manifests and manifests[0]["fingerprint"] != plan.fingerprint:
        before = orjson.loads(record.read_bytes())["made_by"] if record.is_file() else {}
        changed = sorted(key for key in {*before, *plan.parts} if before.get(key) != plan.parts.get(key))
        raise OutputError(f"{output}: made with another {', '.join(changed) or 'recipe'}; name another output folder")
    for shard in plan.shards:
        if shard.name in committed and committed[shard.name]["shard"]["version"] != shard.version:
            raise OutputError(f"{shard.source}: changed since it was committed to {output}; name another output folder")
    sink = Sink(output=str(output), schemas=plan.schemas, fingerprint=plan.fingerprint)
    return [ShardTask(shard, plan.recipe.read, plan.steps, sink) for shard in plan.shards if shard.name not in committed]


def run(plan: Plan, output: Path, launch: Launcher, quiet: bool = False) -> RunResult:
    """Have `launch` run all pending shards of `plan`; OutputError before anything starts if `output` cannot take them."""
    output = output.absolute()
    with output_folder(output):
        before = read_manifests(output)
        tasks = pending(plan, before, output)
        (output / "recipe.yaml").write_text(yaml.safe_dump(plan.recipe.resolved(), sort_keys=False, allow_unicode=True), "utf-8")
        _write_record(plan, output, total(before), None)
        started = time.monotonic()
        launched = launch(tasks, quiet) if tasks else Launched()
        seconds = time.monotonic() - started
        manifests = read_manifests(output)
        names = {task.name for task in tasks}
        result = RunResult(
            totals=total(manifests),
            failed=launched.failed,
            ran=total(manifest for manifest in manifests if manifest["shard"]["name"] in names),
            seconds=seconds,
            cpu_us=launched.cpu_us,
        )
        if not result.totals.balanced():
            raise RuntimeError(f"{output}: in = kept + rejected + dead does not hold: {result.totals.to_dict()}")
        _write_record(plan, output, result.totals, result)
        (output / "README.md").write_text(dataset_card(plan, result.totals), "utf-8")
        return result


def _write_record(plan: Plan, output: Path, totals: Totals, result: RunResult | None) -> None:
    record = {
        "recipe": plan.recipe.name,
        "made_by": plan.parts,
        "fingerprint": plan.fingerprint,
        "counts": totals.to_dict(),
        "finished": result is not None,
        "failed": result.failed if result else {},
        "seconds": round(result.seconds, 3) if result else None,
        "stage_cpu_seconds": {stage: us / 1e6 for stage, us in result.cpu_us.items()} if result else {},
        "python": platform.python_version(),
        "packages": {name: version(name) for name in PACKAGES},
    }
    temporary = output / f"_run.{os.getpid()}"
    temporary.write_bytes(orjson.dumps(record, option=orjson.OPT_INDENT_2))
    temporary.replace(output / "run.json")
