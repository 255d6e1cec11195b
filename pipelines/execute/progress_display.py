"""Shows the progress of a run: a state computed from the events of its tasks, and one line of text made from the state."""

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, Self, TypeVar

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from curricle.pipelines.execute.events import Event, Failed, Finished, Progressed, Retried, Started

LARGEST_SHARE = 0.95  # at most this share of a running shard counts as done: it may hold more text than the finished ones suggest


class Sized(Protocol):
    """A task with a unique name and a size in bytes of storage, such as `schemas.shards.Shard`."""

    @property
    def name(self) -> str:
        """Unique among the tasks of a run."""

    @property
    def size(self) -> int:
        """Bytes in storage."""


S = TypeVar("S", bound=Sized)


@dataclass(frozen=True)
class Counts:
    """Documents read, bytes of their text, and documents kept."""

    documents: int = 0
    bytes: int = 0
    kept: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(self.documents + other.documents, self.bytes + other.bytes, self.kept + other.kept)


@dataclass(frozen=True, kw_only=True)
class RunState:
    """The state of a run. What an attempt did counts as soon as it is reported, and no longer once the attempt has failed."""

    shards: int
    size: int  # bytes in storage of all shards; one of unknown size counts as one byte
    started: float  # seconds, on the clock of `now` below
    finished: int = 0
    failed: int = 0
    finished_size: int = 0
    failed_size: int = 0
    counts: Counts = Counts()  # of finished shards
    running: Mapping[Sized, Counts] = field(default_factory=dict)  # of the current attempts

    @classmethod
    def before(cls, shards: Sequence[Sized], now: float) -> Self:
        """The state before anything has started."""
        return cls(shards=len(shards), size=sum(map(_weight, shards)), started=now)

    def after(self, event: Event[S, Any]) -> "RunState":
        """The state after `event`."""
        running = dict(self.running)
        counts = running.pop(event.task, Counts())
        match event:
            case Started():
                return replace(self, running={**running, event.task: Counts()})
            case Progressed(task, documents, text_bytes, kept):
                return replace(self, running={**running, task: counts + Counts(documents, text_bytes, kept)})
            case Retried():
                return replace(self, running=running)
            case Failed(task):
                failed_size = self.failed_size + _weight(task)
                return replace(self, running=running, failed=self.failed + 1, failed_size=failed_size)
            case Finished(task):
                finished_size = self.finished_size + _weight(task)
                return replace(
                    self,
                    running=running,
                    finished=self.finished + 1,
                    finished_size=finished_size,
                    counts=self.counts + counts,
                )

    @property
    def totals(self) -> Counts:
        """Counts of finished and running shards."""
        return sum(self.running.values(), self.counts)

    @property
    def size_done(self) -> float:
        """Bytes in storage of finished and failed shards, and an estimate for running ones from the text seen so far.

        The ratio of text to bytes in storage is that of the finished shards. Before the first one, running shards count as 0.
        """
        if not self.counts.bytes:
            return self.finished_size + self.failed_size
        stored_per_text = self.finished_size / self.counts.bytes
        shares = (min(counts.bytes * stored_per_text, LARGEST_SHARE * _weight(task)) for task, counts in self.running.items())
        return self.finished_size + self.failed_size + sum(shares)

    def seconds_left(self, now: float) -> float | None:
        """Estimate from the bytes in storage done so far; None before the first shard is done."""
        done = self.size_done
        return (now - self.started) * (self.size - done) / done if done else None


def _weight(task: Sized) -> int:
    return max(task.size, 1)


def summary(state: RunState, now: float) -> str:
    """One line: shards, documents, text, documents per second, share kept, failures, time left."""
    totals, seconds_left = state.totals, state.seconds_left(now)
    parts = [
        f"{state.finished}/{state.shards} shards",
        f"{totals.documents:,} documents",
        f"{totals.bytes / 1e6:,.0f} MB",
        f"{totals.documents / max(now - state.started, 1e-3):,.0f} docs/s",
    ]
    if totals.documents:
        parts.append(f"kept {totals.kept / totals.documents:.1%}")
    if state.failed:
        parts.append(f"{state.failed} failed")
    if seconds_left is not None and state.running:
        parts.append(f"{duration(seconds_left)} left")
    return ", ".join(parts)


def duration(seconds: float) -> str:
    """A rounded duration: 45 s, 12 min, 3 h 05 min."""
    if seconds < 59.5:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min"


def problem(event: Event[S, Any]) -> str | None:
    """The line to print for a failed or retried shard; None for other events."""
    match event:
        case Failed(task, cause):
            return f"failed: {task.name}: {cause}"
        case Retried(task, cause):
            return f"will be retried: {task.name}: {cause}"
        case _:
            return None


@contextlib.contextmanager
def show_progress(
    shards: Sequence[S],
    *,
    quiet: bool = False,
    console: Console | None = None,
    every: float = 10.0,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Callable[[Event[S, Any]], None]]:
    """Give the `on_event` function for `run_tasks`. Output goes to `console`, by default stderr.

    On a terminal it shows a bar; elsewhere it prints the summary at most every `every` seconds and once at the end. Each failed
    or retried shard gets a line. Prints nothing if `quiet`.
    """
    if quiet:
        yield lambda event: None
        return
    console = console or Console(stderr=True)
    state = RunState.before(shards, clock())

    def on_event(event: Event[S, Any]) -> None:
        nonlocal state
        state = state.after(event)
        if line := problem(event):
            console.print(line, markup=False, highlight=False, soft_wrap=True)
        update(state)

    with _bar(state, console, clock) if console.is_terminal else _lines(state, console, every, clock) as update:
        yield on_event


@contextlib.contextmanager
def _bar(state: RunState, console: Console, clock: Callable[[], float]) -> Iterator[Callable[[RunState], None]]:
    columns = BarColumn(bar_width=20), TimeElapsedColumn(), TextColumn("{task.description}", markup=False)
    # Data that is printed to stdout meanwhile must not be redirected to stderr.
    with Progress(*columns, console=console, refresh_per_second=4, redirect_stdout=False) as progress:
        bar = progress.add_task(summary(state, clock()), total=state.size)
        yield lambda state: progress.update(bar, completed=state.size_done, description=summary(state, clock()))


@contextlib.contextmanager
def _lines(state: RunState, console: Console, every: float, clock: Callable[[], float]) -> Iterator[Callable[[RunState], None]]:
    latest, due = state, clock() + every

    def show(now: float) -> None:
        console.print(summary(latest, now), markup=False, highlight=False, soft_wrap=True)

    def update(state: RunState) -> None:
        nonlocal latest, due
        latest = state
        if (now := clock()) >= due:
            due = now + every
            show(now)

    try:
        yield update
    finally:
        show(clock())
