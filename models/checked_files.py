"""Files whose bytes are known: hashed once on a machine, and again if anything about them has changed since.

What was found is noted in the user's cache beside the file's device, inode, size, owner and times. A note that cannot be written
costs a hash in each process.
"""

from pathlib import Path
from typing import Final

import orjson
import xxhash

from curricle.models.cards import Card, ModelError, file_sha256
from curricle.models.catalog import cache_folder, own_cache_folder
from curricle.storage.whole_file import whole_file

NOTES: Final = "checked"


def has_sha256(path: Path, expected: str) -> bool:
    """Whether a file has this SHA-256 (hex). Raises OSError if it cannot be read."""
    state = _state(path)
    if _noted(path) == (state, expected):
        return True
    if file_sha256(path) != expected or _state(path) != state:
        return False
    _note(path, state, expected)
    return True


def is_as_noted(path: Path) -> bool:
    """Whether nothing about a file has changed since `note_sha256`. Raises OSError if it is gone."""
    noted = _noted(path)
    return noted is not None and noted[0] == _state(path)


def note_sha256(path: Path, sha256: str) -> None:
    """Take the bytes of a file, which have this hash, as right."""
    _note(path, _state(path), sha256)


def check_once(folder: Path, card: Card) -> None:
    """Raise ModelError for the first file of the card that is missing or has other bytes."""
    for name, expected in card.files.items():
        path = folder / name
        if not path.is_file():
            raise ModelError(f"{folder}: {name} is missing")
        if not has_sha256(path, expected):
            raise ModelError(f"{path}: its SHA-256 is not the one on its card, {expected[:12]}...; the file is damaged")


def _state(path: Path) -> list[int]:
    found = path.stat()
    return [found.st_dev, found.st_ino, found.st_size, found.st_uid, found.st_mtime_ns, found.st_ctime_ns]


def _note_path(path: Path) -> Path:
    return cache_folder() / NOTES / f"{xxhash.xxh3_128_hexdigest(str(path.absolute()).encode())}.json"


def _noted(path: Path) -> tuple[list[int], str] | None:
    try:
        state, sha256 = orjson.loads(_note_path(path).read_bytes())
    except (OSError, ValueError, TypeError):
        return None
    return state, sha256


def _note(path: Path, state: list[int], sha256: str) -> None:
    note = _note_path(path)
    try:
        own_cache_folder(NOTES)
        with whole_file(note) as part:
            part.write_bytes(orjson.dumps([state, sha256]))
    except OSError:
        return
