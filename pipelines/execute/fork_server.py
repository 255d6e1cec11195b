"""A pool of worker processes that survives its workers: one task at a time each, a death costs one task's retry.

`work(task, report)` is an importable function, or a `functools.partial` of one, and runs in processes forked from one that
has imported its module (see `pipelines.execute.fork_server_worker`). Needs `os.fork`: Linux or macOS.
"""

import contextlib
import logging
import os
import pickle
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from multiprocessing.connection import Connection, Pipe, wait
from typing import BinaryIO, Generic, Self

from curricle.pipelines.execute.events import Event, Failed, Finished, Outcome, Progressed, R, Report, Retried, Started, T
from curricle.pipelines.execute.fork_server_worker import DEATH, HIRE, Counted, Raised, Returned

# As many workers as cores, so one thread for each library; Arrow's plans can hang with one I/O thread (apache/arrow#36121).
ONE_EACH = ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "NUMBA", "RAYON")
ENVIRONMENT = {f"{name}_NUM_THREADS": "1" for name in ONE_EACH} | {"ARROW_IO_THREADS": "2", "TOKENIZERS_PARALLELISM": "false"}

LOG_TAIL = 10_000  # bytes of a dead worker's last words that are kept
GRACE = 1.5  # seconds that the nursery has to end by itself


def run_tasks(
    tasks: Sequence[T],
    work: Callable[[T, Report], R],
    *,
    workers: int,
    on_event: Callable[[Event[T, R]], None],
    preload: Sequence[str] = (),
) -> list[Outcome[T, R]]:
    """Run every task in one of `workers` processes; the outcomes in the order of `tasks`.

    Tasks are started in the given order, the next one whenever a worker is free, so sort the largest first. `on_event` is
    called in this thread; an exception from it, Ctrl-C or SIGTERM (as SystemExit 143) kills the workers and is raised here.
    `preload` names modules to import before forking, besides the one of `work`; compiled functions in one (`LIBRARY`) are
    loaded.

    Raises ValueError if `workers` < 1, `pickle.PicklingError` for a `work` that is no importable function, RuntimeError if the
    modules cannot be imported or the nursery was killed.
    """
    if workers < 1:
        raise ValueError(f"workers must be at least 1, not {workers}")
    if not tasks:
        return []
    with _sigterm_exits(), _Nursery(work, preload) as nursery:
        return _Run(tasks, workers, on_event, nursery).finish()


@contextlib.contextmanager
def _sigterm_exits() -> Iterator[None]:
    """SIGTERM raises SystemExit(143), so that cleaning up happens; where the program has no handler of its own."""
    mine = threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    if mine:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        yield
    finally:
        if mine:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)


class _Nursery:
    """The process that forks the workers. It ends, and its workers with it, when `control` closes, however that happens."""

    def __init__(self, work: Callable[..., object], preload: Sequence[str]) -> None:
        setup = pickle.dumps((work, tuple(preload)))
        self.control, child = socket.socketpair()
        self.log = tempfile.TemporaryFile()  # noqa: SIM115  closed in __exit__
        code = f"import sys; sys.path[:] = {sys.path!r}; from curricle.pipelines.execute.fork_server_worker import main; main({child.fileno()})"
        with child, tempfile.TemporaryFile() as stdin:
            stdin.write(setup)
            stdin.seek(0)
            # Children inherit the mask: Ctrl-C, which a terminal sends to all of them, is the launcher's to handle.
            mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
            try:
                self.process = subprocess.Popen(
                    [sys.executable, "-c", code],
                    stdin=stdin,
                    stdout=self.log,
                    stderr=self.log,
                    pass_fds=[child.fileno()],
                    env={**os.environ, **ENVIRONMENT},
                )
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, mask)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.control.close()
        try:
            self.process.wait(GRACE)
        except subprocess.TimeoutExpired:  # it is still importing
            self.process.kill()
            self.process.wait()
        finally:
            self.log.close()

    def fork(self, number: int) -> "_Worker":
        """A new worker; its death will be told under `number`."""
        ours, theirs = Pipe()
        log = tempfile.TemporaryFile()  # noqa: SIM115  closed with the worker
        with theirs, contextlib.suppress(BrokenPipeError, ConnectionResetError):  # `death` has better words for it
            socket.send_fds(self.control, [HIRE.pack(number)], [theirs.fileno(), log.fileno()])
        return _Worker(number, ours, log)

    def death(self) -> tuple[int, int]:
        """Number and exit code of the next worker that ended; blocks. RuntimeError if the nursery itself ended."""
        try:
            message = self.control.recv(DEATH.size, socket.MSG_WAITALL)
        except ConnectionResetError:
            message = b""
        if len(message) == DEATH.size:
            number, exit_code = DEATH.unpack(message)
            return number, exit_code
        code = self.process.wait()
        raise RuntimeError(f"the process that starts the workers ended: {_manner(code)}\n{_tail(self.log)}".rstrip())


@dataclass
class _Worker:
    number: int
    connection: Connection
    log: BinaryIO  # its stdout and stderr
    task: int | None = None  # position in the list of tasks

    def close(self) -> None:
        self.connection.close()
        self.log.close()


class _Run(Generic[T, R]):
    """One call of `run_tasks`: who works at what, and what has become of it."""

    def __init__(self, tasks: Sequence[T], workers: int, on_event: Callable[[Event[T, R]], None], nursery: _Nursery) -> None:
        self.tasks, self.workers, self.on_event, self.nursery = tasks, workers, on_event, nursery
        self.waiting = deque(range(len(tasks)))
        self.numbers = count()
        self.crew: dict[int, _Worker] = {}
        self.deaths: dict[int, str] = {}  # by task that has cost a worker: how that worker died
        self.outcomes: dict[int, Outcome[T, R]] = {}

    def finish(self) -> list[Outcome[T, R]]:
        """Hire, hand out and listen until every task has its outcome."""
        try:
            while len(self.outcomes) < len(self.tasks):
                while self.waiting and len(self.crew) < self.workers:
                    worker = self.nursery.fork(next(self.numbers))
                    self.crew[worker.number] = worker
                    self._hand_out(worker)
                heard = {worker.connection: worker for worker in self.crew.values() if not worker.connection.closed}
                ready = wait([*heard, self.nursery.control])
                for connection in heard.keys() & set(ready):
                    self._receive(heard[connection])
                    self._keep_busy(heard[connection])
                if self.nursery.control in ready:
                    self._bury(*self.nursery.death())
        finally:
            for worker in self.crew.values():
                worker.close()
        return [self.outcomes[position] for position in range(len(self.tasks))]

    def _hand_out(self, worker: _Worker) -> None:
        worker.task = self.waiting.popleft()
        self.on_event(Started(self.tasks[worker.task]))
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # died while idle: counts as this task's attempt
            worker.connection.send(self.tasks[worker.task])

    def _keep_busy(self, worker: _Worker) -> None:
        if worker.task is not None:
            return
        if self.waiting:
            self._hand_out(worker)
        else:
            self.crew.pop(worker.number).close()  # which the worker takes as its dismissal

    def _receive(self, worker: _Worker) -> None:
        """One message, or the end of them: the death that it means is told by the nursery."""
        try:
            message = worker.connection.recv()
        except (EOFError, ConnectionResetError):
            worker.connection.close()
            return
        if isinstance(message, logging.LogRecord):
            logger = logging.getLogger(message.name)
            if logger.isEnabledFor(message.levelno):
                logger.handle(message)
        elif worker.task is not None:
            task = self.tasks[worker.task]
            match message:
                case Counted():
                    self.on_event(Progressed(task, *message))
                case Returned(result):
                    self._settle(worker.task, Finished(task, result))
                    worker.task = None
                case Raised():
                    self._settle(worker.task, Failed(task, *message))
                    worker.task = None

    def _bury(self, number: int, exit_code: int) -> None:
        if (worker := self.crew.pop(number, None)) is None:
            return  # it had been dismissed
        while not worker.connection.closed and worker.connection.poll():
            self._receive(worker)
        if (position := worker.task) is not None:
            task, manner, details = self.tasks[position], _manner(exit_code), _tail(worker.log)
            if (before := self.deaths.get(position)) is None:
                self.deaths[position] = manner
                self.waiting.append(position)
                self.on_event(Retried(task, f"worker died: {manner}", details))
            else:
                causes = f"{manner}, twice" if manner == before else f"{before}, then {manner}"
                self._settle(position, Failed(task, f"worker died: {causes}", details))
        worker.close()

    def _settle(self, position: int, outcome: Outcome[T, R]) -> None:
        self.outcomes[position] = outcome
        self.on_event(outcome)


def _manner(exit_code: int) -> str:
    """How a process ended, in words."""
    if exit_code >= 0:
        return f"exit code {exit_code}"
    names = {number.value: f" ({number.name})" for number in signal.Signals}
    return f"killed by signal {-exit_code}{names.get(-exit_code, '')}"


def _tail(log: BinaryIO) -> str:
    """The end of a dead process's output, without the page of module names that follows faulthandler's stack."""
    log.seek(max(0, log.seek(0, os.SEEK_END) - LOG_TAIL))
    return log.read().decode(errors="replace").partition("\nExtension modules: ")[0].strip()
