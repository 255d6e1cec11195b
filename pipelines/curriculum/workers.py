"""Runs the tasks of a curriculum in processes of this machine; `engine_workers` does so on an engine, which needs Beam."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from curricle.pipelines.curriculum.errors import CurriculumError
from curricle.pipelines.engines.rounds import Committing
from curricle.pipelines.execute.events import Failed, ReportProgress
from curricle.pipelines.execute.fork_server import run_tasks
from curricle.pipelines.execute.progress_display import show_progress

Work = Callable[[Any, ReportProgress], None]


class Workers(Protocol):
    """Runs tasks."""

    def run(self, tasks: Sequence[Committing], work: Work) -> None:
        """Run every task that is not committed yet; CurriculumError, one line, if one fails."""


@dataclass(frozen=True)
class Processes:
    """Processes of this machine: how many, and whether they show progress."""

    count: int
    quiet: bool = False

    def run(self, tasks: Sequence[Committing], work: Work) -> None:
        """Run the largest task first; an error names the task."""
        left = sorted((task for task in tasks if not task.commit.exists()), key=lambda task: -task.size)
        if not left:
            return
        with show_progress(left, quiet=self.quiet) as on_event:
            outcomes = run_tasks(left, work, workers=max(1, min(self.count, len(left))), on_event=on_event)
        for outcome in outcomes:
            if isinstance(outcome, Failed):
                raise CurriculumError(f"{outcome.task.name}: {outcome.cause}")
