"""Files that appear whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A path beside `path` to write to; it is synced and takes `path`'s place when the block ends well, and is removed when
    it does not.
    """
    part = path.with_name(f".{path.name}.{os.urandom(6).hex()}.part")  # no two writers share one, on whichever machines
    try:
        yield part
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
