"""Jobs of a Beam engine for a list of tasks. Each task ends in a file that commits it: what is done is read from those files.

Which tasks a job gets, and how often: `pipelines.engines.rounds`.
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
from typing import Any, Generic

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from curricle.pipelines.engines.dataflow import check_dataflow
from curricle.pipelines.engines.flags import Runner, RunnerError, check_master, parse_flags
from curricle.pipelines.engines.programs import server_command
from curricle.pipelines.engines.rounds import Rounds, Stopped, T, Watch
from curricle.pipelines.engines.server import free_port, job_server
from curricle.pipelines.engines.settings import settings
from curricle.pipelines.execute.attempt_log import BEAT_S, Attempts
from curricle.pipelines.execute.events import Event, Failed

POLL_S = 0.5
LOST_S = 30.0  # an engine that notices that a worker is gone has another one by then; Prism does not always notice
SHOWN = 8  # names in a line
START_S = 300.0  # without a sign of a worker: a cluster's first one took 25 s
CLOUD_START_S = 1800.0  # where machines are started for the job, and fetch an image
STALL_S = 3600.0  # without a commit, or processor time used by any worker: a batch under a slow endpoint may take as long

Build = Callable[[beam.Pipeline, Sequence[T], Attempts, bool], object]
"""Wires tasks into a pipeline, with the notes that its workers make; the last argument: one task after the other."""


@dataclass(frozen=True)
class Job(Generic[T]):
    """What is to be done, how it is wired, and the folder (or URL) for the notes of the workers, empty or not there yet."""

    tasks: Sequence[T]
    build: Build[T]
    notes: str
    models: bool = False  # whether the work loads any


@dataclass(frozen=True)
class Ended(Generic[T]):
    """What is not done: tasks that were set aside, and how many were left where it was stopped before, and why."""

    set_aside: dict[T, str]
    left: int = 0
    cause: str | None = None


@dataclass(frozen=True)
class Engine:
    """A runner, its engine's own flags, and how many workers an engine on this machine gets. RunnerError for an unknown flag."""

    runner: Runner
    flags: tuple[str, ...]
    workers: int
    stall_s: float = STALL_S

    def __post_init__(self) -> None:
        given = parse_flags(self.runner, self.flags)
        if self.runner == "DataflowRunner":
            check_dataflow(self.flags)
        if self.runner == "SparkRunner":
            check_master(given)
        if "dry_run" in given:
            raise RunnerError("--dry_run starts nothing: it is a flag of `curricle plan`")

    @property
    def bounds(self) -> tuple[float, float]:
        """Seconds without a sign of a worker before the first one, and after it, until the run is ended."""
        return CLOUD_START_S if self.runner == "DataflowRunner" else START_S, self.stall_s

    def run(self, job: Job[T], on_event: Callable[[Event[Any, Any]], None]) -> Ended[T]:
        """Do all tasks that can be done. The causes are one line; that of a stopped run names the engine's log."""
        given = parse_flags(self.runner, self.flags)
        ours = settings(self.runner, given, shards=len(job.tasks), models=job.models, workers=self.workers)
        flags = [f"--runner={self.runner}", *(setting.flag for setting in ours), *self.flags]
        folder = Path(tempfile.mkdtemp(prefix="curricle-"))  # kept where the log in it is of use
        log = folder / f"{self.runner}.log"
        port = free_port()
        command = server_command(self.runner, parse_flags(self.runner, flags[1:]), port, folder)
        where = f" (log: {log})" if command else ""
        rounds = Rounds(Watch(job.tasks, on_event), job.notes, min(BEAT_S, self.stall_s / 4))
        cause: str | None = None
        with job_server(command, port, log) if command else contextlib.nullcontext(None) as endpoint:
            connect = [f"--job_endpoint={endpoint}"] if endpoint else []
            try:
                while (todo := rounds.next()) is not None:
                    with _no_traces():
                        rounds.failed = _submit([*flags, *connect], job.build, *todo, rounds.watch, self.bounds)
            except Stopped as stopped:
                cause = f"{stopped}{where}"
        set_aside = rounds.set_aside(where)
        for task, why in set_aside.items():
            on_event(Failed(task, why, ""))
        if cause is None and not set_aside:
            shutil.rmtree(folder, ignore_errors=True)
        left = len(rounds.watch.left) - len(set_aside)
        return Ended(set_aside, left, cause if left else None)


def _submit(
    flags: list[str],
    build: Build[T],
    tasks: list[T],
    attempts: Attempts,
    alone: bool,
    watch: Watch[T],
    bounds: tuple[float, float],
) -> str | None:
    """One job; None if it ended well, else one line. Stopped if no other would do better."""
    try:
        pipeline = beam.Pipeline(options=PipelineOptions(flags))
        build(pipeline, tasks, attempts, alone)
        result = pipeline.run()
    except Exception as error:  # each engine has its own kinds
        raise Stopped(f"it takes no job: {type(error).__name__}: {one_line(str(error))}") from error
    start_s, stall_s = bounds
    causes: list[str] = []
    waiting = threading.Thread(target=_wait, args=(result, causes), daemon=True)
    waiting.start()
    first = attempts.signs()
    left, signs, since, begun = len(watch.left), first, time.monotonic(), False
    try:
        while waiting.is_alive():
            waiting.join(POLL_S)
            watch.look()
            if (now := (len(watch.left), attempts.signs())) != (left, signs):
                (left, signs), since, begun = now, time.monotonic(), True
            if begun and time.monotonic() > since + LOST_S and attempts.lost(first):
                causes.insert(0, "its worker died, and the engine goes on waiting")
                break
            if time.monotonic() > since + (stall_s if begun else start_s):
                raise Stopped(_stalled(attempts, watch, stall_s) if begun else f"no worker has begun a shard in {start_s:.0f} s")
    finally:
        if waiting.is_alive():
            with contextlib.suppress(Exception):
                result.cancel()
    watch.look(last=True)
    if causes and ("[while running" in causes[0] or "ForeignCodeError" in causes[0]):
        raise Stopped(causes[0])
    return causes[0] if causes else None


def _stalled(attempts: Attempts, watch: Watch[T], stall_s: float) -> str:
    names = [task.name for task in watch.left.values()]
    begun = [name for name, causes in attempts.causes(names).items() if "" in causes]
    more = f" and {len(begun) - SHOWN} more" if len(begun) > SHOWN else ""
    return f"nothing committed and no worker busy for {stall_s:.0f} s; begun: {', '.join(begun[:SHOWN])}{more}"


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


def one_line(message: str) -> str:
    """What an engine says of a failed job, with its traces of Python and Java, to the line that says what went wrong."""
    lines = [line.strip() for line in message.replace("\\n", "\n").splitlines() if line.strip()]
    ours = [line for line in lines if "[while running" in line]
    if ours:
        return ours[-1]
    if said := re.search(r"^details = \"(.+)\"$", "\n".join(lines), re.MULTILINE):  # of gRPC
        return said[1][:500]
    after = [number for number, line in enumerate(lines) if "Traceback (most recent call last)" in line]
    errors = [line for line in lines[after[-1] :] if re.match(r"[\w.]+(Error|Exception|Interrupt)\b", line)] if after else []
    return (errors or lines or ["no reason given"])[0][:500]
