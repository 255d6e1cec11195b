"""Records which tasks the workers of an engine have started: a small file per attempt, in a folder that all of them can see.

The file is removed once the task is committed. A file that stays says what happened to the attempt: it holds a cause if the work
raised an exception, and none if the worker died, was stopped or is still working. An engine reports neither which task a dead
worker was running, nor whether a job that has been running for hours still makes progress.
"""

import logging
import os
import platform
import threading
import time
import uuid
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import orjson
import xxhash

from curricle.errors import one_line
from curricle.pipelines.execute.shard_failure import set_failure_handler, start_attempt
from curricle.storage.files import filesystem

HEARTBEAT_S = 20.0  # how often a busy worker rewrites its files
BUSY = 0.001  # share of a core that the attempt's thread must use between heartbeats; threads that only answer an engine use 0.04

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Attempts:
    """The attempts of one job, or of several jobs with the same tasks."""

    folder: str  # path or fsspec URL
    limit: int  # attempts at a task; after that it is skipped
    heartbeat_s: float = HEARTBEAT_S

    @contextmanager
    def begun(self, name: str) -> Iterator[bool]:
        """Record an attempt at the task of this name. Gives False, and records nothing, if the limit is reached.

        The record is removed at the end, unless the work failed or an exception leaves the block.
        """
        files, folder = filesystem(self.folder)
        files.makedirs(folder, exist_ok=True)
        key = _key(name)
        if sum(path.rpartition("/")[2].startswith(key) for path in self._records()) >= self.limit:
            yield False
            return
        _heartbeat.add(name, _Record(files, f"{folder}/{key}.{uuid.uuid4().hex}", _thread_clock()), self.heartbeat_s)
        start_attempt(name)
        try:
            yield True
        except BaseException:
            _heartbeat.remove(name)
            raise
        _heartbeat.finish(name)

    def snapshot(self) -> Any:
        """A value that changes when a worker starts or ends an attempt, or is busy. Empty before the first attempt."""
        return {
            path: (entry["size"], entry.get("mtime"), entry.get("LastModified"), entry.get("etag"))
            for path, entry in self._records().items()
        }

    def causes(self, names: list[str]) -> dict[str, list[str]]:
        """By name of each task that still has records: why each attempt failed, or an empty string if that is unknown."""
        files, _ = filesystem(self.folder)
        keys = {_key(name): name for name in names}
        found: dict[str, list[str]] = {}
        for path in self._records():
            if name := keys.get(path.rpartition("/")[2].partition(".")[0]):
                with suppress(OSError, orjson.JSONDecodeError):  # removed or written at this moment
                    found.setdefault(name, []).append(orjson.loads(files.cat_file(path))["cause"])
        return found

    def workers_died(self, before: Collection[str]) -> bool:
        """Whether attempts were started since the snapshot `before`, and every process still marked as working has exited.

        False if any of them runs on another host.
        """
        files, _ = filesystem(self.folder)
        records = []
        for path in self._records().keys() - set(before):
            with suppress(OSError, orjson.JSONDecodeError):
                records.append(orjson.loads(files.cat_file(path)))
        working = [record for record in records if not record["cause"]]
        return bool(working) and not any(record["host"] != platform.node() or _is_running(record["pid"]) for record in working)

    def _records(self) -> dict[str, Any]:
        files, folder = filesystem(self.folder)
        try:
            return dict(files.find(folder, detail=True))
        except FileNotFoundError:
            return {}


def record_failure(name: str, error: Exception) -> None:
    """Record that the work on the task raised an exception."""
    _heartbeat.fail(name, one_line(error, kind=True), error)


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except OSError as error:
        return not isinstance(error, ProcessLookupError)
    return True


def _key(name: str) -> str:
    return xxhash.xxh3_64_hexdigest(name.encode())


@dataclass
class _Record:
    files: Any  # fsspec file system
    path: str
    clock: int  # CPU clock of the thread that created it
    used: float = 0.0
    heartbeats: int = 0

    def write(self, name: str, cause: str = "") -> None:
        self.heartbeats += 1
        content = {"name": name, "cause": cause, "host": platform.node(), "pid": os.getpid(), "beats": self.heartbeats}
        self.files.pipe_file(self.path, orjson.dumps(content))

    def cpu_seconds(self) -> float:
        """CPU time that the thread has used since the last call."""
        before = self.used
        with suppress(OSError):  # the thread is gone
            self.used = time.clock_gettime(self.clock)
        return self.used - before


def _thread_clock() -> int:
    """Id of this thread's CPU clock; of the process's on systems without one (macOS)."""
    clock_of = getattr(time, "pthread_getcpuclockid", None)
    return clock_of(threading.get_ident()) if clock_of else time.CLOCK_PROCESS_CPUTIME_ID


class _Heartbeat:
    """The attempts of this process. A thread rewrites the record of each one whose own thread is busy.

    There is one per process, because an engine runs several bundles of a job in one process.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.records: dict[str, _Record] = {}
        self.thread: threading.Thread | None = None

    def add(self, name: str, record: _Record, heartbeat_s: float) -> None:
        with self.lock:
            record.write(name)
            self.records[name] = record
            set_failure_handler(self.fail)
            if self.thread is None:
                self.thread = threading.Thread(target=self._run, args=(heartbeat_s,), daemon=True)
                self.thread.start()

    def finish(self, name: str) -> None:
        if record := self.remove(name):
            record.files.rm_file(record.path)

    def remove(self, name: str) -> _Record | None:
        with self.lock:
            record = self.records.pop(name, None)
            if not self.records:
                set_failure_handler(None)
            return record

    def fail(self, name: str, cause: str, error: Exception) -> None:
        with self.lock:
            if record := self.records.pop(name, None):
                record.write(name, cause)
                logger.warning("%s failed: %s", name, cause, exc_info=error)

    def _run(self, heartbeat_s: float) -> None:
        while True:
            time.sleep(heartbeat_s)
            with self.lock, suppress(OSError):
                for name, record in self.records.items():
                    if record.cpu_seconds() >= BUSY * heartbeat_s:
                        record.write(name)


_heartbeat = _Heartbeat()
