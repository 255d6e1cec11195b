"""The hash of the stored bytes of a shard: whether an input whose modification time changed has other content."""

import itertools
from pathlib import Path
from typing import Any

import pyarrow as pa
import xxhash

from curricle.schemas.shards import Shard
from curricle.stages.read.parquet import open_parquet
from curricle.storage.files import is_remote, stat_and_head

BLOCK = 1 << 20


def shard_content(shard: Shard) -> str | None:
    """XXH3-128 of the bytes of a local shard, hex; None for a remote one, whose version is the store's own hash.

    For row groups of a Parquet file, these are their pages and the footer's description of them. None if the file cannot be read.
    """
    if is_remote(shard.url):
        return None
    try:
        if shard.format == "parquet" and shard.end is not None:
            return _row_groups(shard, shard.end)
        return _bytes(Path(shard.url), [(shard.start, shard.end)])
    except (OSError, pa.ArrowException):
        return None


def unchanged_content(shard: Shard) -> str | None:
    """`shard_content` of a shard that was read; None if its file has changed since the run was planned."""
    content = shard_content(shard)
    try:
        return content if content and stat_and_head(shard.url, 0)[1] == shard.version else None
    except OSError:
        return None


def _row_groups(shard: Shard, end: int) -> str:
    with open_parquet(shard.url) as parquet:
        columns = [
            parquet.metadata.row_group(group).column(column)
            for group, column in itertools.product(range(shard.start, end), range(parquet.metadata.num_columns))
        ]
        schema = parquet.schema_arrow.to_string()
    starts = [
        column.data_page_offset if column.dictionary_page_offset is None else column.dictionary_page_offset for column in columns
    ]
    ranges = [(start, start + column.total_compressed_size) for start, column in zip(starts, columns, strict=True)]
    return _bytes(Path(shard.url), ranges, repr([schema, *(_described(column) for column in columns)]))


def _described(column: Any) -> tuple[Any, ...]:
    return column.path_in_schema, column.physical_type, column.compression, column.encodings, column.num_values


def _bytes(path: Path, ranges: list[tuple[int, int | None]], before: str = "") -> str:
    digest = xxhash.xxh3_128(before.encode())
    with path.open("rb") as file:
        for start, end in ranges:
            file.seek(start)
            left = path.stat().st_size - start if end is None else end - start
            while left > 0 and (block := file.read(min(left, BLOCK))):
                digest.update(block)
                left -= len(block)
    return digest.hexdigest()
