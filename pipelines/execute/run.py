"""Runs a plan into an output folder: locks the folder, finds what is committed, runs the rest, records the result."""

import platform
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version

import orjson
import yaml

from curricle.pipelines.execute.shard_task import ShardTask
from curricle.pipelines.output.dataset_card import dataset_card
from curricle.pipelines.output.difference import differences, read_recipe
from curricle.pipelines.output.manifest import Manifest, OutputError, Totals, read_manifests, run_record, total
from curricle.pipelines.output.write import Sink
from curricle.pipelines.plan.run_plan import Plan
from curricle.storage.files import StoreError
from curricle.storage.output import Output, OutputPath, output_at

PACKAGES = ("curricle", "apache-beam", "pyarrow", "numpy", "ufal.kenlm", "fasttext-community", "sentencepiece", "resiliparse")


@dataclass(frozen=True)
class Launched:
    """What a launcher reports besides the manifests."""

    failed: dict[str, str] = field(default_factory=dict)  # source, or number of shards -> cause
    cpu_us: dict[str, int] = field(default_factory=dict)  # by stage; empty for engines, whose counters count retries twice


Launcher = Callable[[Sequence[ShardTask], bool], Launched]
"""Runs all tasks, and shows progress unless the second argument (quiet) is true. The manifests say what was committed."""


@dataclass(frozen=True)
class RunResult:
    """Counts of the whole output, the failures of this run, and its cost."""

    totals: Totals
    failed: dict[str, str]  # source, or number of shards -> cause
    ran: Totals  # only the shards of this run
    seconds: float
    cpu_us: dict[str, int]  # by stage, over all workers


@contextmanager
def _locked(output: Output) -> Iterator[None]:
    """Hold the output folder for one run; clean it before and after. OutputError if it cannot be written."""
    try:
        with output.hold():
            yield
    except StoreError as error:
        raise OutputError(str(error)) from None
    except OSError as error:
        raise OutputError(f"{output.path}: cannot be written: {error.strerror or error}") from None


def pending(plan: Plan, manifests: list[Manifest], output: OutputPath) -> list[ShardTask]:
    """Tasks for the shards that are not committed. OutputError if the committed ones were made in another way."""
    committed = {manifest["shard"]["name"]: manifest for manifest in manifests}
    if manifests and manifests[0]["fingerprint"] != plan.fingerprint:
        made_by = (run_record(output) or {}).get("made_by", {})
        what = differences(made_by, plan.fingerprint_inputs, read_recipe(output), plan.recipe.resolved())
        raise OutputError(f"{output}: made with {what}; choose another output folder")
    for shard in plan.shards:
        if shard.name in committed and committed[shard.name]["shard"]["version"] != shard.version:
            raise OutputError(f"{shard.source}: changed since it was written to {output}; choose another output folder")
    sink = Sink(output=str(output), schemas=plan.schemas, fingerprint=plan.fingerprint)
    return [ShardTask(shard, plan.recipe.read, plan.steps, sink) for shard in plan.shards if shard.name not in committed]


def run(plan: Plan, path: OutputPath, launch: Launcher, quiet: bool = False) -> RunResult:
    """Run all pending shards of `plan` with `launch`. OutputError before anything starts if the folder cannot be used."""
    output = output_at(path.absolute())
    with _locked(output):
        shards = [shard.name for shard in plan.shards]
        before = read_manifests(output.path, shards)
        tasks = pending(plan, before, output.path)
        output.write("recipe.yaml", yaml.safe_dump(plan.recipe.resolved(), sort_keys=False, allow_unicode=True).encode())
        _write_record(plan, output, total(before), None)
        started = time.monotonic()
        launched = launch(tasks, quiet) if tasks else Launched()
        seconds = time.monotonic() - started
        manifests = read_manifests(output.path, shards)
        names = {task.name for task in tasks}
        result = RunResult(
            totals=total(manifests),
            failed=launched.failed,
            ran=total(manifest for manifest in manifests if manifest["shard"]["name"] in names),
            seconds=seconds,
            cpu_us=launched.cpu_us,
        )
        if not result.totals.balanced():
            raise RuntimeError(f"{path}: in = kept + rejected + dead does not hold: {result.totals.to_dict()}")
        _write_record(plan, output, result.totals, result)
        output.write("README.md", dataset_card(plan, result.totals).encode())
        return result


def _write_record(plan: Plan, output: Output, totals: Totals, result: RunResult | None) -> None:
    record = {
        "recipe": plan.recipe.name,
        "made_by": plan.fingerprint_inputs,
        "fingerprint": plan.fingerprint,
        "counts": totals.to_dict(),
        "finished": result is not None,
        "failed": result.failed if result else {},
        "seconds": round(result.seconds, 3) if result else None,
        "stage_cpu_seconds": {stage: us / 1e6 for stage, us in result.cpu_us.items()} if result else {},
        "python": platform.python_version(),
        "packages": {name: version(name) for name in PACKAGES},
    }
    output.write("run.json", orjson.dumps(record, option=orjson.OPT_INDENT_2))
