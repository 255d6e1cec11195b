"""What the pool tells about its tasks while it runs, and what it returns."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

T = TypeVar("T")
R = TypeVar("R")

Report: TypeAlias = Callable[[int, int, int], None]  # documents, bytes, kept: what came since the last call


@dataclass(frozen=True)
class Started(Generic[T]):
    """A worker was given the task (for the second time, after `Retried`)."""

    task: T


@dataclass(frozen=True)
class Progressed(Generic[T]):
    """The present attempt at the task did this much more; void once it is `Retried` or `Failed`."""

    task: T
    documents: int
    bytes: int
    kept: int


@dataclass(frozen=True)
class Retried(Generic[T]):
    """The worker died; the task will be started once more, after those that wait. `details`: its last words on stderr."""

    task: T
    cause: str
    details: str


@dataclass(frozen=True)
class Finished(Generic[T, R]):
    """`work` returned `result`."""

    task: T
    result: R


@dataclass(frozen=True)
class Failed(Generic[T]):
    """`work` raised, or its worker died twice. `cause` is one line; `details` the traceback, or the last words on stderr."""

    task: T
    cause: str
    details: str


Outcome: TypeAlias = Finished[T, R] | Failed[T]
Event: TypeAlias = Started[T] | Progressed[T] | Retried[T] | Outcome[T, R]
