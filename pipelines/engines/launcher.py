"""The launcher for Beam's runners: one job for all pending shards."""

from collections.abc import Sequence

import apache_beam as beam

from curricle.pipelines.engines.job import Engine, Job
from curricle.pipelines.execute.attempt_log import Attempts
from curricle.pipelines.execute.graph import build, remote_execution
from curricle.pipelines.execute.progress_display import show_progress
from curricle.pipelines.execute.run import Launched, Launcher
from curricle.pipelines.execute.shard_task import ShardTask
from curricle.storage.output import output_at, parse_output


def beam_launcher(engine: Engine) -> Launcher:
    """A launcher for an engine."""

    def launch(tasks: Sequence[ShardTask], quiet: bool) -> Launched:
        first = tasks[0]
        models = any(step.models() for step in first.steps)
        notes = output_at(parse_output(first.sink.output)).notes
        with show_progress(tasks, quiet=quiet) as on_event:
            ended = engine.run(Job(tasks, _build, notes, models), on_event)
        failed = {task.shard.label: cause for task, cause in ended.failed.items()}
        return Launched(failed | ({f"{ended.pending} of {len(tasks)} shards": ended.cause} if ended.cause else {}))

    return launch


def _build(pipeline: beam.Pipeline, tasks: Sequence[ShardTask], attempts: Attempts, one_at_a_time: bool) -> None:
    first = tasks[0]
    remote = remote_execution(first.sink, attempts, one_at_a_time)
    build(pipeline, [task.shard for task in tasks], first.read, first.steps, first.sink, remote)
