"""An output folder, wherever it is: what a run and its workers do with it."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from curricle.storage.files import is_remote
from curricle.storage.local import LocalOutput
from curricle.storage.objects import ObjectOutput, ObjectPath

Place = Path | ObjectPath
"""A file or folder that can be listed and read."""


class Output(Protocol):
    """A folder that takes whole files only. Errors of the disk or the store are OSErrors."""

    @property
    def path(self) -> Place:
        """The folder."""

    @property
    def notes(self) -> str:
        """A folder, or a URL, for what workers note while a run goes on; swept before and after."""

    def hold(self) -> AbstractContextManager[None]:
        """For one run: see that the folder is empty or ours, and sweep what killed attempts left, before and after."""

    def write(self, name: str, data: bytes) -> None:
        """Put a small file in its place, over an older one."""

    def attempt(self, shard: str) -> Path:
        """A new local folder for the files of one attempt at a shard."""

    def commit(self, file: Path, name: str) -> None:
        """Move a complete local file to its place; it is there whole or not at all, over an older one."""

    def leftovers(self) -> Iterator[str]:
        """A line for what killed attempts left."""


def place(output: str) -> Place:
    """A local path as an absolute one, or a URL."""
    return ObjectPath(output.rstrip("/")) if is_remote(output) else Path(output).absolute()


def output_at(path: Place) -> Output:
    """The output folder there."""
    return ObjectOutput(path) if isinstance(path, ObjectPath) else LocalOutput(path)
