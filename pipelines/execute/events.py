"""The events that the fork server sends about its tasks while it runs them, and the outcomes that it returns."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

T = TypeVar("T")
R = TypeVar("R")

ReportProgress: TypeAlias = Callable[[int, int, int], None]
"""Called by the work on a task with the documents, bytes and kept documents since the last call."""


@dataclass(frozen=True)
class Started(Generic[T]):
    """The task was given to a worker. It happens a second time after `Retried`."""

    task: T


@dataclass(frozen=True)
class Progressed(Generic[T]):
    """What the current attempt at the task added. No longer valid once the task is `Retried` or `Failed`."""

    task: T
    documents: int
    bytes: int
    kept: int


@dataclass(frozen=True)
class Retried(Generic[T]):
    """The worker died; the task will be started once more, after all waiting tasks. `details` is the end of its output."""

    task: T
    cause: str
    details: str


@dataclass(frozen=True)
class Finished(Generic[T, R]):
    """The work on the task returned `result`."""

    task: T
    result: R


@dataclass(frozen=True)
class Failed(Generic[T]):
    """The work raised an exception, or its worker died twice.

    `cause` is one line; `details` is the traceback, or the end of the worker's output.
    """

    task: T
    cause: str
    details: str


Outcome: TypeAlias = Finished[T, R] | Failed[T]
Event: TypeAlias = Started[T] | Progressed[T] | Retried[T] | Outcome[T, R]
