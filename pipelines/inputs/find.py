"""Turns the inputs that the user names (files, folders, globs, URLs) into shards. Each file is checked before anything starts."""

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

from curricle.errors import InputError as InputError
from curricle.schemas.shards import Format, Shard
from curricle.stages.read.config import ReadConfig
from curricle.stages.read.csv import TableStream, column_names, delimiter_of
from curricle.stages.read.formats import format_of, named_format, why_not_in_folder
from curricle.stages.read.notes import Notes
from curricle.stages.read.parquet import check_columns, open_parquet
from curricle.storage.files import StoreError, filesystem, is_remote, map_threads, one_line, open_input, stat_and_head

SHARD_BYTES = 256 << 20
SHOWN = 3  # files that a message names
HEAD_BYTES = 1 << 16  # read from each file to recognize its format

NOT_UTF8 = "its name is not UTF-8; rename it"

Range = tuple[int, int | None, int]  # start, end, stored bytes


@dataclass(frozen=True, kw_only=True)
class InputFile:
    """One input file."""

    source: str  # the name that the user gave
    url: str  # absolute path or fsspec URL
    format: Format
    size: int  # bytes in storage; 0 if the store does not report it
    version: str  # changes when the file changes


def find_inputs(patterns: Sequence[str], left_out: list[str] | None = None) -> list[InputFile]:
    """The files of all patterns, in the order of the patterns and sorted within each. Duplicates are dropped.

    Files of a folder are read by what they are; those that are no input are added to `left_out`, each with the reason.

    Raises InputError if a pattern matches no file, or a file is unreadable or has another format than its name says.
    """
    found: dict[str, tuple[str, str]] = {}
    left_out = [] if left_out is None else left_out
    for pattern in patterns:
        remote = is_remote(pattern) and not pattern.startswith("file://")
        files = _remote_files(pattern, left_out) if remote else _local_files(pattern.removeprefix("file://"), left_out)
        if not files:
            raise InputError(f"{pattern}: {_absent(pattern)}")
        for source, url in files:
            found.setdefault(url if remote else os.path.realpath(url), (source, url))
    return map_threads(lambda file: _inspect(*file), list(found.values()))


def _absent(pattern: str) -> str:
    """What is wrong where nothing was found: a path that does not exist, or a pattern that matches nothing."""
    return "no file matches this pattern" if glob.has_magic(pattern) else "no such file or folder"


def plan_shards(inputs: Sequence[InputFile], config: ReadConfig, shard_bytes: int = SHARD_BYTES) -> list[Shard]:
    """One shard per file, in order. An uncompressed JSONL or text file, or a Parquet file, above `shard_bytes` gives several.

    Raises InputError if a Parquet file has a damaged footer or lacks the columns that `config` names.
    """
    return [shard for shards in map_threads(lambda file: _shards(file, config, shard_bytes), inputs) for shard in shards]


def _local_files(pattern: str, left_out: list[str]) -> list[tuple[str, str]]:
    """(source, absolute path) of each file. A path that exists is used as it is, even if it contains glob characters."""
    if not pattern:
        raise InputError("the name of an input must not be empty")
    paths = [Path(pattern)]
    try:
        if not paths[0].exists():
            paths = sorted(map(Path, glob.glob(pattern, recursive=True)))  # noqa: PTH207  Path.glob takes no absolute pattern
    except OSError as error:
        raise InputError(f"{pattern}: {one_line(error)}") from None
    files = [file for path in paths for file in (_folder(path, left_out) if path.is_dir() else [path])]
    unreadable = [str(file) for file in files if _shown_name(str(file)) != str(file)]
    if len(unreadable) == len(files) > 0:
        raise InputError(f"{_shown_name(unreadable[0])}: {NOT_UTF8}")
    left_out += [f"{_shown_name(name)} ({NOT_UTF8})" for name in unreadable]
    files = [file for file in files if str(file) not in unreadable]
    return [(file.as_posix(), str(file.absolute())) for file in files]


def _folder(folder: Path, left_out: list[str]) -> list[Path]:
    if (folder / "_manifest").is_dir():
        raise InputError(f"{folder}: this is the output of a run; to read the documents it kept, name {folder}/kept")
    paths = sorted(path for path in folder.rglob("*") if _is_shown(path.relative_to(folder)) and path.is_file())
    return [Path(name) for name in _inputs_among([str(path) for path in paths], str(folder), left_out)]


def _is_shown(path: PurePath) -> bool:
    """True for a path in which no name begins with `.` or `_`, as those of Hadoop's and our own bookkeeping do."""
    return not any(name[0] in "._" for name in path.parts) and path.suffix != ".crc"


def _inputs_among(names: list[str], folder: str, left_out: list[str]) -> list[str]:
    """The files of a folder that are inputs, by their suffix or else by their content. InputError if there is none."""
    reasons = map_threads(_why_not, names)
    others = [f"{_shown_name(name)} ({reason})" for name, reason in zip(names, reasons, strict=True) if reason]
    found = [name for name, reason in zip(names, reasons, strict=True) if not reason]
    if not found:
        left = f"; left out: {'; '.join(others[:SHOWN])}" if others else ""
        raise InputError(f"{folder}: no input files in this folder{left}")
    left_out += others
    return found


def _why_not(name: str) -> str | None:
    """Why a file of a folder is no input; None if it is one. Only files without a known suffix are opened."""
    if _shown_name(name) != name:
        return NOT_UTF8
    head = b""
    if named_format(name) is None:
        try:
            _, _, head = stat_and_head(name, HEAD_BYTES)
        except Exception as error:  # each store has its own exception types
            return one_line(error)
    return why_not_in_folder(PurePosixPath(name).name, head)


def _shown_name(name: str) -> str:
    """A name with the bytes that are not UTF-8 escaped, as messages and JSON need it."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _remote_files(pattern: str, left_out: list[str]) -> list[tuple[str, str]]:
    """(URL, URL) of each file, in fsspec's spelling."""
    try:
        files, path = filesystem(pattern)
        if files.isfile(path):
            paths = [path]
        elif files.isdir(path):
            paths = _remote_folder(files, path, pattern, left_out)
        else:
            hidden = "/." in path  # as in a shell, `*` matches no hidden files
            matches = [match for match in sorted(files.glob(path, detail=True).items()) if hidden or "/." not in match[0]]
            folders = [
                _remote_folder(files, name, name, left_out) if entry["type"] == "directory" else [name] for name, entry in matches
            ]
            paths = [name for names in folders for name in names]
    except InputError:
        raise
    except StoreError as error:
        raise InputError(str(error)) from None
    except Exception as error:  # each store has its own exception types
        raise InputError(f"{pattern}: {one_line(error)}") from None
    return [(files.unstrip_protocol(path),) * 2 for path in paths]


def _remote_folder(files: Any, folder: str, named: str, left_out: list[str]) -> list[str]:
    paths = [path for path in sorted(files.find(folder)) if _is_shown(PurePosixPath(path).relative_to(folder))]
    urls = [files.unstrip_protocol(path) for path in paths]
    inputs = set(_inputs_among(urls, named, left_out))
    return [path for path, url in zip(paths, urls, strict=True) if url in inputs]


def _inspect(source: str, url: str) -> InputFile:
    """Size, version and format of one file."""
    try:
        size, version, head = stat_and_head(url, HEAD_BYTES)
        return InputFile(source=source, url=url, format=format_of(PurePosixPath(source).name, head), size=size, version=version)
    except Exception as error:  # each store has its own exception types
        raise InputError(f"{source}: {one_line(error)}") from None


def _shards(file: InputFile, config: ReadConfig, shard_bytes: int) -> list[Shard]:
    ranges: list[Range] = [(0, None, file.size)]
    if file.format == "parquet" and file.size:
        ranges = _row_groups(file, config, shard_bytes)
    elif file.format == "csv" and file.size:
        _check_table(file, config)
    elif file.format in ("jsonl", "text") and file.size > shard_bytes and not (named_format(file.source) or ("", ""))[1]:
        count = math.ceil(file.size / shard_bytes)
        edges = [file.size * number // count for number in range(count + 1)]
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
    # With 12 digits, names of 100,000 files that are all called part-0.parquet collide in one of 50,000 runs.
    slug = re.sub(r"[^A-Za-z0-9._-]+", "-", PurePosixPath(file.source).name)[-80:].lstrip("._-")
    identity = "\0".join(map(str, (file.source, file.format, start, end)))
    return f"{slug or 'input'}-{xxhash.xxh3_64_hexdigest(identity.encode())[:12]}"


def _row_groups(file: InputFile, config: ReadConfig, shard_bytes: int) -> list[Range]:
    """Ranges of row groups of up to `shard_bytes` in storage; a larger row group is a range of its own."""
    try:
        with open_parquet(file.url) as parquet:
            check_columns(parquet.schema_arrow, config)
            sizes = [_stored_bytes(parquet.metadata.row_group(group)) for group in range(parquet.num_row_groups)]
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"{file.source}: damaged, or not a Parquet file: {one_line(error)}") from None
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


def _check_table(file: InputFile, config: ReadConfig) -> None:
    """InputError if a CSV file lacks the columns that `config` names."""
    try:
        with open_input(file.url) as stored:
            names = column_names(TableStream(stored, file.url, Notes()).peek(HEAD_BYTES), delimiter_of(file.url))
        check_columns(pa.schema([(name, pa.string()) for name in names]), config)
    except ValueError as error:
        raise InputError(f"{file.source}: {one_line(error)}") from None


def _stored_bytes(row_group: Any) -> int:
    return sum(row_group.column(column).total_compressed_size for column in range(row_group.num_columns))
