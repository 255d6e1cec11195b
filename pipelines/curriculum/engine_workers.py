"""Runs the tasks of a curriculum on the workers of an engine."""

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import apache_beam as beam

from curricle.pipelines.curriculum.errors import CurriculumError
from curricle.pipelines.curriculum.workers import Work
from curricle.pipelines.engines.job import Engine, Job
from curricle.pipelines.engines.rounds import Committing
from curricle.pipelines.execute.attempt_log import Attempts, record_failure
from curricle.pipelines.execute.graph import RemoteExecution, distribute
from curricle.pipelines.execute.progress_display import show_progress
from curricle.storage.output import OutputPath


@dataclass(frozen=True)
class EngineWorkers:
    """The workers of an engine, which must see the same files under the same paths."""

    engine: Engine
    quiet: bool = False

    def run(self, tasks: Sequence[Committing], work: Work) -> None:
        """Run one job; an error names the first task that failed."""
        left = [task for task in tasks if not task.commit.exists()]
        if not left:
            return
        notes = f"{left[0].commit.parent}/_attempts"
        shutil.rmtree(notes, ignore_errors=True)

        def build(pipeline: beam.Pipeline, tasks: Sequence[Committing], attempts: Attempts, one_at_a_time: bool) -> None:
            remote = RemoteExecution(attempts, _commit, one_at_a_time)
            _ = distribute(pipeline, tasks, remote) | "Work" >> beam.ParDo(_Do(work))

        try:
            with show_progress(left, quiet=self.quiet) as on_event:
                ended = self.engine.run(Job(left, build, notes), on_event)
        finally:
            shutil.rmtree(notes, ignore_errors=True)
        for task, cause in ended.failed.items():
            raise CurriculumError(f"{task.name}: {cause}")
        if ended.cause:
            raise CurriculumError(f"{ended.pending} of {len(left)} files were not done: {ended.cause}")


def _commit(task: Committing) -> OutputPath:
    return task.commit


class _Do(beam.DoFn):
    def __init__(self, work: Work) -> None:
        self.work = work

    def process(self, task: Committing) -> Iterator[str]:
        try:
            self.work(task, lambda *_: None)
        except Exception as error:
            record_failure(task.name, error)
            return
        yield task.name
