"""Output in an object store: an object appears under its final name once its upload is complete; nothing is renamed.

An attempt writes its files to the local disk and uploads them when the shard is complete, the manifest last. So an upload that
fails is repeated from the file, no connection is open while a shard is measured, and two concurrent attempts write the same
bytes to the same names. Objects that matter are requested by name, because a listing may lag behind.
"""

import contextlib
import logging
import os
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import xxhash

from curricle.storage.files import StoreError, filesystem, map_threads, one_line, open_input, store_errors
from curricle.storage.local import locked, new_attempt, without_attempts

CHUNK = 16 << 20  # bytes per part of an upload; a file of less than two chunks is sent in one request
ATTEMPTS = 4
PAUSE_S = 1.0  # before the second attempt; doubled before each further one
FIRST_FILES = ("recipe.yaml", "run.json")  # the first files that a run writes
PROBE = "_tmp/begun"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, order=True)
class ObjectPath:
    """An object or a prefix, with the methods of `pathlib.Path` that outputs need. They raise StoreError if the store fails."""

    url: str

    def __str__(self) -> str:
        return self.url

    def __truediv__(self, name: str) -> "ObjectPath":
        return ObjectPath(f"{self.url.rstrip('/')}/{name}")

    @property
    def name(self) -> str:
        """The part after the last slash."""
        return self.url.rpartition("/")[2]

    @property
    def parent(self) -> "ObjectPath":
        """The part before the last slash."""
        return ObjectPath(self.url.rpartition("/")[0])

    def absolute(self) -> "ObjectPath":
        """Returns self; a URL is already absolute."""
        return self

    def exists(self) -> bool:
        """Whether an object of this name exists, without asking for a listing."""
        try:
            with store_errors(self.url):
                files, path = filesystem(self.url)
                return files.info(path)["type"] == "file"
        except FileNotFoundError:
            return False

    is_file = exists

    def size(self) -> int:
        """Bytes of the object; -1 if there is none."""
        try:
            with store_errors(self.url):
                files, path = filesystem(self.url)
                return int(files.info(path)["size"])
        except FileNotFoundError:
            return -1

    def is_dir(self) -> bool:
        """True, because a prefix does not need to be created."""
        return True

    def iterdir(self) -> Iterator["ObjectPath"]:
        """The entries directly under this prefix, in any order. The listing may lag behind."""
        with store_errors(self.url):
            files, path = filesystem(self.url)
            try:
                names = [entry.rstrip("/").rpartition("/")[2] for entry in files.ls(path, detail=False)]
            except FileNotFoundError:
                names = []
        return (self / name for name in names if name)

    def read_bytes(self) -> bytes:
        """Content of the object. FileNotFoundError if it does not exist."""
        with store_errors(self.url):
            files, path = filesystem(self.url)
            data: bytes = files.cat_file(path)
            return data

    def write_bytes(self, data: bytes) -> None:
        """Write the object in one request, which the store's client retries."""
        with store_errors(self.url, keep_not_found=False):
            files, path = filesystem(self.url)
            files.pipe_file(path, data)

    def touch(self) -> None:
        """Write an empty object."""
        self.write_bytes(b"")

    def unlink(self, missing_ok: bool = False) -> None:
        """Delete the object; most stores do not report whether it existed."""
        with contextlib.suppress(*[FileNotFoundError] * missing_ok), store_errors(self.url):
            files, path = filesystem(self.url)
            files.rm_file(path)

    def open(self, mode: str = "rb") -> BinaryIO:
        """Open the object for reading, in ranges."""
        return open_input(self.url)


@dataclass(frozen=True)
class ObjectOutput:
    """An output folder that is a prefix in a bucket; for the methods see `Output`."""

    path: ObjectPath

    @property
    def notes(self) -> str:
        """A prefix for temporary objects."""
        return (self.path / "_tmp/notes").url

    @property
    def spool(self) -> Path:
        """The local folder where attempts write. It is the same for all processes of a user."""
        name = xxhash.xxh3_64_hexdigest(self.path.url.encode())
        return Path(tempfile.gettempdir()) / f"curricle-{os.getuid()}-{name}"

    @contextlib.contextmanager
    def hold(self) -> Iterator[None]:
        """Lock the output on this machine only: runs of one recipe on two machines write the same bytes."""
        if not self._was_written_by_a_run() and any(entry.name != "_tmp" for entry in self.path.iterdir()):
            raise StoreError(f"{self.path}: not empty, and not made by curricle; choose another output folder")
        self.spool.mkdir(exist_ok=True)
        with locked(self.spool / "_lock", self.path), without_attempts(self.spool / "_tmp"):
            (self.path / PROBE).touch()  # fails here, before anything starts, if the output cannot be written
            self._remove_leftovers()
            try:
                yield
            finally:
                with contextlib.suppress(StoreError):  # keep the error that ended the run
                    self._remove_leftovers()

    def write(self, name: str, data: bytes) -> None:
        """Write the object in one request."""
        (self.path / name).write_bytes(data)

    def attempt(self, shard: str) -> Path:
        """A folder in the spool."""
        return new_attempt(self.spool / "_tmp", shard)

    def commit(self, file: Path, name: str) -> None:
        """Upload the file, from the start again if that fails, and remove the local file."""
        url = (self.path / name).url
        for attempt in range(ATTEMPTS):
            try:
                with store_errors(url, keep_not_found=False):
                    files, path = filesystem(url)
                    files.put_file(str(file), path, chunksize=CHUNK)
                break
            except StoreError as error:
                if attempt == ATTEMPTS - 1:
                    raise
                logger.warning("%s; uploaded again", one_line(error))
                time.sleep(PAUSE_S * 2**attempt)
        file.unlink()

    def sizes(self, folder: str, names: Iterable[str]) -> dict[str, int]:
        """From a listing; what it does not show is requested by name, because it may lag behind."""
        prefix = self.path / folder
        with store_errors(prefix.url):
            files, path = filesystem(prefix.url)
            files.invalidate_cache()
            try:
                listed = {entry["name"].rpartition("/")[2]: entry["size"] for entry in files.ls(path, detail=True)}
            except FileNotFoundError:
                listed = {}
        missing = [name for name in names if name not in listed]
        return {name: listed[name] for name in names if name in listed} | {
            name: size
            for name, size in zip(missing, map_threads(lambda name: (prefix / name).size(), missing), strict=True)
            if size >= 0
        }

    def leftovers(self) -> Iterator[str]:
        """Uploads that were started and neither completed nor aborted. They cost storage and appear in no listing of objects."""
        for url, _ in _uploads(self.path.url):
            yield f"{url}: an unfinished upload of a run that was killed; the next run removes it"

    def _was_written_by_a_run(self) -> bool:
        for name in FIRST_FILES:
            with contextlib.suppress(FileNotFoundError):
                return bool((self.path / name).read_bytes())
        return False

    def _remove_leftovers(self) -> None:
        (self.path / PROBE).unlink(missing_ok=True)
        self._remove_notes()
        try:
            for url, upload in _uploads(self.path.url):
                _abort(url, upload)
        except StoreError as error:  # it needs a permission of its own, and leftovers do not disturb a run
            logger.warning("unfinished uploads of earlier runs may be left: %s", one_line(error))

    def _remove_notes(self) -> None:
        with contextlib.suppress(FileNotFoundError), store_errors(self.notes):
            files, path = filesystem(self.notes)
            files.rm(path, recursive=True)


def _uploads(url: str) -> Iterator[tuple[str, str]]:
    """URL and id of each unfinished upload under a prefix. Google's expire after a week and cannot be listed."""
    with store_errors(url, keep_not_found=False):
        files, path = filesystem(url)
        if not hasattr(files, "call_s3"):
            return
        bucket, prefix, _ = files.split_path(f"{path}/")
        marker: dict[str, str] = {}
        while True:
            page = files.call_s3("list_multipart_uploads", Bucket=bucket, Prefix=prefix, **marker)
            for upload in page.get("Uploads") or ():
                yield f"{url.partition('://')[0]}://{bucket}/{upload['Key']}", upload["UploadId"]
            if not page.get("IsTruncated"):
                return
            marker = {"KeyMarker": page["NextKeyMarker"], "UploadIdMarker": page["NextUploadIdMarker"]}


def _abort(url: str, upload: str) -> None:
    with contextlib.suppress(FileNotFoundError), store_errors(url):  # completed or aborted in the meantime
        files, path = filesystem(url)
        bucket, key, _ = files.split_path(path)
        files.call_s3("abort_multipart_upload", Bucket=bucket, Key=key, UploadId=upload)
