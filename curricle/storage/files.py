"""Opens files by path or URL, in the same way on the submitting machine and on workers.

URLs are opened with fsspec (s3fs, gcsfs, ...). pyarrow.fs is not used: it reports network errors as bare OSErrors, which a reader
cannot tell from damaged data, and a stream that is dropped halfway completes the upload, leaving a truncated object under its
final name.
"""

import contextlib
import errno
import io
import stat
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, BinaryIO, TypeVar, cast

import fsspec

from curricle.errors import StoreError as StoreError
from curricle.errors import one_line as one_line
from curricle.installation import install_hint

THREADS = 16  # concurrent requests: in an object store each is a round trip
BLOCK = 8 << 20  # bytes per read request; s3fs would hold its default of 50 MiB twice for each open file
EXTRAS = {"s3": "s3", "s3a": "s3", "gs": "gcs", "gcs": "gcs"}
"""Scheme of a writable object store -> the extra that installs its package."""

OPTIONS = {"s3": {"default_block_size": BLOCK, "max_concurrency": 1}, "gcs": {"block_size": BLOCK}}
"""Options by extra. There is a worker for each core, so each uploads one part at a time."""

VERSION_KEYS = ("ETag", "etag", "md5Hash", "content_md5")

T = TypeVar("T")
U = TypeVar("U")


def is_remote(url: str) -> bool:
    """True for an fsspec URL, False for a local path."""
    return "://" in url


def filesystem(url: str) -> tuple[Any, str]:
    """The fsspec file system of a URL and the path in it. StoreError if the scheme is unknown or its package is missing."""
    scheme = url.partition("://")[0]
    extra = EXTRAS.get(scheme)
    try:
        # A cached listing would hide files that other processes write.
        return fsspec.core.url_to_fs(url, use_listings_cache=False, **OPTIONS.get(extra or "", {}))
    except ImportError as error:
        needed = install_hint(extra) if extra else one_line(error)
        raise StoreError(f"{url}: {scheme}:// needs a package that is not installed: {needed}") from None
    except ValueError as error:
        raise StoreError(f"{url}: {one_line(error)}") from None


def open_input(url: str) -> BinaryIO:
    """Open a file for reading and seeking; a remote one is read in ranges of BLOCK bytes.

    Raises FileNotFoundError, or StoreError.
    """
    if not is_remote(url):
        return Path(url).open("rb", buffering=0)
    with store_errors(url):
        files, path = filesystem(url)
        return cast(BinaryIO, _RemoteFile(url, files.open(path, "rb")))


def stat_and_head(url: str, head_bytes: int) -> tuple[int, str, bytes]:
    """Size in storage, version and first bytes of a file.

    The size is 0 if the store does not report it; the version changes when the file does.
    """
    if is_remote(url):
        files, path = filesystem(url)
        information = files.info(path)
        size = information.get("size") or 0
        tag = next((str(information[key]).strip('"') for key in VERSION_KEYS if information.get(key)), None)
        return size, f"{size}-{tag or files.ukey(path)}", files.cat_file(path, start=0, end=head_bytes)
    status = Path(url).stat()
    if not stat.S_ISREG(status.st_mode):
        raise StoreError("not a regular file")
    with Path(url).open("rb") as file:
        return status.st_size, f"{status.st_size}-{status.st_mtime_ns}", file.read(head_bytes)


def map_threads(work: Callable[[T], U], items: Sequence[T]) -> list[U]:
    """Call `work` on every item in THREADS threads; return the results in order."""
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(work, items))


@contextlib.contextmanager
def store_errors(url: str, keep_not_found: bool = True) -> Iterator[None]:
    """Convert the errors of any store to a StoreError that names `url`. Keeps a FileNotFoundError if `keep_not_found`."""
    try:
        yield
    except StoreError:
        raise
    except FileNotFoundError as error:
        if keep_not_found:
            raise FileNotFoundError(errno.ENOENT, "no such file", url) from None
        raise StoreError(f"{url}: {one_line(error)}") from None
    except Exception as error:
        raise StoreError(f"{url}: {one_line(error)}") from None


class _RemoteFile(io.RawIOBase):
    """An fsspec file whose errors are StoreErrors that name it, so that readers can tell them from damaged data."""

    def __init__(self, url: str, file: Any) -> None:
        self.url, self.file = url, file

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        with store_errors(self.url, keep_not_found=False):
            data: bytes = self.file.read(size)
            return data

    def readinto(self, buffer: Any) -> int:
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        with store_errors(self.url, keep_not_found=False):
            position: int = self.file.seek(offset, whence)
            return position

    def tell(self) -> int:
        position: int = self.file.tell()
        return position

    def close(self) -> None:
        if not self.closed:
            self.file.close()
        super().close()
