"""The launcher of Beam's runners: one job for all pending shards."""

from collections.abc import Sequence

import apache_beam as beam
from curricle.pipelines.engines.job import Engine, Job
from curricle.pipelines.execute.attempt_log import Attempts
from curricle.pipelines.execute.graph import away_of, build
from curricle.pipelines.execute.progress_display import show_progress
from curricle.pipelines.execute.run import Launched, Launcher
from curricle.pipelines.execute.task import ShardTask

from curricle.storage.output import output_at, place


def beam_launcher(engine: Engine) -> Launcher:
    """Launcher for an engine."""

    def launch(tasks: Sequence[ShardTask], quiet: bool) -> Launched:
        first = tasks[0]
        models = any(step.models() for step in first.steps)
        notes = output_at(place(first.sink.output)).notes
        with show_progress(tasks, quiet=quiet) as on_event:
            ended = engine.run(Job(tasks, _build, notes, models), on_event)
        failed = {task.shard.place: cause for task, cause in ended.set_aside.items()}
        return Launched(failed | ({f"{ended.left} of {len(tasks)} shards": ended.cause} if ended.cause else {}))

    return launch


def _build(pipeline: beam.Pipeline, tasks: Sequence[ShardTask], attempts: Attempts, alone: bool) -> None:
    first = tasks[0]
    away = away_of(first.sink, attempts, alone)
    build(pipeline, [task.shard for task in tasks], first.read, first.steps, first.sink, away)
