"""Outputs in a local folder: files are written under temporary names inside it, synced and renamed."""

import contextlib
import fcntl
import os
import shutil
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from curricle.storage.files import StoreError


@contextlib.contextmanager
def locked(file: Path, output: object) -> Iterator[None]:
    """While a lock file is held, that this makes; StoreError if another process holds it."""
    with file.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StoreError(f"{output}: another run is writing here") from None
        yield


@contextlib.contextmanager
def swept(attempts: Path) -> Iterator[None]:
    """The folder of attempts is taken away before and after."""
    shutil.rmtree(attempts, ignore_errors=True)
    try:
        yield
    finally:
        shutil.rmtree(attempts, ignore_errors=True)


def new_attempt(attempts: Path, shard: str) -> Path:
    """A folder that no other attempt has."""
    folder = attempts / f"{shard}.{uuid.uuid4().hex}"
    folder.mkdir(parents=True)
    return folder


@dataclass(frozen=True)
class LocalOutput:
    """An output folder of this machine, or one that it shares; for the methods see `Output`."""

    path: Path

    @property
    def attempts(self) -> Path:
        """The folder where attempts write; nothing in it is output."""
        return self.path / "_tmp"

    @property
    def notes(self) -> str:
        """Among the attempts."""
        return str(self.attempts / "notes")

    @contextlib.contextmanager
    def hold(self) -> Iterator[None]:
        """A lock file keeps a second run out."""
        self.path.mkdir(parents=True, exist_ok=True)
        shown = [path.name for path in self.path.iterdir()]
        if shown and not {"_manifest", "_lock"}.intersection(shown):
            raise StoreError(f"{self.path}: not empty, and not an output of curricle")
        with locked(self.path / "_lock", self.path), swept(self.attempts):
            (self.path / "_manifest").mkdir(exist_ok=True)
            yield

    def write(self, name: str, data: bytes) -> None:
        """Beside its place, then renamed."""
        temporary = self.path / f"_{name}.{os.getpid()}"
        temporary.write_bytes(data)
        temporary.replace(self.path / name)

    def attempt(self, shard: str) -> Path:
        """On the output's own file system, so that a rename is enough."""
        return new_attempt(self.attempts, shard)

    def commit(self, file: Path, name: str) -> None:
        """Rename a file that is on the disk already, and sync the folder."""
        target = self.path / name
        target.parent.mkdir(exist_ok=True)
        file.replace(target)
        descriptor = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def leftovers(self) -> Iterator[str]:
        """Folders of attempts."""
        if any(self.attempts.glob("*")):
            yield f"{self.attempts}: left over from a run that was killed; the next run removes it"
