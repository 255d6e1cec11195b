"""Outputs in an object store: an object is there once its upload is complete, under its final name; nothing is renamed.

An attempt writes its files to the local disk, as everywhere, and uploads them when the shard is complete, the manifest last:
an upload that fails is done again from the file, no connection is open while a shard is measured, and two attempts at once
write the same bytes under the same names. What has to be known is asked for by its name: a listing may be late.
"""

import contextlib
import logging
import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import xxhash

from curricle.storage.files import StoreError, filesystem, naming, one_line, open_input
from curricle.storage.local import locked, new_attempt, swept

CHUNK = 16 << 20  # of a multipart upload; a file below twice as much is one request
ATTEMPTS = 4
PAUSE_S = 1.0  # before the second attempt; twice as long before each further one
OURS = ("recipe.yaml", "run.json")  # the first things that a run writes
PROBE = "_tmp/begun"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, order=True)
class ObjectPath:
    """An object or a prefix, with the methods of `pathlib.Path` that outputs need. StoreError if the store fails."""

    url: str

    def __str__(self) -> str:
        return self.url

    def __truediv__(self, name: str) -> "ObjectPath":
        return ObjectPath(f"{self.url.rstrip('/')}/{name}")

    @property
    def name(self) -> str:
        """What stands behind the last slash."""
        return self.url.rpartition("/")[2]

    @property
    def parent(self) -> "ObjectPath":
        """What stands before it."""
        return ObjectPath(self.url.rpartition("/")[0])

    def absolute(self) -> "ObjectPath":
        """A URL is."""
        return self

    def exists(self) -> bool:
        """Whether there is an object of this name; no listing is asked."""
        try:
            with naming(self.url):
                files, path = filesystem(self.url)
                return files.info(path)["type"] == "file"
        except FileNotFoundError:
            return False

    is_file = exists

    def is_dir(self) -> bool:
        """True: a prefix need not be made."""
        return True

    def iterdir(self) -> Iterator["ObjectPath"]:
        """What a listing shows right under this prefix, in any order: it may be late."""
        with naming(self.url):
            files, path = filesystem(self.url)
            try:
                names = [entry.rstrip("/").rpartition("/")[2] for entry in files.ls(path, detail=False)]
            except FileNotFoundError:
                names = []
        return (self / name for name in names if name)

    def read_bytes(self) -> bytes:
        """The object. FileNotFoundError if there is none."""
        with naming(self.url):
            files, path = filesystem(self.url)
            data: bytes = files.cat_file(path)
            return data

    def write_bytes(self, data: bytes) -> None:
        """Put it there in one request, which the store's client repeats."""
        with naming(self.url, absent=False):
            files, path = filesystem(self.url)
            files.pipe_file(path, data)

    def touch(self) -> None:
        """Make it an empty object."""
        self.write_bytes(b"")

    def unlink(self, missing_ok: bool = False) -> None:
        """Take it away; most stores do not say whether it was there."""
        with contextlib.suppress(*[FileNotFoundError] * missing_ok), naming(self.url):
            files, path = filesystem(self.url)
            files.rm_file(path)

    def open(self, mode: str = "rb") -> BinaryIO:
        """For reading, by ranges."""
        return open_input(self.url)


@dataclass(frozen=True)
class ObjectOutput:
    """An output folder that is a prefix of a bucket; for the methods see `Output`."""

    path: ObjectPath

    @property
    def notes(self) -> str:
        """A prefix."""
        return (self.path / "_tmp/notes").url

    @property
    def spool(self) -> Path:
        """The folder of this machine where its attempts write, the same for all processes of a user."""
        name = xxhash.xxh3_64_hexdigest(self.path.url.encode())
        return Path(tempfile.gettempdir()) / f"curricle-{os.getuid()}-{name}"

    @contextlib.contextmanager
    def hold(self) -> Iterator[None]:
        """A lock on this machine alone: runs on two write the same bytes if their recipe is the same."""
        if not self._is_ours() and any(entry.name != "_tmp" for entry in self.path.iterdir()):
            raise StoreError(f"{self.path}: not empty, and not an output of curricle")
        self.spool.mkdir(exist_ok=True)
        with locked(self.spool / "_lock", self.path), swept(self.spool / "_tmp"):
            (self.path / PROBE).touch()  # an output that cannot be written is known before anything starts
            self._sweep()
            try:
                yield
            finally:
                with contextlib.suppress(StoreError):  # what went wrong before is the cause
                    self._sweep()

    def write(self, name: str, data: bytes) -> None:
        """One request."""
        (self.path / name).write_bytes(data)

    def attempt(self, shard: str) -> Path:
        """In the spool."""
        return new_attempt(self.spool / "_tmp", shard)

    def commit(self, file: Path, name: str) -> None:
        """Upload, and again from the start if that fails; then the local file goes."""
        url = (self.path / name).url
        for attempt in range(ATTEMPTS):
            try:
                with naming(url, absent=False):
                    files, path = filesystem(url)
                    files.put_file(str(file), path, chunksize=CHUNK)
                break
            except StoreError as error:
                if attempt == ATTEMPTS - 1:
                    raise
                logger.warning("%s; uploaded again", one_line(error))
                time.sleep(PAUSE_S * 2**attempt)
        file.unlink()

    def leftovers(self) -> Iterator[str]:
        """Uploads that were begun and neither completed nor aborted: stored, paid for, and in no listing of objects."""
        for url, _ in _uploads(self.path.url):
            yield f"{url}: an unfinished upload, left over from a run that was killed; the next run removes it"

    def _is_ours(self) -> bool:
        for name in OURS:
            with contextlib.suppress(FileNotFoundError):
                return bool((self.path / name).read_bytes())
        return False

    def _sweep(self) -> None:
        (self.path / PROBE).unlink(missing_ok=True)
        self._sweep_notes()
        try:
            for url, upload in _uploads(self.path.url):
                _abort(url, upload)
        except StoreError as error:  # a right of its own, and what is left over harms no run
            logger.warning("unfinished uploads of earlier runs may be left: %s", one_line(error))

    def _sweep_notes(self) -> None:
        with contextlib.suppress(FileNotFoundError), naming(self.notes):
            files, path = filesystem(self.notes)
            files.rm(path, recursive=True)


def _uploads(url: str) -> Iterator[tuple[str, str]]:
    """URL and id of each unfinished upload under a prefix. Google's end by themselves after a week, and cannot be listed."""
    with naming(url, absent=False):
        files, path = filesystem(url)
        if not hasattr(files, "call_s3"):
            return
        bucket, prefix, _ = files.split_path(f"{path}/")
        at: dict[str, str] = {}
        while True:
            page = files.call_s3("list_multipart_uploads", Bucket=bucket, Prefix=prefix, **at)
            for upload in page.get("Uploads") or ():
                yield f"{url.partition('://')[0]}://{bucket}/{upload['Key']}", upload["UploadId"]
            if not page.get("IsTruncated"):
                return
            at = {"KeyMarker": page["NextKeyMarker"], "UploadIdMarker": page["NextUploadIdMarker"]}


def _abort(url: str, upload: str) -> None:
    with contextlib.suppress(FileNotFoundError), naming(url):  # completed or aborted since
        files, path = filesystem(url)
        bucket, key, _ = files.split_path(path)
        files.call_s3("abort_multipart_upload", Bucket=bucket, Key=key, UploadId=upload)
