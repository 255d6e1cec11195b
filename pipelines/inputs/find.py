"""Inputs as the user names them, to shards: files, folders, globs and URLs, each checked before anything starts."""

import glob
import itertools
import math
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath, PurePosixPath
from typing import Any

import pyarrow as pa
import xxhash
from curricle.schemas.shards import Format, Shard
from curricle.stages.read.config import ReadConfig
from curricle.stages.read.formats import IN_FOLDERS, format_of
from curricle.stages.read.parquet import check_columns, open_parquet

from curricle.storage.files import StoreError, each, filesystem, is_remote, look, one_line

SHARD_BYTES = 256 << 20
HEAD_BYTES = 1 << 16  # of each file, looked at to know what it is

Range = tuple[int, int | None, int]  # start, end, stored bytes


class InputError(ValueError):
    """An input that cannot be read, found before anything starts: one line that names it."""


@dataclass(frozen=True, kw_only=True)
class InputFile:
    """One file: its name as the user gave it, where it lies, what it is."""

    source: str
    url: str  # absolute path or fsspec URL
    format: Format
    size: int  # stored bytes; 0 also where the store does not say
    version: str  # changes when the file changes


def find_inputs(patterns: Sequence[str]) -> list[InputFile]:
    """The files of all patterns in this order, those of one pattern sorted; a file that several match, once.

    Raises InputError for a pattern without a file and for a file that is unreadable or not what its name says.
    """
    found: dict[str, tuple[str, str]] = {}
    for pattern in patterns:
        remote = is_remote(pattern) and not pattern.startswith("file://")
        files = _remote_files(pattern) if remote else _local_files(pattern.removeprefix("file://"))
        if not files:
            raise InputError(f"{pattern}: no such file")
        for source, url in files:
            found.setdefault(url if remote else os.path.realpath(url), (source, url))
    return each(lambda file: _inspect(*file), list(found.values()))


def plan_shards(inputs: Sequence[InputFile], config: ReadConfig, shard_bytes: int = SHARD_BYTES) -> list[Shard]:
    """One shard a file, in order; a plain JSONL or text file or a Parquet file of more than `shard_bytes` gives several.

    Raises InputError for a Parquet file with a damaged footer or without the columns that `config` names.
    """
    return [shard for shards in each(lambda file: _shards(file, config, shard_bytes), inputs) for shard in shards]


def _local_files(pattern: str) -> list[tuple[str, str]]:
    """(source, absolute path) of each file; a path that exists is taken as it is, whatever characters it has."""
    if not pattern:
        raise InputError("an input is an empty string")
    paths = [Path(pattern)]
    try:
        if not paths[0].exists():
            paths = sorted(map(Path, glob.glob(pattern, recursive=True)))  # noqa: PTH207  Path.glob takes no absolute pattern
    except OSError as error:
        raise InputError(f"{pattern}: {one_line(error)}") from None
    files = [file for path in paths for file in (_folder(path) if path.is_dir() else [path])]
    return [(file.as_posix(), str(file.absolute())) for file in files]


def _folder(folder: Path) -> list[Path]:
    if (folder / "_manifest").is_dir():
        raise InputError(f"{folder}: the output of a run; name its kept/ folder to read the documents that it kept")
    files = sorted(path for path in folder.rglob("*") if _is_input(path.relative_to(folder)) and path.is_file())
    if not files:
        raise InputError(f"{folder}: no file of a known kind in this folder ({', '.join(IN_FOLDERS)})")
    return files


def _is_input(path: PurePath) -> bool:
    """True for a path inside a folder with a known suffix and no part that begins with `.` or `_`."""
    return path.name.lower().endswith(IN_FOLDERS) and not any(part[0] in "._" for part in path.parts)


def _remote_files(pattern: str) -> list[tuple[str, str]]:
    """(URL, URL) of each file, in fsspec's spelling."""
    try:
        files, path = filesystem(pattern)
        if files.isfile(path):
            paths = [path]
        elif files.isdir(path):
            paths = _remote_folder(files, path, pattern)
        else:
            shown = "/." in path  # as in a shell, `*` finds no hidden files
            matches = [match for match in sorted(files.glob(path, detail=True).items()) if shown or "/." not in match[0]]
            folders = [_remote_folder(files, name, name) if it["type"] == "directory" else [name] for name, it in matches]
            paths = [name for names in folders for name in names]
    except InputError:
        raise
    except StoreError as error:
        raise InputError(str(error)) from None
    except Exception as error:  # each store has its own kinds of errors
        raise InputError(f"{pattern}: {one_line(error)}") from None
    return [(files.unstrip_protocol(path),) * 2 for path in paths]


def _remote_folder(files: Any, folder: str, named: str) -> list[str]:
    paths = [path for path in sorted(files.find(folder)) if _is_input(PurePosixPath(path).relative_to(folder))]
    if not paths:
        raise InputError(f"{named}: no file of a known kind in this folder ({', '.join(IN_FOLDERS)})")
    return paths


def _inspect(source: str, url: str) -> InputFile:
    """Size, version and format of one file."""
    try:
        size, version, head = look(url, HEAD_BYTES)
        return InputFile(source=source, url=url, format=format_of(PurePosixPath(source).name, head), size=size, version=version)
    except Exception as error:  # each store has its own kinds of errors
        raise InputError(f"{source}: {one_line(error)}") from None


def _shards(file: InputFile, config: ReadConfig, shard_bytes: int) -> list[Shard]:
    ranges: list[Range] = [(0, None, file.size)]
    if file.format == "parquet" and file.size:
        ranges = _row_groups(file, config, shard_bytes)
    elif file.format in ("jsonl", "text") and file.size > shard_bytes and not file.source.lower().endswith((".gz", ".zst")):
        parts = math.ceil(file.size / shard_bytes)
        edges = [file.size * part // parts for part in range(parts + 1)]
        ranges = [(start, end, end - start) for start, end in itertools.pairwise(edges)]
    return [
        Shard(
            name=_name(file, start, end) + (f"-{number:05}-of-{len(ranges):05}" if len(ranges) > 1 else ""),
            source=file.source,
            url=file.url,
            format=file.format,
            start=start,
            end=end,
            size=size,
            version=file.version,
        )
        for number, (start, end, size) in enumerate(ranges)
    ]


def _name(file: InputFile, start: int, end: int | None) -> str:
    # 12 digits: among 100,000 files that are all called part-0.parquet, two names collide once in 50,000 runs.
    slug = re.sub(r"[^A-Za-z0-9._-]+", "-", PurePosixPath(file.source).name)[-80:].lstrip("._-")
    identity = "\0".join(map(str, (file.source, file.format, start, end)))
    return f"{slug or 'input'}-{xxhash.xxh3_64_hexdigest(identity.encode())[:12]}"


def _row_groups(file: InputFile, config: ReadConfig, shard_bytes: int) -> list[Range]:
    """Ranges of row groups of up to `shard_bytes` stored bytes; a larger row group is its own range."""
    try:
        with open_parquet(file.url) as parquet:
            check_columns(parquet.schema_arrow, config)
            sizes = [_stored_bytes(parquet.metadata.row_group(group)) for group in range(parquet.num_row_groups)]
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"{file.source}: not readable as Parquet: {one_line(error)}") from None
    except ValueError as error:
        raise InputError(f"{file.source}: {one_line(error)}") from None
    ranges: list[tuple[int, int, int]] = []
    for group, size in enumerate(sizes):
        if ranges and ranges[-1][2] + size <= shard_bytes:
            start, _, held = ranges.pop()
            ranges.append((start, group + 1, held + size))
        else:
            ranges.append((group, group + 1, size))
    return list(ranges) if len(ranges) > 1 else [(0, None, file.size)]


def _stored_bytes(row_group: Any) -> int:
    return sum(row_group.column(column).total_compressed_size for column in range(row_group.num_columns))
