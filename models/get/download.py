"""Downloads one file over HTTP(S): resumed after an interruption, checked, and complete or absent.

The bytes so far are in FILE.part. FILE.part.json has the server's validator (RFC 9110, section 13.1.5) and the length. The
download starts again if the file changed on the server, or if the server sends no ranges or no validator.
"""

import errno
import http.client
import json
import shutil
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from pathlib import Path

from curricle.models.cards import ModelError, file_sha256
from curricle.schemas.config import Config

Progress = Callable[[str, int, int | None], None]
"""Called with file name, bytes so far and total bytes (None if unknown)."""

BLOCK = 1 << 20
TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})


class Retry(Config):
    """Give up after `attempts` in a row without a new byte; pauses start at `pause_s` seconds and double each time."""

    attempts: int = 5
    pause_s: float = 1.0
    timeout_s: float = 30.0  # seconds without a byte


class _CutError(Exception):
    """A failure after which another attempt may succeed."""


class _Part:
    """The part of a file that has been downloaded."""

    def __init__(self, path: Path) -> None:
        self.path = path.with_name(f"{path.name}.part")
        self._about = path.with_name(f"{path.name}.part.json")

    @property
    def size(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    def about(self) -> tuple[str, int | None, str]:
        """Validator (empty if there is none), length and Last-Modified, as sent by the server."""
        try:
            fields = json.loads(self._about.read_text())
            return fields["validator"], fields["length"], fields["modified"]
        except (OSError, ValueError, KeyError, TypeError):
            return "", None, ""

    def begin(self, validator: str, length: int | None, modified: str) -> None:
        self.path.write_bytes(b"")
        self._about.write_text(json.dumps({"validator": validator, "length": length, "modified": modified}))

    def drop(self) -> None:
        self.path.unlink(missing_ok=True)
        self._about.unlink(missing_ok=True)

    def finish(self, path: Path) -> None:
        self.path.replace(path)
        self._about.unlink(missing_ok=True)


def download(
    url: str,
    path: Path,
    *,
    sha256: str = "",
    size: int | None = None,
    progress: Progress = lambda *_: None,
    retry: Retry | None = None,
) -> str:
    """Download `url` to `path`. Returns the day when the server's file was last changed (empty if unknown).

    Raises ModelError, one line, if the server refuses (404), keeps failing, or the disk is full; in the last two cases the bytes
    so far are kept for the next call. With another size or SHA-256 than expected, it raises ModelError and deletes the download;
    no byte beyond `size`, or beyond the length that the server stated, is written.
    """
    retry = retry or Retry()
    part = _Part(path)
    failures = 0
    done = part.size > 0 and part.size == part.about()[1]
    while not done:
        before = part.size
        try:
            _fetch(url, part, size, progress, retry.timeout_s)
            done = True
        except _CutError as error:
            failures = 0 if part.size > before else failures + 1
            if failures >= retry.attempts:
                raise ModelError(f"{url}: {error}, {retry.attempts} times; {_kept(part)}") from None
            time.sleep(retry.pause_s * 2.0 ** max(failures - 1, 0))
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise ModelError(f"cannot write {part.path}: {error.strerror or error}") from None
            raise ModelError(f"no space left for {part.path}; {_kept(part)}") from None
    if size is not None and part.size != size:
        found_size = part.size
        part.drop()
        raise ModelError(f"{url}: {found_size:,} bytes, expected {size:,}; nothing was kept")
    if sha256 and (found := file_sha256(part.path)) != sha256:
        part.drop()
        raise ModelError(f"{url}: SHA-256 is {found}, expected {sha256}; the file was deleted")
    modified = part.about()[2]
    part.finish(path)
    return modified


def _kept(part: _Part) -> str:
    return f"{part.size:,} bytes are kept; run the same command again to continue"


def _fetch(url: str, part: _Part, size: int | None, progress: Progress, timeout: float) -> None:
    """Send one request. Raises _CutError if another one may bring the rest, ModelError if not."""
    start = part.size
    validator, length, _ = part.about()
    if start and validator and (length is None or start < length):
        headers = {"Range": f"bytes={start}-", "If-Range": validator}
    else:
        headers, start = {}, 0
    try:
        request = urllib.request.Request(url, headers={"User-Agent": "curricle", **headers})
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            _begin(url, answer, part, start, size)
            _copy(answer, part, url, size, progress)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416:  # the range does not exist although the file is the same: unexplained, so start again
            part.drop()
        if error.code in TRANSIENT | {416}:
            raise _CutError(f"HTTP {error.code} {error.reason}") from None
        raise ModelError(f"{url}: HTTP {error.code} {error.reason}") from None
    except (urllib.error.URLError, http.client.HTTPException, ssl.SSLError, TimeoutError, ConnectionError) as error:
        raise _CutError(str(getattr(error, "reason", None) or error or type(error).__name__)) from None


def _begin(url: str, answer: http.client.HTTPResponse, part: _Part, start: int, size: int | None) -> None:
    """Prepare `part` for the body of the answer, which was requested from byte `start` on."""
    if answer.status == 206 and (answer.headers.get("Content-Range") or "").startswith(f"bytes {start}-"):
        _check_room(part, answer.length or 0)
        return
    if answer.status != 200:
        part.drop()
        raise _CutError(f"HTTP {answer.status} with another range than was asked for")
    if size is not None and answer.length is not None and answer.length != size:
        part.drop()
        raise ModelError(f"{url}: {answer.length:,} bytes, expected {size:,}; nothing was kept")
    _check_room(part, (answer.length or 0) - part.size)
    tag = answer.headers.get("ETag") or ""
    modified = answer.headers.get("Last-Modified") or ""
    part.begin(tag if tag.startswith('"') else modified, answer.length, _day(modified))


def _check_room(part: _Part, needed: int) -> None:
    free = shutil.disk_usage(part.path.parent).free
    if needed > free:
        raise ModelError(f"no space left for {part.path}: {needed:,} more bytes are needed, {free:,} are free; {_kept(part)}")


def _copy(answer: http.client.HTTPResponse, part: _Part, url: str, size: int | None, progress: Progress) -> None:
    length = part.about()[1]
    most = length if size is None else size
    with part.path.open("ab") as file:
        while block := answer.read1(BLOCK):  # written at once, so that it is kept if nothing follows
            if most is not None and file.tell() + len(block) > most:
                part.drop()
                raise ModelError(f"{url}: more than the expected {most:,} bytes; nothing was kept")
            file.write(block)
            file.flush()
            progress(url.rsplit("/", 1)[-1], file.tell(), length)
        got = file.tell()
    if length is not None and got != length:
        raise _CutError(f"the connection was cut at {got:,} of {length:,} bytes")


def _day(http_date: str) -> str:
    try:
        return parsedate_to_datetime(http_date).date().isoformat()
    except ValueError:
        return ""
