"""Tasks for test_pool.py: in a module of their own, because workers import it."""

import ctypes
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from curricle.pipelines.execute.events import Progressed, ReportProgress
from curricle.pipelines.execute.fork_server import run_tasks

SECONDS = 20.0  # a bound for what takes milliseconds


def square(task: int, report: ReportProgress) -> int:
    for _ in range(3):
        report(task, 10 * task, 1)
    return task * task


def process_id(task: int, report: ReportProgress) -> int:
    return os.getpid()


def first_waits_for_the_others(task: int, report: ReportProgress, *, folder: Path, others: int) -> int:
    """Task 0 ends once all others have, so it needs another worker than theirs."""
    deadline = time.monotonic() + SECONDS
    while task == 0 and len(list(folder.iterdir())) < others:
        if time.monotonic() > deadline:
            raise TimeoutError("the other tasks wait behind this one")
        time.sleep(0.005)
    if task:
        (folder / str(task)).touch()
    return os.getpid()


def die(task: str, report: ReportProgress, *, folder: Path) -> str:
    """`once-...` dies in its first attempt only; the marks in `folder` tell which one it is."""
    report(1, 10, 1)
    times, _, way = task.partition("-")
    mark = folder / task
    if times == "never" or (times == "once" and mark.exists()):
        print("words of", task, flush=True)
        return task
    again = mark.exists()
    mark.touch()
    match way:
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "exit":
            os._exit(7)
        case "crash":
            print("last words", flush=True)
            ctypes.string_at(0)
        case "kill,exit":
            if again:
                os._exit(7)
            os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError(task)


def misbehave(task: str, report: ReportProgress) -> object:
    report(os.getpid(), 10, 1)
    match task:
        case "raises":
            raise ValueError("first line\n  second line")
        case "leaves":
            sys.exit(3)
        case "cannot be sent":
            return threading.Lock()
        case "tells and dies":
            report(os.getpid(), 20, 2)
            report(os.getpid(), 30, 3)
            os.kill(os.getpid(), signal.SIGKILL)
        case "interrupts":
            os.kill(os.getppid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)
        case "kills the fork server":
            os.kill(os.getppid(), signal.SIGKILL)
            threading.Event().wait(SECONDS)
    return task


def talk(task: str, report: ReportProgress) -> None:
    print("to stdout", flush=True)
    print("to stderr", file=sys.stderr, flush=True)
    logging.getLogger("curricle.stages.example").info("not worth telling")
    logging.getLogger("curricle.stages.example").warning("look at %s", task)
    logging.getLogger("apache_beam").warning("noise")


def threads(task: str, report: ReportProgress) -> tuple[int, int, str]:
    return pa.cpu_count(), pa.io_thread_count(), os.environ["OMP_NUM_THREADS"]


def beam_shard(task: int, report: ReportProgress) -> int:
    """Each of four elements is told from inside a DoFn; shard 1 breaks."""
    import apache_beam as beam

    class Read(beam.DoFn):
        def __init__(self, report: ReportProgress) -> None:
            self.report = report

        def process(self, shard: int) -> Iterator[int]:
            for element in range(4):
                self.report(1, 10, 1)
                yield element // (shard - 1)

    with beam.Pipeline("FnApiRunner") as pipeline:
        pipeline | beam.Create([task]) | "Read" >> beam.ParDo(Read(report))
    return os.getpid()


def hang(task: str, report: ReportProgress) -> None:
    """For ever; in C with the interpreter's lock held, if asked."""
    report(1, 1, 1)
    if task == "in C":
        ctypes.PyDLL(None).pause()
    threading.Event().wait()


def hang_twice() -> None:
    """A program with two busy workers; says `running` for each."""

    def tell(event: object) -> None:
        if isinstance(event, Progressed):
            print("running", flush=True)

    run_tasks(["in Python", "in C"], hang, workers=2, on_event=tell)
