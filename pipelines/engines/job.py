"""Runs the jobs of a Beam engine for a list of tasks. Each task ends with a file that commits it; these files say what is done.

`pipelines.engines.rounds` decides which tasks a job gets, and how often.
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
from curricle.pipelines.engines.rounds import CommitWatch, Rounds, Stopped, T
from curricle.pipelines.engines.server import free_port, job_server
from curricle.pipelines.engines.settings import settings
from curricle.pipelines.execute.attempt_log import HEARTBEAT_S, Attempts
from curricle.pipelines.execute.events import Event, Failed

POLL_S = 0.5
LOST_S = 30.0  # by then an engine has replaced a dead worker; Prism does not always notice the death
SHOWN = 8  # names in a message
START_S = 300.0  # limit for the first worker to start; on a cluster it took 25 s
CLOUD_START_S = 1800.0  # the same limit if machines are started for the job and download an image
STALL_S = 3600.0  # limit without a commit or a busy worker; a batch with a slow endpoint may take that long

Build = Callable[[beam.Pipeline, Sequence[T], Attempts, bool], object]
"""Wires tasks into a pipeline. The last argument says whether they run one at a time."""


@dataclass(frozen=True)
class Job(Generic[T]):
    """The tasks, how they are wired into a pipeline, and an empty or new folder (or URL) for the records of attempts."""

    tasks: Sequence[T]
    build: Build[T]
    notes: str
    models: bool = False  # whether the work loads models


@dataclass(frozen=True)
class Ended(Generic[T]):
    """The tasks that were not done."""

    failed: dict[T, str]  # with the cause
    pending: int = 0  # number of tasks that remain because the run was stopped
    cause: str | None = None  # why it was stopped


@dataclass(frozen=True)
class Engine:
    """A runner, the flags of its engine, and the number of workers of an engine on this machine.

    Raises RunnerError for an unknown flag.
    """

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
            raise RunnerError("--dry_run starts nothing; use it with `curricle plan`")

    @property
    def bounds(self) -> tuple[float, float]:
        """Limits in seconds, after which the run is stopped: until the first worker starts, and then without progress."""
        return CLOUD_START_S if self.runner == "DataflowRunner" else START_S, self.stall_s

    def run(self, job: Job[T], on_event: Callable[[Event[Any, Any]], None]) -> Ended[T]:
        """Run all tasks. Each cause is one line; the cause of a stopped run names the engine's log."""
        given = parse_flags(self.runner, self.flags)
        ours = settings(self.runner, given, shards=len(job.tasks), models=job.models, workers=self.workers)
        flags = [f"--runner={self.runner}", *(setting.flag for setting in ours), *self.flags]
        folder = Path(tempfile.mkdtemp(prefix="curricle-"))  # kept if something failed, for the log in it
        log = folder / f"{self.runner}.log"
        port = free_port()
        command = server_command(self.runner, parse_flags(self.runner, flags[1:]), port, folder)
        where = f" (log: {log})" if command else ""
        rounds = Rounds(CommitWatch(job.tasks, on_event), job.notes, min(HEARTBEAT_S, self.stall_s / 4))
        cause: str | None = None
        with job_server(command, port, log) if command else contextlib.nullcontext(None) as endpoint:
            connect = [f"--job_endpoint={endpoint}"] if endpoint else []
            try:
                while (todo := rounds.next()) is not None:
                    with _quiet_beam():
                        rounds.failure = _submit([*flags, *connect], job.build, *todo, rounds.watch, self.bounds)
            except Stopped as stopped:
                cause = f"{stopped}{where}"
        failed = rounds.failed_tasks(where)
        for task, why in failed.items():
            on_event(Failed(task, why, ""))
        if cause is None and not failed:
            shutil.rmtree(folder, ignore_errors=True)
        pending = len(rounds.watch.pending) - len(failed)
        return Ended(failed, pending, cause if pending else None)


def _submit(
    flags: list[str],
    build: Build[T],
    tasks: list[T],
    attempts: Attempts,
    one_at_a_time: bool,
    watch: CommitWatch[T],
    bounds: tuple[float, float],
) -> str | None:
    """Run one job. Returns None if it succeeded, else the cause in one line. Stopped if another job would not help."""
    try:
        pipeline = beam.Pipeline(options=PipelineOptions(flags))
        build(pipeline, tasks, attempts, one_at_a_time)
        result = pipeline.run()
    except Exception as error:  # each engine has its own exception types
        raise Stopped(f"it takes no job: {type(error).__name__}: {cause_of(str(error))}") from error
    start_s, stall_s = bounds
    causes: list[str] = []
    waiting = threading.Thread(target=_wait, args=(result, causes), daemon=True)
    waiting.start()
    first = attempts.snapshot()
    state, since, started = (len(watch.pending), first), time.monotonic(), False
    try:
        while waiting.is_alive():
            waiting.join(POLL_S)
            watch.poll()
            if (now := (len(watch.pending), attempts.snapshot())) != state:
                state, since, started = now, time.monotonic(), True
            if started and time.monotonic() > since + LOST_S and attempts.workers_died(first):
                causes.insert(0, "its worker died, and the engine goes on waiting")
                break
            if time.monotonic() > since + (stall_s if started else start_s):
                raise Stopped(
                    _stalled(attempts, watch, stall_s) if started else f"no worker has begun a shard in {start_s:.0f} s"
                )
    finally:
        if waiting.is_alive():
            with contextlib.suppress(Exception):
                result.cancel()
    watch.poll(last=True)
    if causes and ("[while running" in causes[0] or "ForeignCodeError" in causes[0]):
        raise Stopped(causes[0])
    return causes[0] if causes else None


def _stalled(attempts: Attempts, watch: CommitWatch[T], stall_s: float) -> str:
    names = [task.name for task in watch.pending.values()]
    begun = [name for name, causes in attempts.causes(names).items() if "" in causes]
    more = f" and {len(begun) - SHOWN} more" if len(begun) > SHOWN else ""
    return f"nothing committed and no worker busy for {stall_s:.0f} s; begun: {', '.join(begun[:SHOWN])}{more}"


@contextlib.contextmanager
def _quiet_beam() -> Iterator[None]:
    """Keep Beam from printing the engine's pages of traces. They are in the engine's log, and our message has the cause."""
    root, beam_logger = logging.getLogger(), logging.getLogger("apache_beam")
    level = beam_logger.level
    beam_logger.setLevel(logging.CRITICAL)
    root.addFilter(_is_not_root)
    try:
        yield
    finally:
        beam_logger.setLevel(level)
        root.removeFilter(_is_not_root)


def _is_not_root(record: logging.LogRecord) -> bool:
    return record.name != "root"


def _wait(result: Any, causes: list[str]) -> None:
    try:
        state = result.wait_until_finish()
        if state != "DONE":
            causes.append(f"the job ended as {state}")
    except Exception as error:
        causes.append(cause_of(str(error)))


def cause_of(message: str) -> str:
    """Reduce an engine's message about a failed job, with its Python and Java traces, to the line with the cause."""
    lines = [line.strip() for line in message.replace("\\n", "\n").splitlines() if line.strip()]
    ours = [line for line in lines if "[while running" in line]
    if ours:
        return ours[-1]
    if details := re.search(r"^details = \"(.+)\"$", "\n".join(lines), re.MULTILINE):  # a gRPC error
        return details[1][:500]
    after = [number for number, line in enumerate(lines) if "Traceback (most recent call last)" in line]
    errors = [line for line in lines[after[-1] :] if re.match(r"[\w.]+(Error|Exception|Interrupt)\b", line)] if after else []
    return (errors or lines or ["no reason given"])[0][:500]
