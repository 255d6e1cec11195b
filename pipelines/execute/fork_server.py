"""Runs tasks in worker processes, one task at a time in each. A worker that dies costs one retry of its task.

`work(task, report_progress)` is an importable function, or a `functools.partial` of one. Workers are forked from a fork server
that has imported its module (see `pipelines.execute.fork_server_worker`). Needs `os.fork`: Linux or macOS.
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

from curricle.pipelines.execute.events import (
    Event,
    Failed,
    Finished,
    Outcome,
    Progressed,
    R,
    ReportProgress,
    Retried,
    Started,
    T,
)
from curricle.pipelines.execute.fork_server_worker import EXITED, SPAWN, Counted, Raised, Returned

# There is a worker for each core, so each library gets one thread. Arrow's plans can hang with a single I/O thread
# (apache/arrow#36121), so it gets two.
ONE_THREAD = ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "RAYON")
ENVIRONMENT = {f"{name}_NUM_THREADS": "1" for name in ONE_THREAD} | {"ARROW_IO_THREADS": "2", "TOKENIZERS_PARALLELISM": "false"}

LOG_TAIL = 10_000  # bytes kept from the end of a dead worker's output
GRACE_S = 1.5  # time that the fork server has to exit by itself


def run_tasks(
    tasks: Sequence[T],
    work: Callable[[T, ReportProgress], R],
    *,
    workers: int,
    on_event: Callable[[Event[T, R]], None],
    preload: Sequence[str] = (),
) -> list[Outcome[T, R]]:
    """Run every task in one of `workers` processes and return the outcomes in the order of `tasks`.

    Tasks start in the given order, so put the largest first. `on_event` is called in this thread; an exception from it, Ctrl-C
    or SIGTERM (as SystemExit 143) kills the workers and is raised here. `preload` names modules to import before forking,
    besides the module of `work`.

    Raises ValueError if `workers` < 1, `pickle.PicklingError` if `work` is not an importable function, RuntimeError if a module
    cannot be imported or the fork server was killed.
    """
    if workers < 1:
        raise ValueError(f"workers must be at least 1, not {workers}")
    if not tasks:
        return []
    with _sigterm_exits(), _ForkServer(work, preload) as server:
        return _TaskRun(tasks, workers, on_event, server).outcomes_in_order()


@contextlib.contextmanager
def _sigterm_exits() -> Iterator[None]:
    """Turn SIGTERM into SystemExit(143), so that clean-up runs, unless the program has a handler of its own."""
    ours = threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    if ours:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        yield
    finally:
        if ours:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)


class _ForkServer:
    """The process that forks the workers. It and its workers exit when `control` closes, for whatever reason."""

    def __init__(self, work: Callable[..., object], preload: Sequence[str]) -> None:
        setup = pickle.dumps((work, tuple(preload)))
        self.control, child = socket.socketpair()
        self.log = tempfile.TemporaryFile()  # noqa: SIM115  closed in __exit__
        module = "curricle.pipelines.execute.fork_server_worker"
        code = f"import sys; sys.path[:] = {sys.path!r}; from {module} import main; main({child.fileno()})"
        with child, tempfile.TemporaryFile() as stdin:
            stdin.write(setup)
            stdin.seek(0)
            # Children inherit the mask: a terminal sends Ctrl-C to all of them, and the launcher handles it.
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
            self.process.wait(GRACE_S)
        except subprocess.TimeoutExpired:  # it is still importing
            self.process.kill()
            self.process.wait()
        finally:
            self.log.close()

    def spawn(self, number: int) -> "_Worker":
        """Start a worker. Its exit will be reported under `number`."""
        ours, theirs = Pipe()
        log = tempfile.TemporaryFile()  # noqa: SIM115  closed with the worker
        with theirs, contextlib.suppress(BrokenPipeError, ConnectionResetError):  # `next_exit` reports it with the reason
            socket.send_fds(self.control, [SPAWN.pack(number)], [theirs.fileno(), log.fileno()])
        return _Worker(number, ours, log)

    def next_exit(self) -> tuple[int, int]:
        """Wait for the next worker to exit; return its number and exit code. RuntimeError if the server itself exited."""
        try:
            message = self.control.recv(EXITED.size, socket.MSG_WAITALL)
        except ConnectionResetError:
            message = b""
        if len(message) == EXITED.size:
            number, exit_code = EXITED.unpack(message)
            return number, exit_code
        code = self.process.wait()
        raise RuntimeError(f"the process that starts the workers ended: {_describe_exit(code)}\n{_tail(self.log)}".rstrip())


@dataclass
class _Worker:
    number: int
    connection: Connection
    log: BinaryIO  # its stdout and stderr
    task: int | None = None  # position in the list of tasks

    def close(self) -> None:
        self.connection.close()
        self.log.close()


class _TaskRun(Generic[T, R]):
    """One call of `run_tasks`: which worker has which task, and the outcomes so far."""

    def __init__(
        self, tasks: Sequence[T], worker_count: int, on_event: Callable[[Event[T, R]], None], server: _ForkServer
    ) -> None:
        self.tasks, self.worker_count, self.on_event, self.server = tasks, worker_count, on_event, server
        self.waiting = deque(range(len(tasks)))
        self.numbers = count()
        self.workers: dict[int, _Worker] = {}
        self.exits: dict[int, str] = {}  # by task whose worker died once: how it died
        self.outcomes: dict[int, Outcome[T, R]] = {}

    def outcomes_in_order(self) -> list[Outcome[T, R]]:
        """Start workers, assign tasks and receive messages until every task has an outcome."""
        try:
            while len(self.outcomes) < len(self.tasks):
                while self.waiting and len(self.workers) < self.worker_count:
                    worker = self.server.spawn(next(self.numbers))
                    self.workers[worker.number] = worker
                    self._assign(worker)
                connected = {worker.connection: worker for worker in self.workers.values() if not worker.connection.closed}
                ready = wait([*connected, self.server.control])
                for connection in connected.keys() & set(ready):
                    self._receive(connected[connection])
                    self._assign_next(connected[connection])
                if self.server.control in ready:
                    self._on_exit(*self.server.next_exit())
        finally:
            for worker in self.workers.values():
                worker.close()
        return [self.outcomes[position] for position in range(len(self.tasks))]

    def _assign(self, worker: _Worker) -> None:
        worker.task = self.waiting.popleft()
        self.on_event(Started(self.tasks[worker.task]))
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # died while idle: counts as this task's attempt
            worker.connection.send(self.tasks[worker.task])

    def _assign_next(self, worker: _Worker) -> None:
        if worker.task is not None:
            return
        if self.waiting:
            self._assign(worker)
        else:
            self.workers.pop(worker.number).close()  # the worker exits when its connection closes

    def _receive(self, worker: _Worker) -> None:
        """Handle one message, or the end of the connection; the fork server reports the exit that this means."""
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
                    self._record(worker.task, Finished(task, result))
                    worker.task = None
                case Raised():
                    self._record(worker.task, Failed(task, *message))
                    worker.task = None

    def _on_exit(self, number: int, exit_code: int) -> None:
        if (worker := self.workers.pop(number, None)) is None:
            return  # it was no longer needed
        while not worker.connection.closed and worker.connection.poll():
            self._receive(worker)
        if (position := worker.task) is not None:
            task, how, details = self.tasks[position], _describe_exit(exit_code), _tail(worker.log)
            if (before := self.exits.get(position)) is None:
                self.exits[position] = how
                self.waiting.append(position)
                self.on_event(Retried(task, f"worker died: {how}", details))
            else:
                causes = f"{how}, twice" if how == before else f"{before}, then {how}"
                self._record(position, Failed(task, f"worker died: {causes}", details))
        worker.close()

    def _record(self, position: int, outcome: Outcome[T, R]) -> None:
        self.outcomes[position] = outcome
        self.on_event(outcome)


def _describe_exit(exit_code: int) -> str:
    if exit_code >= 0:
        return f"exit code {exit_code}"
    names = {number.value: f" ({number.name})" for number in signal.Signals}
    return f"killed by signal {-exit_code}{names.get(-exit_code, '')}"


def _tail(log: BinaryIO) -> str:
    """The end of a dead process's output, without the page of module names that follows faulthandler's stack."""
    log.seek(max(0, log.seek(0, os.SEEK_END) - LOG_TAIL))
    return log.read().decode(errors="replace").partition("\nExtension modules: ")[0].strip()
