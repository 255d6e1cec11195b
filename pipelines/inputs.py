"""Inputs as the user names them, to shards: files, folders and globs."""

import glob
import posixpath
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import xxhash

from schemas.shards import Format, Shard
from stages.read.config import ReadConfig

SHARD_BYTES = 256 << 20
SUFFIXES: dict[str, Format] = {
    **{f".warc{end}": "warc" for end in ("", ".gz", ".wet", ".wet.gz")},
    **{f".wet{end}": "warc" for end in ("", ".gz")},
    **{f".jsonl{end}": "jsonl" for end in ("", ".gz", ".zst")},
    ".parquet": "parquet",
}


class InputError(ValueError):
    """An input that cannot be read, found before anything starts: one line."""


@dataclass(frozen=True)
class InputFile:
    """One file: its name as the user gave it, where it lies, what it is."""

    source: str
    path: Path
    format: Format


def find_inputs(patterns: Sequence[str]) -> list[InputFile]:
    """The files of all patterns, each once; InputError for a pattern without a file and a file of no known kind."""
    found: dict[Path, InputFile] = {}
    for pattern in patterns:
        if "://" in pattern:
            raise InputError(f"{pattern}: only local inputs can be read in this version")
        folder = Path(pattern).is_dir()
        names = sorted(_walk(Path(pattern)) if folder else [pattern] if Path(pattern).exists() else glob.glob(pattern))  # noqa: PTH207  absolute and relative patterns alike
        if not names:
            raise InputError(f"{pattern}: no such file" + (" of a known kind in this folder" if folder else ""))
        for name in names:
            path = Path(name).absolute()
            found.setdefault(path, InputFile(posixpath.normpath(Path(name).as_posix()), path, _format(name)))
    return list(found.values())


def _walk(folder: Path) -> list[str]:
    paths = (path for path in folder.rglob("*") if path.is_file())
    visible = (path for path in paths if not any(part[0] in "._" for part in path.relative_to(folder).parts))
    return [str(path) for path in visible if path.name.endswith(tuple(SUFFIXES))]


def _format(name: str) -> Format:
    for suffix in sorted(SUFFIXES, key=len, reverse=True):
        if name.endswith(suffix):
            return SUFFIXES[suffix]
    raise InputError(f"{name}: not a known kind of file ({', '.join(SUFFIXES)})")


def plan_shards(inputs: Sequence[InputFile], config: ReadConfig, shard_bytes: int = SHARD_BYTES) -> list[Shard]:
    """One shard a file; a plain JSONL or a Parquet file over `shard_bytes` is split. InputError for what cannot be opened."""
    return [shard for file in inputs for shard in _shards(file, config, shard_bytes)]


def _shards(file: InputFile, config: ReadConfig, shard_bytes: int) -> list[Shard]:
    try:
        status = file.path.stat()
        with file.path.open("rb") as opened:
            magic = opened.read(8)
    except OSError as error:
        raise InputError(f"{file.source}: {error.strerror}") from None
    _check_magic(file, magic)
    size = status.st_size
    ranges: list[tuple[int, int | None, int]] = [(0, None, size)]
    if file.format == "parquet":
        ranges = _row_groups(file, config, shard_bytes)
    elif file.source.endswith(".jsonl") and size > shard_bytes:
        ranges = [
            (start, min(start + shard_bytes, size), min(shard_bytes, size - start)) for start in range(0, size, shard_bytes)
        ]
    version = f"{size}-{status.st_mtime_ns}"
    return [
        Shard(
            name=_name(file, start, end),
            source=file.source,
            url=str(file.path),
            format=file.format,
            start=start,
            end=end,
            size=bytes_,
            version=version,
        )
        for start, end, bytes_ in ranges
    ]


def _name(file: InputFile, start: int, end: int | None) -> str:
    slug = re.sub(r"[^A-Za-z0-9._-]+", "-", posixpath.basename(file.source))[-80:]
    return f"{slug}-{xxhash.xxh3_64_hexdigest(f'{file.source}|{file.format}|{start}|{end}'.encode())[:10]}"


def _check_magic(file: InputFile, magic: bytes) -> None:
    gzip, zstd = magic.startswith(b"\x1f\x8b"), magic.startswith(b"\x28\xb5\x2f\xfd")
    right = {".gz": gzip, ".zst": zstd, ".parquet": magic.startswith(b"PAR1")}.get(file.path.suffix, not (gzip or zstd))
    if (magic or file.format == "parquet") and not right:
        raise InputError(f"{file.source}: not what its name says, it begins with {magic!r}")


def _row_groups(file: InputFile, config: ReadConfig, shard_bytes: int) -> list[tuple[int, int | None, int]]:
    try:
        with pq.ParquetFile(file.path) as parquet:
            names, metadata = parquet.schema_arrow.names, parquet.metadata
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"{file.source}: not readable as Parquet: {str(error).splitlines()[0]}") from None
    if config.text_column not in names:
        raise InputError(f"{file.source}: no column {config.text_column!r} (there is: {', '.join(names)})")
    ranges: list[tuple[int, int | None, int]] = []
    start = held = 0
    for group in range(metadata.num_row_groups):
        held += metadata.row_group(group).total_byte_size
        if held >= shard_bytes or group == metadata.num_row_groups - 1:
            ranges.append((start, group + 1, held))
            start, held = group + 1, 0
    return [(0, None, ranges[0][2])] if len(ranges) == 1 else ranges or [(0, None, 0)]
