"""Which tasks the workers of an engine have begun: a small file for each attempt, in a folder that all of them see.

It goes once the task is committed. What stays says what became of the attempt: a cause where the work raised, nothing where
the worker died, was stopped or is still at it. An engine tells neither which task was under way when it lost a worker, nor
whether a job that goes on for hours still moves.
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
from curricle.pipelines.execute import shard_failure as attempt

from curricle.storage.files import filesystem

BEAT_S = 20.0  # how often a worker says that it is at work
BUSY = 0.001  # of a core, over a beat, in the thread of the attempt; the others answer an engine's questions and use 0.04

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Attempts:
    """The notes of one job, or of several for the same tasks."""

    folder: str  # path, or URL of fsspec
    most: int  # attempts at a task, after which it is passed over
    beat_s: float = BEAT_S

    @contextmanager
    def begun(self, name: str) -> Iterator[bool]:
        """Note an attempt at the task of this name; False, and nothing noted, if there have been `most`.

        The note goes at the end, unless the work failed or this is left by an exception.
        """
        files, folder = filesystem(self.folder)
        files.makedirs(folder, exist_ok=True)
        key = _key(name)
        if sum(path.rpartition("/")[2].startswith(key) for path in self._notes()) >= self.most:
            yield False
            return
        _heart.begin(name, _Note(files, f"{folder}/{key}.{uuid.uuid4().hex}", _clock()), self.beat_s)
        attempt.begin(name)
        try:
            yield True
        except BaseException:
            _heart.leave(name)
            raise
        _heart.end(name)

    def signs(self) -> Any:
        """What changes when a worker begins or ends an attempt, or is at work; compares by value, empty before the first."""
        return {path: (it["size"], it.get("mtime"), it.get("LastModified"), it.get("etag")) for path, it in self._notes().items()}

    def causes(self, names: list[str]) -> dict[str, list[str]]:
        """By name of each task that was begun and is noted still: why each attempt failed, empty where that is not known."""
        files, _ = filesystem(self.folder)
        keys = {_key(name): name for name in names}
        found: dict[str, list[str]] = {}
        for path in self._notes():
            if name := keys.get(path.rpartition("/")[2].partition(".")[0]):
                with suppress(OSError, orjson.JSONDecodeError):  # it goes, or is written, at this moment
                    found.setdefault(name, []).append(orjson.loads(files.cat_file(path))["cause"])
        return found

    def lost(self, before: Collection[str]) -> bool:
        """Whether something was begun since the signs `before`, and all that are at it were processes here and are gone."""
        files, _ = filesystem(self.folder)
        notes = []
        for path in self._notes().keys() - set(before):
            with suppress(OSError, orjson.JSONDecodeError):
                notes.append(orjson.loads(files.cat_file(path)))
        at_work = [note for note in notes if not note["cause"]]
        return bool(at_work) and not any(note["host"] != platform.node() or _runs(note["pid"]) for note in at_work)

    def _notes(self) -> dict[str, Any]:
        files, folder = filesystem(self.folder)
        try:
            return dict(files.find(folder, detail=True))
        except FileNotFoundError:
            return {}


def fail(name: str, error: Exception) -> None:
    """The work on the task raised: note it."""
    _heart.failed(name, attempt.one_line(error), error)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except OSError as error:
        return not isinstance(error, ProcessLookupError)
    return True


def _key(name: str) -> str:
    return xxhash.xxh3_64_hexdigest(name.encode())


@dataclass
class _Note:
    files: Any  # file system
    path: str
    clock: int  # of the thread that made it
    used: float = 0.0
    beats: int = 0

    def write(self, name: str, cause: str = "") -> None:
        self.beats += 1
        note = {"name": name, "cause": cause, "host": platform.node(), "pid": os.getpid(), "beats": self.beats}
        self.files.pipe_file(self.path, orjson.dumps(note))

    def busy(self) -> float:
        """Seconds of its processor that the thread has used since the last call."""
        before = self.used
        with suppress(OSError):  # the thread is gone
            self.used = time.clock_gettime(self.clock)
        return self.used - before


def _clock() -> int:
    """Of this thread's processor time; of the process where there is none (macOS)."""
    of_thread = getattr(time, "pthread_getcpuclockid", None)
    return of_thread(threading.get_ident()) if of_thread else time.CLOCK_PROCESS_CPUTIME_ID


class _Heart:
    """The attempts of this process; one whose thread uses the processor is written anew at each beat."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.notes: dict[str, _Note] = {}
        self.thread: threading.Thread | None = None

    def begin(self, name: str, note: _Note, beat_s: float) -> None:
        with self.lock:
            note.write(name)
            self.notes[name] = note
            attempt.keep_failures(self.failed)
            if self.thread is None:
                self.thread = threading.Thread(target=self._beat, args=(beat_s,), daemon=True)
                self.thread.start()

    def end(self, name: str) -> None:
        if note := self.leave(name):
            note.files.rm_file(note.path)

    def leave(self, name: str) -> _Note | None:
        with self.lock:
            note = self.notes.pop(name, None)
            if not self.notes:
                attempt.keep_failures(None)
            return note

    def failed(self, name: str, cause: str, error: Exception) -> None:
        with self.lock:
            if note := self.notes.pop(name, None):
                note.write(name, cause)
                logger.warning("%s failed: %s", name, cause, exc_info=error)

    def _beat(self, beat_s: float) -> None:
        while True:
            time.sleep(beat_s)
            with self.lock, suppress(OSError):
                for name, note in self.notes.items():
                    if note.busy() >= BUSY * beat_s:
                        note.write(name)


_heart = _Heart()
