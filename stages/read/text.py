"""Reads plain text (.txt, .gz, .zst): one document per line, like corpora for language models."""

from collections.abc import Iterator

import pyarrow as pa

from curricle.schemas.shards import Shard
from curricle.stages.read.config import ReadConfig
from curricle.stages.read.jsonl import read_lines
from curricle.stages.read.notes import Notes
from curricle.stages.read.rows import Rows


def read_text(shard: Shard, config: ReadConfig, notes: Notes) -> Iterator[pa.RecordBatch]:
    """Read the lines that begin in [shard.start, shard.end) as batches of READ_SCHEMA and `config.carry` (null).

    Blank lines are skipped. A line that is not UTF-8 or longer than `max_record_bytes` is a dead letter. If a compressed file is
    damaged, the line that was being read and the rest of it after the damage are one dead letter.
    """
    return read_lines(shard, config, notes, _add)


def _add(rows: Rows, offset: int, line: bytes, config: ReadConfig, resumed: bool) -> None:
    if resumed or not line.strip():
        return
    try:
        text = line.decode().removesuffix("\r")
    except UnicodeDecodeError as wrong:
        raise ValueError(f"not UTF-8 at byte {wrong.start} of the line") from None
    rows.add(offset, source_id=None, url=None, date=None, metadata=None, size=len(line), text=text)
