"""Arrays on disk, for corpora and models larger than memory, in unnamed temporary files: a crash leaves nothing behind."""

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from curricle.errors import SpillError as SpillError


@dataclass
class Spill:
    """Temporary files in `folder`. While `active` is False, `keep` leaves arrays in memory.

    Files are mapped copy-on-write, so they are used like arrays in memory.
    """

    folder: Path
    active: bool = False

    def open(self) -> IO[bytes]:
        """A new temporary file; it disappears once it is closed and no longer mapped."""
        try:
            return TemporaryFile(dir=self.folder)
        except OSError as error:
            raise self.error(error) from None

    def write(self, file: IO[bytes], values: NDArray[Any]) -> None:
        """Append `values` (contiguous) to `file`."""
        try:
            file.write(values.data.cast("B"))
            file.flush()
        except OSError as error:
            raise self.error(error) from None

    def error(self, cause: OSError) -> SpillError:
        """`cause` as one line."""
        return SpillError(f"cannot write temporary files in {self.folder}: {cause.strerror}")

    def keep(self, values: NDArray[Any]) -> NDArray[Any]:
        """`values`, moved to disk and mapped if spilling is active."""
        if not self.active or not len(values) or isinstance(values, np.memmap):
            return values
        with self.open() as file:
            self.write(file, values)
            return np.memmap(file, values.dtype, "c", shape=values.shape)


class GrowingArray:
    """A uint32 array that grows at its end, on disk if spilling is active."""

    def __init__(self, spill: Spill) -> None:
        self.spill = spill
        self.blocks: list[NDArray[Any]] = []
        self.file = spill.open() if spill.active else None

    def append(self, values: NDArray[Any]) -> None:
        """Append a copy of `values`."""
        if self.file is None:
            self.blocks.append(values.copy())
        else:
            self.spill.write(self.file, values)

    def finish(self) -> NDArray[np.uint32]:
        """The whole array."""
        if self.file is None:
            return np.concatenate([np.empty(0, np.uint32), *self.blocks])
        with self.file as file:
            return np.memmap(file, np.uint32, "c") if file.tell() else np.empty(0, np.uint32)
