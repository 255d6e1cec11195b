"""The launcher of Beam's runners: one job for all pending shards."""

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import apache_beam as beam

from pipelines.fingerprint import code_sha256
from pipelines.graph import build
from pipelines.launch.engine import Engine, Job
from pipelines.launch.progress import show_progress
from pipelines.run import Launched, Launcher
from pipelines.stages import StageConfig
from pipelines.work import ShardTask
from stages.write import temporary_folder


def beam_launcher(engine: Engine) -> Launcher:
    """Launcher for an engine."""

    def launch(tasks: Sequence[ShardTask], quiet: bool) -> Launched:
        first = tasks[0]
        models = any(cast(StageConfig, config).models() for _, config in first.steps)
        job = Job(tasks, _build, temporary_folder(Path(first.sink.output)), models)
        with show_progress(tasks, quiet=quiet) as on_event:
            cause = engine.run(job, on_event)
        if cause is None:
            return Launched()
        left = sum(not task.commit.exists() for task in tasks)
        return Launched({f"{left} of {len(tasks)} shards": cause})

    return launch


def _build(pipeline: beam.Pipeline, tasks: Sequence[ShardTask]) -> None:
    first = tasks[0]
    build(pipeline, [task.shard for task in tasks], first.read, first.steps, first.sink, code_sha256())
