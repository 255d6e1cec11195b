"""Output in a local folder: files are written to temporary names in the folder, synced and renamed."""

import contextlib
import fcntl
import os
import shutil
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from curricle.storage.files import StoreError


@contextlib.contextmanager
def locked(file: Path, output: object) -> Iterator[None]:
    """Create and hold a lock file. StoreError naming `output` if another process holds it."""
    with file.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StoreError(f"{output}: another run is writing to this folder") from None
        yield


@contextlib.contextmanager
def without_attempts(attempts: Path) -> Iterator[None]:
    """Remove the folder of attempts before and after."""
    shutil.rmtree(attempts, ignore_errors=True)
    try:
        yield
    finally:
        shutil.rmtree(attempts, ignore_errors=True)


def new_attempt(attempts: Path, shard: str) -> Path:
    """Create a folder that no other attempt uses."""
    folder = attempts / f"{shard}.{uuid.uuid4().hex}"
    folder.mkdir(parents=True)
    return folder


@dataclass(frozen=True)
class LocalOutput:
    """An output folder on a local or mounted disk; for the methods see `Output`."""

    path: Path

    @property
    def attempts(self) -> Path:
        """The folder of temporary files; nothing in it is output."""
        return self.path / "_tmp"

    @property
    def notes(self) -> str:
        """A subfolder of `attempts`."""
        return str(self.attempts / "notes")

    @contextlib.contextmanager
    def hold(self) -> Iterator[None]:
        """Keep a second run out with a lock file."""
        self.path.mkdir(parents=True, exist_ok=True)
        names = [path.name for path in self.path.iterdir()]
        if names and not {"_manifest", "_lock"}.intersection(names):
            raise StoreError(f"{self.path}: not empty, and not made by curricle; choose another output folder")
        with locked(self.path / "_lock", self.path), without_attempts(self.attempts):
            (self.path / "_manifest").mkdir(exist_ok=True)
            yield

    def write(self, name: str, data: bytes) -> None:
        """Write to a temporary name beside it, then rename."""
        temporary = self.path / f"_{name}.{os.getpid()}"
        temporary.write_bytes(data)
        temporary.replace(self.path / name)

    def attempt(self, shard: str) -> Path:
        """A folder on the output's own file system, so that a rename commits."""
        return new_attempt(self.attempts, shard)

    def commit(self, file: Path, name: str) -> None:
        """Rename a file that is already synced, and sync the folder so that the new name survives a power failure."""
        target = self.path / name
        target.parent.mkdir(exist_ok=True)
        file.replace(target)
        descriptor = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def sizes(self, folder: str, names: Iterable[str]) -> dict[str, int]:
        """From one listing of the folder."""
        try:
            with os.scandir(self.path / folder) as entries:
                found = {entry.name: entry.stat().st_size for entry in entries if entry.is_file()}
        except FileNotFoundError:
            return {}
        return {name: found[name] for name in names if name in found}

    def leftovers(self) -> Iterator[str]:
        """A line if there are folders of attempts."""
        if any(self.attempts.glob("*")):
            yield f"{self.attempts}: temporary files of a run that was killed; the next run removes them"
