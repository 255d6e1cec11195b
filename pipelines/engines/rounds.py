"""Chooses the tasks of an engine's next job: those that are not committed, each with a limited number of attempts.

If the work on a task raises an exception, its worker drops the task, and a second job tries it once more along with the others.
A task that kills its worker cannot be told from the tasks that were running beside it. After two such attempts it waits until
all others are done; then these tasks run one at a time in one process, so that the next death has a single cause. A task that
fails again has failed for good, with its cause (`pipelines.execute.attempt_log`). The records are removed with the temporary
files, so the next run tries everything again.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from curricle.pipelines.execute.attempt_log import HEARTBEAT_S, Attempts
from curricle.pipelines.execute.events import Event, Finished, Progressed
from curricle.storage.output import OutputPath

TOGETHER, ALONE = 2, 1  # attempts at a task beside others, and by itself
MAX_FRUITLESS_JOBS = 10  # jobs in a row that failed and committed nothing; more means that the shards are not the cause

logger = logging.getLogger(__name__)


class Committing(Protocol):
    """A task that the fork server and an engine can run."""

    @property
    def name(self) -> str:
        """Unique among the tasks of a job."""

    @property
    def size(self) -> int:
        """Bytes in storage."""

    @property
    def commit(self) -> OutputPath:
        """The file that exists once the task is done."""

    def counts(self) -> tuple[int, int, int]:
        """Documents, bytes of text and kept documents, once the task is done."""


T = TypeVar("T", bound=Committing)


class Stopped(Exception):  # noqa: N818  a decision, not an error
    """Another job would not help."""


class CommitWatch(Generic[T]):
    """Finds out which tasks are committed by looking for their files, and reports them as events."""

    def __init__(self, tasks: Sequence[T], on_event: Callable[[Event[Any, Any]], None]) -> None:
        self.pending = {task.commit: task for task in tasks}
        self.on_event = on_event

    def poll(self, last: bool = False) -> None:
        """Report what was committed since the last call. The last call asks for each file, as a listing may lag behind."""
        listed = {path for folder in {path.parent for path in self.pending} if folder.is_dir() for path in folder.iterdir()}
        if last:
            listed |= {path for path in self.pending.keys() - listed if path.exists()}
        for path in sorted(listed & self.pending.keys()):
            task = self.pending.pop(path)
            self.on_event(Progressed(task, *task.counts()))
            self.on_event(Finished(task, None))


@dataclass
class Rounds(Generic[T]):
    """Chooses the tasks of the next job."""

    watch: CommitWatch[T]
    notes: str  # folder of the records of attempts
    heartbeat_s: float = HEARTBEAT_S
    failure: str | None = None  # why the last job failed
    fruitless_jobs: int = 0
    before: tuple[int, Any] | None = None

    @property
    def together(self) -> Attempts:
        """Attempts at tasks beside others."""
        return Attempts(f"{self.notes}/together", TOGETHER, self.heartbeat_s)

    @property
    def alone(self) -> Attempts:
        """Attempts at tasks by themselves."""
        return Attempts(f"{self.notes}/alone", ALONE, self.heartbeat_s)

    def next(self) -> tuple[list[T], Attempts, bool] | None:
        """Tasks, where their attempts are recorded, and whether they run one at a time; None if nothing remains to be done.

        Raises Stopped if another job would end like the last one.
        """
        if not self.watch.pending:
            return None
        state = len(self.watch.pending), (self.together.snapshot(), self.alone.snapshot())
        if self.before is not None:
            if state == self.before:
                raise Stopped(self.failure or "the job is DONE, and they are not committed")
            self.fruitless_jobs = 0 if state[0] < self.before[0] or not self.failure else self.fruitless_jobs + 1
            if self.fruitless_jobs == MAX_FRUITLESS_JOBS:
                raise Stopped(f"{MAX_FRUITLESS_JOBS} jobs in a row failed and committed nothing; the last: {self.failure}")
        self.before = state
        together, alone = self._causes()
        untried = [task for task in self.watch.pending.values() if len(together.get(task.name, ())) < TOGETHER]
        if untried:
            self._warn(f"it is submitted again for the {len(untried)} tasks left")
            return sorted(untried, key=lambda task: len(together.get(task.name, ()))), self.together, False
        suspects = [task for task in self.watch.pending.values() if "" in together[task.name] and task.name not in alone]
        if suspects:
            self._warn(f"{len(suspects)} tasks were under way when a worker died; they are done one after the other")
        return (suspects, self.alone, True) if suspects else None

    def failed_tasks(self, where: str = "") -> dict[T, str]:
        """The tasks that have used all attempts, with the last known cause. `where` is appended to a worker's death."""
        together, alone = self._causes()
        found = {}
        for task in self.watch.pending.values():
            causes = [*together.get(task.name, ()), *alone.get(task.name, ())]
            if task.name in alone or (len(causes) >= TOGETHER and "" not in causes):
                death = f"its worker died: {len(causes)} attempts, the last one by itself{where}"
                found[task] = next((cause for cause in reversed(causes) if cause), death)
        return found

    def _causes(self) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
        names = [task.name for task in self.watch.pending.values()]
        return self.together.causes(names), self.alone.causes(names)

    def _warn(self, what: str) -> None:
        if self.failure:
            logger.warning("the job failed (%s); %s", self.failure, what)
