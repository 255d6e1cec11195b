"""Who does the tasks of a curriculum: processes of this machine, or the workers of an engine."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import apache_beam as beam

from pipelines.curriculum.errors import CurriculumError
from pipelines.fingerprint import code_sha256
from pipelines.graph import spread
from pipelines.launch.engine import Committing, Engine, Job
from pipelines.launch.events import Failed, Report
from pipelines.launch.pool import run_tasks
from pipelines.launch.progress import show_progress

Work = Callable[[Any, Report], None]


class Workers(Protocol):
    """Does tasks."""

    def run(self, tasks: Sequence[Committing], work: Work) -> None:
        """Every task that is not committed yet; CurriculumError, one line, where one failed."""


@dataclass(frozen=True)
class Processes:
    """How many on this machine, and whether they say how far they are."""

    count: int
    quiet: bool = False

    def run(self, tasks: Sequence[Committing], work: Work) -> None:
        """The largest first; the error names the task."""
        left = sorted((task for task in tasks if not task.commit.exists()), key=lambda task: -task.size)
        if not left:
            return
        with show_progress(left, quiet=self.quiet) as on_event:
            outcomes = run_tasks(left, work, workers=max(1, min(self.count, len(left))), on_event=on_event)
        for outcome in outcomes:
            if isinstance(outcome, Failed):
                raise CurriculumError(f"{outcome.task.name}: {outcome.cause}")


@dataclass(frozen=True)
class EngineWorkers:
    """Those of an engine, which see the same files under the same paths."""

    engine: Engine
    quiet: bool = False

    def run(self, tasks: Sequence[Committing], work: Work) -> None:
        """One job."""
        left = [task for task in tasks if not task.commit.exists()]
        if not left:
            return
        sign = left[0].commit.parent / "_started"
        sign.unlink(missing_ok=True)

        def build(pipeline: beam.Pipeline, tasks: Sequence[Committing]) -> None:
            _ = spread(pipeline, tasks, code_sha256()) | "Work" >> beam.ParDo(_Do(work, sign))

        with show_progress(left, quiet=self.quiet) as on_event:
            cause = self.engine.run(Job(left, build, sign), on_event)
        sign.unlink(missing_ok=True)
        if cause:
            missing = sum(not task.commit.exists() for task in left)
            raise CurriculumError(f"{missing} of {len(left)} files were not done: {cause}")


class _Do(beam.DoFn):
    """A task is done once, also where the engine gives it out again."""

    def __init__(self, work: Work, sign: Path) -> None:
        self.work = work
        self.sign = sign

    def setup(self) -> None:
        self.sign.touch()

    def process(self, task: Committing) -> Iterator[str]:
        if not task.commit.exists():
            try:
                self.work(task, lambda *_: None)
            except Exception as error:
                raise RuntimeError(f"{task.name}: {type(error).__name__}: {error}") from error
        yield task.name
