"""Files that appear complete or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a temporary path in the same folder. If the block succeeds, the file is synced and renamed to `path`.

    If the block fails, the temporary file is removed.
    """
    temporary = path.with_name(f".{path.name}.{os.urandom(6).hex()}.part")  # unique across machines
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
