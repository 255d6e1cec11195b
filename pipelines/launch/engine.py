"""One job of a Beam engine for a list of tasks. Each ends in a file that commits it: what is done is read from those files.

A job that an engine gives up because a worker died is submitted once more for the tasks that are left, as our own pool
does with a task. An exception of the work is not tried again.
"""

import contextlib
import logging
import re
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions

from pipelines.engines.flags import Runner, RunnerError, parse_flags
from pipelines.engines.programs import server_command
from pipelines.engines.server import free_port, job_server
from pipelines.engines.settings import settings
from pipelines.launch.events import Event, Finished, Progressed

ATTEMPTS = 2
POLL_S = 0.5
START_S = 300.0  # without a sign of a worker: a cluster's first one took 25 s

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
    def commit(self) -> Path:
        """The file that is there once the task is done."""

    def counts(self) -> tuple[int, int, int]:
        """Documents, bytes of text and documents kept, once it is done."""


T = TypeVar("T", bound=Committing)


@dataclass(frozen=True)
class Job(Generic[T]):
    """What is to be done, how it is wired, and the path that is there once a worker has begun."""

    tasks: Sequence[T]
    build: Callable[[beam.Pipeline, Sequence[T]], object]
    sign: Path
    models: bool = False  # whether the work loads any


@dataclass(frozen=True)
class Engine:
    """A runner, its engine's own flags, and how many workers an engine on this machine gets. RunnerError for an unknown flag."""

    runner: Runner
    flags: tuple[str, ...]
    workers: int

    def __post_init__(self) -> None:
        parse_flags(self.runner, self.flags)
        if self.runner == "DataflowRunner":
            raise RunnerError("DataflowRunner: its workers cannot write a local folder, and object stores are not supported yet")

    def run(self, job: Job[T], on_event: Callable[[Event[Any, Any]], None]) -> str | None:
        """Do all tasks; None if all are committed, else one line: how many are not, why, and where the engine's log is."""
        given = parse_flags(self.runner, self.flags)
        ours = settings(self.runner, given, shards=len(job.tasks), models=job.models, workers=self.workers)
        flags = [*(setting.flag for setting in ours), *self.flags]
        folder = Path(tempfile.mkdtemp(prefix="curricle-"))  # kept where the log in it is of use
        log = folder / f"{self.runner}.log"
        port = free_port()
        command = server_command(self.runner, parse_flags(self.runner, flags), port, folder)
        watch = _Watch(job, on_event)
        cause: str | None = None
        server = job_server(command, port, log) if command else contextlib.nullcontext(None)
        with server as endpoint:
            connect = [f"--job_endpoint={endpoint}"] if endpoint else []
            for attempt in range(1, ATTEMPTS + 1):
                with _no_traces():
                    cause = _submit([f"--runner={self.runner}", *flags, *connect], job, watch)
                if cause is None or not watch.left or _raised(cause):
                    break
                if attempt < ATTEMPTS:
                    logger.warning("the job failed (%s); it is submitted again for the %d tasks left", cause, len(watch.left))
        if watch.left:
            where = f" (log: {log})" if command else ""
            return f"{cause or 'the job is DONE, and they are not committed'}{where}"
        shutil.rmtree(folder, ignore_errors=True)
        return None


class _Watch(Generic[T]):
    """Which tasks are committed, seen from their files, and told as events."""

    def __init__(self, job: Job[T], on_event: Callable[[Event[Any, Any]], None]) -> None:
        self.left = {task.commit: task for task in job.tasks}
        self.on_event = on_event
        self.sign = job.sign

    def look(self) -> None:
        """Tell what has been committed since the last look."""
        there = {path for folder in {path.parent for path in self.left} if folder.is_dir() for path in folder.iterdir()}
        for path in sorted(there & self.left.keys()):
            task = self.left.pop(path)
            self.on_event(Progressed(task, *task.counts()))
            self.on_event(Finished(task, None))

    def started(self) -> bool:
        """Whether a worker has begun."""
        return self.sign.exists()


def _submit(flags: list[str], job: Job[T], watch: _Watch[T]) -> str | None:
    """One submission for what is left; None if it ended well, else one line."""
    tasks = list(watch.left.values())
    pipeline = beam.Pipeline(options=PipelineOptions(flags))
    job.build(pipeline, tasks)
    result = pipeline.run()
    causes: list[str] = []
    waiting = threading.Thread(target=_wait, args=(result, causes), daemon=True)
    waiting.start()
    deadline: float | None = time.monotonic() + START_S
    try:
        while waiting.is_alive():
            waiting.join(POLL_S)
            watch.look()
            if deadline and (len(watch.left) < len(tasks) or watch.started()):
                deadline = None
            if deadline and time.monotonic() > deadline:
                causes.insert(0, f"no worker has begun a shard in {START_S:.0f} s")
                break
    finally:
        if waiting.is_alive():
            with contextlib.suppress(Exception):
                result.cancel()
    watch.look()
    return causes[0] if causes else None


@contextlib.contextmanager
def _no_traces() -> Iterator[None]:
    """Keeps Beam from printing what the engine says, pages of traces: it is in the engine's log, and its point in our line."""
    root, theirs = logging.getLogger(), logging.getLogger("apache_beam")
    level = theirs.level
    theirs.setLevel(logging.CRITICAL)
    root.addFilter(_not_of_root)
    try:
        yield
    finally:
        theirs.setLevel(level)
        root.removeFilter(_not_of_root)


def _not_of_root(record: logging.LogRecord) -> bool:
    return record.name != "root"


def _wait(result: Any, causes: list[str]) -> None:
    try:
        state = result.wait_until_finish()
        if state != "DONE":
            causes.append(f"the job ended as {state}")
    except Exception as error:
        causes.append(one_line(str(error)))


def _raised(cause: str) -> bool:
    return "[while running" in cause or "ForeignCodeError" in cause


def one_line(message: str) -> str:
    """What an engine says of a failed job, with its traces of Python and Java, to the line that says what went wrong."""
    lines = [line.strip() for line in message.replace("\\n", "\n").splitlines() if line.strip()]
    ours = [line for line in lines if "[while running" in line]
    if ours:
        return ours[-1]
    after = [number for number, line in enumerate(lines) if "Traceback (most recent call last)" in line]
    errors = [line for line in lines[after[-1] :] if re.match(r"[\w.]+(Error|Exception|Interrupt)\b", line)] if after else []
    return (errors or lines or ["no reason given"])[0][:500]
