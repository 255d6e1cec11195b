"""Which tasks an engine's next job gets: those that are not committed, each tried a bounded number of times.

A task whose work raises is dropped by its worker, and tried once more in a second job beside the others. A task whose worker
dies cannot be told from those that were under way beside it: after two such attempts it waits until all others are done; then
such tasks are done one after the other in one process, so that the next death has a single cause. What fails then too is set
aside with its cause (`pipelines.execute.attempt_log`). The notes are swept with the temporary files: the next run tries everything again.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from curricle.pipelines.execute.attempt_log import BEAT_S, Attempts
from curricle.pipelines.execute.events import Event, Finished, Progressed

from curricle.storage.output import Place

TOGETHER, ALONE = 2, 1  # attempts at a task, beside others and by itself
FRUITLESS = 10  # jobs in a row that failed and committed nothing: then it is not the shards

logger = logging.getLogger(__name__)


class Committing(Protocol):
    """A task that the pool and an engine can do."""

    @property
    def name(self) -> str:
        """Unique among the tasks of a job."""

    @property
    def size(self) -> int:
        """Bytes in storage."""

    @property
    def commit(self) -> Place:
        """The file that is there once the task is done."""

    def counts(self) -> tuple[int, int, int]:
        """Documents, bytes of text and documents kept, once it is done."""


T = TypeVar("T", bound=Committing)


class Stopped(Exception):  # noqa: N818  a decision
    """There is no use in another job."""


class Watch(Generic[T]):
    """Which tasks are committed, seen from their files, and told as events."""

    def __init__(self, tasks: Sequence[T], on_event: Callable[[Event[Any, Any]], None]) -> None:
        self.left = {task.commit: task for task in tasks}
        self.on_event = on_event

    def look(self, last: bool = False) -> None:
        """Tell what has been committed since the last look; the last one asks for each file, as a listing may be late."""
        there = {path for folder in {path.parent for path in self.left} if folder.is_dir() for path in folder.iterdir()}
        if last:
            there |= {path for path in self.left.keys() - there if path.exists()}
        for path in sorted(there & self.left.keys()):
            task = self.left.pop(path)
            self.on_event(Progressed(task, *task.counts()))
            self.on_event(Finished(task, None))


@dataclass
class Rounds(Generic[T]):
    """Which tasks the next job gets."""

    watch: Watch[T]
    notes: str  # folder
    beat_s: float = BEAT_S
    failed: str | None = None  # why the last job did
    fruitless: int = 0
    before: tuple[int, Any] | None = None

    @property
    def together(self) -> Attempts:
        """Notes of the attempts beside others."""
        return Attempts(f"{self.notes}/together", TOGETHER, self.beat_s)

    @property
    def alone(self) -> Attempts:
        """Notes of the attempts by itself."""
        return Attempts(f"{self.notes}/alone", ALONE, self.beat_s)

    def next(self) -> tuple[list[T], Attempts, bool] | None:
        """Tasks, where their attempts are noted, and whether one is done after the other; None if there is no more to do.

        Stopped if another job would end like the last one.
        """
        if not self.watch.left:
            return None
        state = len(self.watch.left), (self.together.signs(), self.alone.signs())
        if self.before is not None:
            if state == self.before:
                raise Stopped(self.failed or "the job is DONE, and they are not committed")
            self.fruitless = 0 if state[0] < self.before[0] or not self.failed else self.fruitless + 1
            if self.fruitless == FRUITLESS:
                raise Stopped(f"{FRUITLESS} jobs in a row failed and committed nothing; the last: {self.failed}")
        self.before = state
        beside, by_itself = self._causes()
        fresh = [task for task in self.watch.left.values() if len(beside.get(task.name, ())) < TOGETHER]
        if fresh:
            self._say(f"it is submitted again for the {len(fresh)} tasks left")
            return sorted(fresh, key=lambda task: len(beside.get(task.name, ()))), self.together, False
        suspects = [task for task in self.watch.left.values() if "" in beside[task.name] and task.name not in by_itself]
        if suspects:
            self._say(f"{len(suspects)} tasks were under way when a worker died; they are done one after the other")
        return (suspects, self.alone, True) if suspects else None

    def set_aside(self, where: str = "") -> dict[T, str]:
        """The tasks that have had their attempts, and what came of the last ones. `where`: put behind a worker's death."""
        beside, by_itself = self._causes()
        found = {}
        for task in self.watch.left.values():
            causes = [*beside.get(task.name, ()), *by_itself.get(task.name, ())]
            if task.name in by_itself or (len(causes) >= TOGETHER and "" not in causes):
                why = f"its worker died: {len(causes)} attempts, the last one by itself{where}"
                found[task] = next((cause for cause in reversed(causes) if cause), why)
        return found

    def _causes(self) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
        names = [task.name for task in self.watch.left.values()]
        return self.together.causes(names), self.alone.causes(names)

    def _say(self, what: str) -> None:
        if self.failed:
            logger.warning("the job failed (%s); %s", self.failed, what)
