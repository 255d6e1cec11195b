"""The launcher of Beam's runners: one job for all pending shards; what it has done is read from the manifests.

A job that an engine gives up because a worker died is submitted once more for the shards that are left, as our own pool
does with a shard. An exception of a stage is not tried again.
"""

import contextlib
import logging
import re
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import apache_beam as beam
import orjson
from apache_beam.options.pipeline_options import PipelineOptions

from pipelines.engines.flags import Runner, RunnerError, parse_flags
from pipelines.engines.programs import server_command
from pipelines.engines.server import free_port, job_server
from pipelines.engines.settings import settings
from pipelines.fingerprint import code_sha256
from pipelines.graph import build
from pipelines.launch.events import Event, Finished, Progressed
from pipelines.launch.progress import show_progress
from pipelines.run import Launched, Launcher
from pipelines.stages import StageConfig
from pipelines.work import ShardTask
from stages.write import manifest_path, temporary_folder

ATTEMPTS = 2
POLL_S = 0.5
START_S = 300.0  # without a sign of a worker: a cluster's first one took 25 s

logger = logging.getLogger(__name__)


def beam_launcher(runner: Runner, flags: Sequence[str], *, workers: int) -> Launcher:
    """Launcher for `runner` with the engine's own `flags`; RunnerError now for a flag that it does not have."""
    given = parse_flags(runner, flags)
    if runner == "DataflowRunner":
        raise RunnerError("DataflowRunner: its workers cannot write a local folder, and object stores are not supported yet")

    def launch(tasks: Sequence[ShardTask], quiet: bool) -> Launched:
        models = any(cast(StageConfig, config).models() for _, config in tasks[0].steps)
        ours = settings(runner, given, shards=len(tasks), models=models, workers=workers)
        everything = [*(setting.flag for setting in ours), *flags]
        with show_progress(tasks, quiet=quiet) as on_event:
            return _launch(runner, everything, tasks, on_event)

    return launch


def _launch(
    runner: Runner, flags: Sequence[str], tasks: Sequence[ShardTask], on_event: Callable[[Event[Any, Any]], None]
) -> Launched:
    folder = Path(tempfile.mkdtemp(prefix="curricle-"))  # kept where the log in it is of use
    log = folder / f"{runner}.log"
    options = parse_flags(runner, flags)
    port = free_port()
    command = server_command(runner, options, port, folder)
    watch = _Watch(tasks, on_event)
    cause: str | None = None
    server = job_server(command, port, log) if command else contextlib.nullcontext(None)
    with server as endpoint:
        connect = [f"--job_endpoint={endpoint}"] if endpoint else []
        for attempt in range(1, ATTEMPTS + 1):
            with _no_traces():
                cause = _run_job([f"--runner={runner}", *flags, *connect], watch)
            if cause is None or not watch.left or _raised(cause):
                break
            if attempt < ATTEMPTS:
                logger.warning("the job failed (%s); it is submitted again for the %d shards left", cause, len(watch.left))
    if watch.left:
        if cause is None:
            cause = "the job is DONE, and they have no manifest"
        where = f" (log: {log})" if command else ""
        return Launched({f"{len(watch.left)} of {len(tasks)} shards": f"{cause}{where}"})
    shutil.rmtree(folder, ignore_errors=True)
    return Launched()


class _Watch:
    """Which tasks are committed, seen from the manifests, and told as events."""

    def __init__(self, tasks: Sequence[ShardTask], on_event: Callable[[Event[Any, Any]], None]) -> None:
        self.left = {task.name: task for task in tasks}
        self.on_event = on_event
        self.output = Path(tasks[0].sink.output)

    def look(self) -> None:
        """Tell what has been committed since the last look."""
        names = {path.stem for path in manifest_path(self.output, "").parent.glob("*.json")}
        for name in sorted(names & self.left.keys()):
            task = self.left.pop(name)
            manifest = orjson.loads(manifest_path(self.output, name).read_bytes())
            files = manifest["files"]
            text_bytes = sum(file["text_bytes"] for file in files.values())
            self.on_event(Progressed(task, manifest["records"], text_bytes, files["kept"]["rows"]))
            self.on_event(Finished(task, None))

    def started(self) -> bool:
        """Whether a worker has begun to write."""
        return temporary_folder(self.output).is_dir()


def _run_job(flags: list[str], watch: _Watch) -> str | None:
    """One job for what is left; None if it ended well, else one line."""
    tasks = list(watch.left.values())
    pipeline = beam.Pipeline(options=PipelineOptions(flags))
    build(pipeline, [task.shard for task in tasks], tasks[0].read, tasks[0].steps, tasks[0].sink, code_sha256())
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
