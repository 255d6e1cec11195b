"""Runs tasks that each write a file, and are done where it exists."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

from curricle.errors import OutputError
from curricle.pipelines.execute.events import Failed, ReportProgress
from curricle.pipelines.execute.fork_server import run_tasks
from curricle.pipelines.execute.progress_display import Sized, show_progress


class Committed(Sized, Protocol):
    """A task with the file that says that it is done."""

    @property
    def commit(self) -> Path:
        """Exists once the task is done."""


C = TypeVar("C", bound=Committed)


def run_uncommitted(tasks: Sequence[C], work: Callable[[C, ReportProgress], None], workers: int, quiet: bool) -> None:
    """Run the tasks that are not committed yet, the largest first. Raises OutputError, one line, if one fails."""
    left = sorted((task for task in tasks if not task.commit.exists()), key=lambda task: -task.size)
    if not left:
        return
    with show_progress(left, quiet=quiet) as on_event:
        outcomes = run_tasks(left, work, workers=max(1, min(workers, len(left))), on_event=on_event)
    for outcome in outcomes:
        if isinstance(outcome, Failed):
            raise OutputError(f"{outcome.task.name}: {outcome.cause}")
