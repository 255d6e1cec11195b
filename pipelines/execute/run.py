"""Runs a plan into an output folder: locks the folder, finds what is committed, runs the rest, records the result."""

import platform
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version

import orjson
import yaml

from curricle.pipelines.execute.resume import inputs_hash, resume
from curricle.pipelines.execute.shard_task import ShardTask
from curricle.pipelines.output.dataset_card import dataset_card
from curricle.pipelines.output.dead_limits import over_limits
from curricle.pipelines.output.manifest import OutputError, Totals, read_manifests, total
from curricle.pipelines.plan.run_plan import Plan
from curricle.schemas.dead_limits import DEFAULT_LIMITS, DeadLimits
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
    notes: tuple[str, ...] = ()  # about what was found in the output folder, one line each
    too_many_dead: tuple[str, ...] = ()  # files, and the run, with more dead letters than the limits allow, one line each


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


def run(
    plan: Plan,
    path: OutputPath,
    launch: Launcher,
    quiet: bool = False,
    *,
    append: bool = False,
    prune: bool = False,
    limits: DeadLimits = DEFAULT_LIMITS,
) -> RunResult:
    """Run all pending shards of `plan` with `launch`. OutputError before anything starts if the folder cannot be used.

    `append` allows inputs that earlier runs into this folder did not have; `prune` removes documents of those that are gone.
    """
    output = output_at(path.absolute())
    with _locked(output):
        shards = [shard.name for shard in plan.shards]
        found = resume(plan, output, read_manifests(output.path, shards), append=append, prune=prune)
        tasks = found.tasks
        output.write("recipe.yaml", yaml.safe_dump(plan.recipe.resolved(), sort_keys=False, allow_unicode=True).encode())
        _write_record(plan, output, total(found.committed), None)
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
            notes=found.notes,
            too_many_dead=tuple(over_limits(manifests, limits)),
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
        "inputs": inputs_hash(plan.shards),
        "left_out": list(plan.left_out),
        "fingerprint": plan.fingerprint,
        "counts": totals.to_dict(),
        "finished": result is not None and not result.failed,
        "failed": result.failed if result else {},
        "seconds": round(result.seconds, 3) if result else None,
        "stage_cpu_seconds": {stage: us / 1e6 for stage, us in result.cpu_us.items()} if result else {},
        "python": platform.python_version(),
        "packages": {name: version(name) for name in PACKAGES},
    }
    output.write("run.json", orjson.dumps(record, option=orjson.OPT_INDENT_2))
