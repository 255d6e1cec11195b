"""The flags that a run sets by itself, each with a reason. Flags that the user gives take precedence.

The reasons are based on measurements with Spark 3.5.0, Flink 1.19 and Prism 2.77.0: see docs/deploy.md.
"""

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curricle.pipelines.engines.flags import Runner
from curricle.pipelines.execute.fork_server import ENVIRONMENT

MAX_PARTITIONS = 10_000  # Spark keeps a record of each in its driver
CACHE_MS = 600_000  # how long an idle worker keeps its models

EXCLUDE = {  # do not reuse an executor whose Python worker died: a cached one fails all four attempts within a second
    "enabled": "true",
    "task.maxTaskAttemptsPerExecutor": "1",
    "task.maxTaskAttemptsPerNode": "3",  # must be below spark.task.maxFailures, or the job ends before its first task
    "stage.maxFailedTasksPerExecutor": "1",
    "application.maxFailedTasksPerExecutor": "1",
    "stage.maxFailedExecutorsPerNode": "8",
    "application.maxFailedExecutorsPerNode": "8",
    "killExcludedExecutors": "true",
}

WARNINGS: dict[Runner, tuple[str, ...]] = {
    "PrismRunner": ("Prism does not retry: after a worker's death the job is submitted once more for the shards left.",),
    "SparkRunner": (),
    "FlinkRunner": (
        "Flink repeats the whole job after a worker's death if the cluster's config has a restart-strategy, else it ends the job:"
        " it is submitted once more for the shards left.",
    ),
    "DataflowRunner": (
        "No job was run there. Input and output must lie in an object store, models in the image; with --dry_run=True this makes"
        " the job and sends it nowhere.",
    ),
}


@dataclass(frozen=True)
class Setting:
    """A flag and the reason for it."""

    flag: str
    why: str


def worker_command() -> Path:
    """Path of `curricle-worker`, next to this Python."""
    return Path(sys.executable).with_name("curricle-worker")


def settings(runner: Runner, given: dict[str, Any], *, shards: int, models: bool, workers: int) -> list[Setting]:
    """Settings to add to the options `given`, for `shards` pending shards. `models` says whether a stage loads one."""
    return [setting for name, setting in _settings(runner, given, shards, models, workers) if name not in given]


def is_local(runner: Runner, given: dict[str, Any]) -> bool:
    """Whether the engine runs on this machine, inside the program that accepts the job."""
    if runner == "SparkRunner":
        return bool(re.fullmatch(r"local(\[.+\])?", given.get("spark_master_url", "local")))
    if runner == "FlinkRunner":
        return given.get("flink_master", "[local]") in ("[local]", "[auto]")
    return runner == "PrismRunner"


def _settings(runner: Runner, given: dict[str, Any], shards: int, models: bool, workers: int) -> Iterator[tuple[str, Setting]]:
    local = is_local(runner, given)
    slots = max(1, min(workers, shards))
    if runner != "DataflowRunner" and "sdk_container_image" not in given and "environment_type" not in given:
        command = json.dumps({"command": str(worker_command()), "env": ENVIRONMENT})
        yield (
            "environment_type",
            Setting("--environment_type=PROCESS", "a worker is a process of this Python: no image, no staging"),
        )
        yield (
            "environment_config",
            Setting(f"--environment_config={command}", "the same path on every machine; a thread a library"),
        )
    if runner == "PrismRunner":
        month = 30 * 24 * 3600
        yield (
            "job_server_timeout",
            Setting(f"--job_server_timeout={month}", "Beam takes a job of Prism's for failed after so many seconds; else 300"),
        )
    if runner == "DataflowRunner":
        yield (
            "number_of_worker_harness_threads",
            Setting("--number_of_worker_harness_threads=1", "a shard at a time in a process, a process a core"),
        )
    if runner == "SparkRunner":
        if local:
            yield "spark_master_url", Setting(f"--spark_master_url=local[{slots}]", "no cluster named: this machine")
            yield "sdk_worker_parallelism", Setting(f"--sdk_worker_parallelism={slots}", "a Python process for each slot")
        partitions = f"-Dspark.default.parallelism={min(max(shards, 1), MAX_PARTITIONS)}"
        yield (
            "",
            Setting(f"--job_server_jvm_properties={partitions}", "a task a shard: balanced by Spark, and a failure costs one"),
        )
        if models:
            yield (
                "environment_cache_millis",
                Setting(f"--environment_cache_millis={CACHE_MS}", "models are loaded once a worker, not once a task"),
            )
        if models and not local:
            for name, value in EXCLUDE.items():
                flag = f"--job_server_jvm_properties=-Dspark.excludeOnFailure.{name}={value}"
                yield "", Setting(flag, "a dead worker stays cached: its executor is replaced")
    if runner == "FlinkRunner":
        if local:
            yield "flink_master", Setting("--flink_master=[local]", "no cluster named: this machine")
            yield "parallelism", Setting(f"--parallelism={slots}", "as many slots as shards or --workers")
            yield "sdk_worker_parallelism", Setting(f"--sdk_worker_parallelism={slots}", "a Python process for each slot")
        if models:
            yield (
                "environment_cache_millis",
                Setting(f"--environment_cache_millis={CACHE_MS}", "models are loaded once a worker, not once a task"),
            )
