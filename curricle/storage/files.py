"""Files by path or by URL, the same way on the submitting machine and on workers.

URLs go through fsspec (s3fs, gcsfs, ...). Not through pyarrow.fs: its errors of a network are bare OSErrors, which a reader
cannot tell from damaged data, and a stream that is dropped half-way completes the upload: a cut object under its full name.
"""

import contextlib
import errno
import io
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, BinaryIO, TypeVar, cast

import fsspec

THREADS = 16  # looks side by side: in an object store each is a round trip
BLOCK = 8 << 20  # bytes of one request of a reader: s3fs's 50 MiB would be held twice for each open file
EXTRAS = {"s3": "s3", "s3a": "s3", "gs": "gcs", "gcs": "gcs"}
"""Scheme of an object store that can be written to our extra."""

OPTIONS = {"s3": {"default_block_size": BLOCK, "max_concurrency": 1}, "gcs": {"block_size": BLOCK}}
"""By extra: a worker a core, so one part of an upload at a time each."""

PRIVATE = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ACCESS_KEY_ID", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
"""Environment variables whose values are in no message: a message may end in a log or in run.json."""

VERSION_KEYS = ("ETag", "etag", "md5Hash", "content_md5")

T = TypeVar("T")
U = TypeVar("U")


class StoreError(OSError):
    """A store that cannot be used or did not answer: one line that names the file or folder. Never an error of the data."""


def is_remote(url: str) -> bool:
    """True for an fsspec URL, False for a local path."""
    return "://" in url


def filesystem(url: str) -> tuple[Any, str]:
    """fsspec's file system and the path in it. StoreError if there is none for this scheme, or its package is missing."""
    scheme = url.partition("://")[0]
    extra = EXTRAS.get(scheme)
    try:
        # A cached listing would hide what other processes write.
        return fsspec.core.url_to_fs(url, use_listings_cache=False, **OPTIONS.get(extra or "", {}))
    except ImportError as error:
        needed = f"pip install 'curricle[{extra}]'" if extra else one_line(error)
        raise StoreError(f"{url}: {scheme}:// needs a package that is not installed: {needed}") from None
    except ValueError as error:
        raise StoreError(f"{url}: {one_line(error)}") from None


def open_input(url: str) -> BinaryIO:
    """A readable, seekable binary file, read by ranges of BLOCK bytes if it is remote. FileNotFoundError, or StoreError."""
    if not is_remote(url):
        return Path(url).open("rb", buffering=0)
    with naming(url):
        files, path = filesystem(url)
        return cast(BinaryIO, _Remote(url, files.open(path, "rb")))


def look(url: str, head_bytes: int) -> tuple[int, str, bytes]:
    """Stored bytes (0 also where the store does not say), version (changes when the file does) and first bytes of a file."""
    if is_remote(url):
        files, path = filesystem(url)
        information = files.info(path)
        size = information.get("size") or 0
        mark = next((str(information[key]).strip('"') for key in VERSION_KEYS if information.get(key)), None)
        return size, f"{size}-{mark or files.ukey(path)}", files.cat_file(path, start=0, end=head_bytes)
    status = Path(url).stat()
    if not stat.S_ISREG(status.st_mode):
        raise StoreError("not a regular file")
    with Path(url).open("rb") as file:
        return status.st_size, f"{status.st_size}-{status.st_mtime_ns}", file.read(head_bytes)


def each(work: Callable[[T], U], items: Sequence[T]) -> list[U]:
    """`work` on all items in THREADS threads; the results in order."""
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(work, items))


def one_line(error: BaseException) -> str:
    """What it says, without line feeds and without the values of PRIVATE."""
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    for name in PRIVATE:
        if value := os.environ.get(name):
            text = text.replace(value.rstrip("/"), f"${name}")
    return " ".join(text.split()) or type(error).__name__


@contextlib.contextmanager
def naming(url: str, absent: bool = True) -> Iterator[None]:
    """Errors of each store's own kinds become a StoreError that names `url`; a FileNotFoundError stays one if `absent`."""
    try:
        yield
    except StoreError:
        raise
    except FileNotFoundError as error:
        if absent:
            raise FileNotFoundError(errno.ENOENT, "no such file", url) from None
        raise StoreError(f"{url}: {one_line(error)}") from None
    except Exception as error:
        raise StoreError(f"{url}: {one_line(error)}") from None


class _Remote(io.RawIOBase):
    """A file of fsspec whose errors name it: of a reader's errors only a StoreError is surely not the data's."""

    def __init__(self, url: str, file: Any) -> None:
        self.url, self.file = url, file

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        with naming(self.url, absent=False):
            data: bytes = self.file.read(size)
            return data

    def readinto(self, buffer: Any) -> int:
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        with naming(self.url, absent=False):
            position: int = self.file.seek(offset, whence)
            return position

    def tell(self) -> int:
        position: int = self.file.tell()
        return position

    def close(self) -> None:
        if not self.closed:
            self.file.close()
        super().close()
