"""An output folder, local or remote: the operations that a run and its workers need."""

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from curricle.storage.files import is_remote
from curricle.storage.local import LocalOutput
from curricle.storage.objects import ObjectOutput, ObjectPath

OutputPath = Path | ObjectPath
"""A file or folder that can be listed, read and written."""


class Output(Protocol):
    """A folder in which only complete files appear. Errors of the disk or the store are OSErrors."""

    @property
    def path(self) -> OutputPath:
        """The folder."""

    @property
    def notes(self) -> str:
        """A folder or URL where workers record their attempts during a run. It is removed before and after."""

    def hold(self) -> AbstractContextManager[None]:
        """Hold the folder for one run. It must be empty or the output of a run.

        Files that killed attempts left behind are removed before and after.
        """

    def write(self, name: str, data: bytes) -> None:
        """Write a small file, replacing an older one."""

    def attempt(self, shard: str) -> Path:
        """Create a local folder for the files of one attempt at a shard."""

    def commit(self, file: Path, name: str) -> None:
        """Move a complete local file to its final name, atomically, replacing an older one."""

    def sizes(self, folder: str, names: Iterable[str]) -> dict[str, int]:
        """Bytes of those of the files `names` in a subfolder that exist, by name."""

    def leftovers(self) -> Iterator[str]:
        """A line for each thing that killed attempts left behind."""


def parse_output(output: str) -> OutputPath:
    """Parse a URL, or a local path, which becomes absolute."""
    return ObjectPath(output.rstrip("/")) if is_remote(output) else Path(output).absolute()


def output_at(path: OutputPath) -> Output:
    """The output folder at a path."""
    return ObjectOutput(path) if isinstance(path, ObjectPath) else LocalOutput(path)
