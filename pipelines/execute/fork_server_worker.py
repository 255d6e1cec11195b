"""The child processes of `fork_server`: a server that imports everything once, and workers that are forked from it.

multiprocessing's forkserver is not used: its workers import the program's `__main__` again, it keeps running when the launcher
is killed, and the one server of a process keeps the modules and the environment of its first user.
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

from curricle.errors import one_line

SPAWN = struct.Struct("!I")  # launcher -> server: number of the new worker, sent with the descriptors of its pipe and its log
EXITED = struct.Struct("!Ii")  # server -> launcher: number and exit code (negative: the signal that killed the worker)
FORWARDED = ("curricle",)  # loggers whose warnings are sent to the launcher
PR_SET_PDEATHSIG = 1  # linux/prctl.h


class Counted(NamedTuple):
    """Worker -> launcher: the arguments of one call of `report_progress`."""

    documents: int
    bytes: int
    kept: int


class Returned(NamedTuple):
    """Worker -> launcher: the task is done."""

    result: Any


class Raised(NamedTuple):
    """Worker -> launcher: the task raised an exception. Its type and message in one line, and the traceback."""

    cause: str
    details: str


# The connection to the launcher, set once when a worker starts. It is a module variable because Beam pickles whatever holds
# `report_progress`, and a connection cannot be pickled.
_launcher: Connection
_lock = Lock()  # Beam runs a task in several threads


def _send(message: Counted | Returned | Raised | logging.LogRecord) -> None:
    with _lock:
        _launcher.send(message)


def report_progress(documents: int, bytes: int, kept: int) -> None:
    """Tell the launcher what was done since the last call."""
    _send(Counted(documents, bytes, kept))


class _ForwardHandler(QueueHandler):
    """Sends log records, made picklable, to the launcher, which logs them under the same name."""

    def __init__(self) -> None:
        super().__init__(queue=None)  # type: ignore[arg-type]

    def enqueue(self, record: logging.LogRecord) -> None:
        _send(record)


def main(control_fd: int) -> None:
    """Run the fork server: read `(work, modules)` pickled from stdin, then fork a worker per request.

    It exits when the launcher is gone. On exit, for whatever reason, it kills and reaps its workers, so none outlives a launcher
    that was killed.
    """
    logging.basicConfig(level=logging.WARNING)  # before Beam is imported, which would do it at INFO; stderr is a file here
    control = socket.socket(fileno=control_fd)
    wake, wakened = socket.socketpair()
    for end in (wake, wakened):
        end.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wakened.fileno(), warn_on_full_buffer=False)
    gc.disable()  # everything that the imports create is kept
    work, modules = pickle.load(sys.stdin.buffer)
    for module in modules:
        import_module(module)
    gc.enable()
    gc.freeze()  # collections in a worker must not copy shared pages: 25 MB of its own after 30 Beam shards, not 56
    workers: dict[int, int] = {}  # process id -> number
    try:
        while True:
            readable, _, _ = select.select([control, wake], [], [])
            if wake in readable:
                wake.recv(4096)
                for number, exit_code in _reap(workers):
                    control.sendall(EXITED.pack(number, exit_code))
            if control in readable:
                request, descriptors, _, _ = socket.recv_fds(control, SPAWN.size, 2)
                if not request:
                    return
                pipe, log = descriptors
                server = os.getpid()
                if (process := os.fork()) == 0:
                    for end in (control, wake, wakened):
                        end.close()
                    _run_worker(work, pipe, log, server)
                workers[process] = SPAWN.unpack(request)[0]
                os.close(pipe)
                os.close(log)
    except (BrokenPipeError, ConnectionResetError):
        return
    finally:
        for process in workers:
            os.kill(process, signal.SIGKILL)  # not reaped yet, so the id still belongs to it
        for process in workers:
            os.waitpid(process, 0)


def _reap(workers: dict[int, int]) -> list[tuple[int, int]]:
    """(number, exit code) of the workers that have exited; they are removed from `workers`."""
    exited = []
    for process in tuple(workers):
        if (found := os.waitpid(process, os.WNOHANG))[0]:
            exited.append((workers.pop(process), os.waitstatus_to_exitcode(found[1])))
    return exited


def _run_worker(work: Callable[[Any, Any], Any], pipe: int, log: int, server: int) -> NoReturn:
    """Receive tasks and send messages until the launcher closes the pipe. Never returns to the server's code."""
    try:
        _set_up_worker(pipe, log, server)
        while True:
            task = _launcher.recv()
            os.lseek(log, 0, os.SEEK_SET)  # keep only what this task prints, in case the worker dies of it
            os.ftruncate(log, 0)
            try:
                _send(Returned(work(task, report_progress)))
            except BaseException as error:
                _send(Raised(one_line(error, kind=True), traceback.format_exc()))
    except (EOFError, OSError):
        os._exit(0)
    except BaseException:
        traceback.print_exc()
    os._exit(1)


def _set_up_worker(pipe: int, log: int, server: int) -> None:
    """Die with the server, restore signals, print to the log file, send warnings to the launcher."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != server:
        os._exit(0)
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})  # SIGINT stays blocked: the launcher handles Ctrl-C
    for standard in (1, 2):
        os.dup2(log, standard)
    faulthandler.enable()
    global _launcher
    _launcher = Connection(pipe)
    for name in FORWARDED:
        logging.getLogger(name).addHandler(_ForwardHandler())
