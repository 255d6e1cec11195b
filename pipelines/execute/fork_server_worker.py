"""The child side of the pool: a nursery that imports everything once, and workers forked from it, one task at a time.

Not multiprocessing's forkserver: its workers import the program's `__main__` anew and keep the server alive when the
launcher is killed, and its one server per process has the modules and the environment of whoever asked first.
"""

import ctypes
import faulthandler
import gc
import logging
import os
import pickle
import select
import signal
import socket
import struct
import sys
import traceback
from collections.abc import Callable
from importlib import import_module
from logging.handlers import QueueHandler
from multiprocessing.connection import Connection
from threading import Lock
from typing import Any, NamedTuple, NoReturn

HIRE = struct.Struct("!I")  # launcher -> nursery: number of the new worker; two descriptors ride along: its pipe and its log
DEATH = struct.Struct("!Ii")  # nursery -> launcher: number, exit code (negative: the signal that killed it)
OURS = ("curricle",)  # loggers whose warnings reach the launcher
PR_SET_PDEATHSIG = 1  # linux/prctl.h


class Counted(NamedTuple):
    """Worker -> launcher: what one `report` call added."""

    documents: int
    bytes: int
    kept: int


class Returned(NamedTuple):
    """Worker -> launcher: the task is done."""

    result: Any


class Raised(NamedTuple):
    """Worker -> launcher: the task raised; type and message in one line, and the traceback's text."""

    cause: str
    details: str


_pipe: Connection  # to the launcher; set in a worker
_lock = Lock()  # Beam runs a task in several threads


def _send(message: Counted | Returned | Raised | logging.LogRecord) -> None:
    with _lock:
        _pipe.send(message)


def report(documents: int, bytes: int, kept: int) -> None:
    """Tell the launcher what was done since the last call. A module's function, so that a DoFn that holds it can be pickled."""
    _send(Counted(documents, bytes, kept))


class _Forward(QueueHandler):
    """Sends records, made picklable, to the launcher, which logs them under the same name."""

    def __init__(self) -> None:
        super().__init__(queue=None)  # type: ignore[arg-type]

    def enqueue(self, record: logging.LogRecord) -> None:
        _send(record)


def main(control_fd: int) -> None:
    """The nursery: reads `(work, modules)` pickled from stdin, then forks a worker per request until the launcher is gone.

    On its way out, whatever the reason, it kills and reaps its workers: none outlives a launcher that was killed.
    """
    logging.basicConfig(level=logging.WARNING)  # before Beam is imported, which would do it at INFO; stderr is a file here
    control = socket.socket(fileno=control_fd)
    wake, wakened = socket.socketpair()
    for end in (wake, wakened):
        end.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wakened.fileno(), warn_on_full_buffer=False)
    gc.disable()  # all that the imports make stays
    work, modules = pickle.load(sys.stdin.buffer)
    for module in modules:
        if library := getattr(import_module(module), "LIBRARY", None):
            library.load()
    gc.enable()
    gc.freeze()  # a worker's collections must not copy the pages it shares: 25 MB of its own after 30 Beam shards, not 56
    workers: dict[int, int] = {}  # process id -> number
    try:
        while True:
            readable, _, _ = select.select([control, wake], [], [])
            if wake in readable:
                wake.recv(4096)
                for number, exit_code in _reap(workers):
                    control.sendall(DEATH.pack(number, exit_code))
            if control in readable:
                request, descriptors, _, _ = socket.recv_fds(control, HIRE.size, 2)
                if not request:
                    return
                pipe, log = descriptors
                nursery = os.getpid()
                if (process := os.fork()) == 0:
                    for end in (control, wake, wakened):
                        end.close()
                    _serve(work, pipe, log, nursery)
                workers[process] = HIRE.unpack(request)[0]
                os.close(pipe)
                os.close(log)
    except (BrokenPipeError, ConnectionResetError):
        return
    finally:
        for process in workers:
            os.kill(process, signal.SIGKILL)  # not reaped yet, so the id is still its own
        for process in workers:
            os.waitpid(process, 0)


def _reap(workers: dict[int, int]) -> list[tuple[int, int]]:
    """(number, exit code) of the workers that have ended; they are taken out of `workers`."""
    ended = []
    for process in tuple(workers):
        if (found := os.waitpid(process, os.WNOHANG))[0]:
            ended.append((workers.pop(process), os.waitstatus_to_exitcode(found[1])))
    return ended


def _serve(work: Callable[[Any, Any], Any], pipe: int, log: int, nursery: int) -> NoReturn:
    """A worker's whole life: tasks in, messages out, until the launcher closes the pipe. Never returns to the nursery."""
    try:
        _settle_in(pipe, log, nursery)
        while True:
            task = _pipe.recv()
            os.lseek(log, 0, os.SEEK_SET)  # keep what this task prints, should this worker die of it, and no more
            os.ftruncate(log, 0)
            try:
                _send(Returned(work(task, report)))
            except BaseException as error:
                cause = " ".join("".join(traceback.format_exception_only(error)).split())
                _send(Raised(cause, traceback.format_exc()))
    except (EOFError, OSError):
        os._exit(0)
    except BaseException:
        traceback.print_exc()
    os._exit(1)


def _settle_in(pipe: int, log: int, nursery: int) -> None:
    """Die with the nursery, take the usual signals again, print into the log file, send our warnings to the launcher."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != nursery:
        os._exit(0)
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})  # SIGINT stays blocked: a terminal sends it to all of us
    for standard in (1, 2):
        os.dup2(log, standard)
    faulthandler.enable()
    global _pipe
    _pipe = Connection(pipe)
    for name in OURS:
        logging.getLogger(name).addHandler(_Forward())
