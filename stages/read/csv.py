"""Reads tables of text (.csv, .tsv, compressed or not; RFC 4180) by Arrow's reader: one document per row.

The first row names the columns. Values may hold line ends in quotes. All are text; an empty text column is an empty text.
"""

import csv
import io
from collections import Counter, deque
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import BinaryIO, NamedTuple

import pyarrow as pa
import pyarrow.csv as arrow_csv

from curricle.schemas.shards import Shard
from curricle.stages.read.compressed import Codec, DamagedMember, compression_of, decode
from curricle.stages.read.config import ReadConfig
from curricle.stages.read.fields import partitions
from curricle.stages.read.files import Window
from curricle.stages.read.notes import Notes
from curricle.stages.read.parquet import check_columns, dead_rows, lost_notes, pieces, rows_of, with_columns
from curricle.stages.read.rows import DEAD_BYTES
from curricle.storage.files import open_input

BLOCK = 1 << 20
ROW_BYTES = 32 << 20
"""Bytes that Arrow parses at a time. A longer row ends the reading."""

HEADER_BYTES = 1 << 16
"""The names of the columns must end within so many bytes."""


def read_csv(shard: Shard, config: ReadConfig, notes: Notes) -> Iterator[pa.RecordBatch]:
    """Read the rows as batches of READ_SCHEMA and `config.carry`; `source_offset` is the number of the row, from 0.

    A row with a wrong number of values, or whose text is not UTF-8, is a dead letter. If the file cannot be read further,
    the rest of it is one dead letter.

    Raises ValueError like `check_columns`.
    """
    delimiter = delimiter_of(shard.url)
    with open_input(shard.url) as file:
        stream = TableStream(file, shard.url, notes)
        names = column_names(stream.peek(HEADER_BYTES), delimiter)
        check_columns(pa.schema([(name, pa.string()) for name in names]), config)
        given = {name: value for name, value in partitions(shard.source).items() if name not in names}
        bad: deque[_BadRow] = deque()
        lost: Counter[str] = Counter()
        offset = 0
        try:
            for batch in _batches(stream, names, delimiter, bad):
                for piece in pieces(with_columns(batch, given), 2 * config.batch_bytes):
                    for out in _placed(piece, offset, bad, shard.source, config, lost):
                        yield out
                        offset += out.num_rows
            reason = stream.damage
        except pa.ArrowException as error:
            reason = f"cannot be read further: {str(error).splitlines()[0]}"
        while bad:
            row = bad.popleft()
            yield dead_rows(offset, 1, row.reason, shard.source, config, row.first_bytes)
            offset += 1
        if reason:
            yield dead_rows(offset, 1, reason, shard.source, config)
        notes += lost_notes(lost)


def delimiter_of(name: str) -> str:
    """A tab for .tsv files, else a comma."""
    return "\t" if ".tsv" in PurePosixPath(name.lower()).suffixes[-2:] else ","


def column_names(head: bytes, delimiter: str) -> list[str]:
    """Names of the columns, from the first row; ValueError if there is none."""
    text = head.decode("utf-8-sig", "replace")
    names = next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), [])
    if not names:
        raise ValueError("no row with the names of the columns")
    return names


class _BadRow(NamedTuple):
    number: int  # from 0, without the header
    reason: str
    first_bytes: bytes


def _batches(stream: "TableStream", names: list[str], delimiter: str, bad: deque[_BadRow]) -> Iterator[pa.RecordBatch]:
    """Arrow's batches of the rows with the right number of values; the others are added to `bad`."""

    def skip(row: arrow_csv.InvalidRow) -> str:
        reason = f"{row.actual_columns} values, and the first row names {row.expected_columns} columns"
        bad.append(_BadRow(row.number - 2, reason, row.text.encode()[:DEAD_BYTES]))  # it counts from 1, with the header
        return "skip"

    yield from arrow_csv.open_csv(
        pa.PythonFile(stream, "r"),
        read_options=arrow_csv.ReadOptions(use_threads=False, block_size=ROW_BYTES),
        parse_options=arrow_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True, invalid_row_handler=skip),
        convert_options=arrow_csv.ConvertOptions(
            check_utf8=False, column_types=dict.fromkeys(names, pa.binary()), strings_can_be_null=False
        ),
    )


def _placed(
    batch: pa.RecordBatch, offset: int, bad: deque[_BadRow], source: str, config: ReadConfig, lost: Counter[str]
) -> Iterator[pa.RecordBatch]:
    """The rows as READ_SCHEMA from number `offset` on, with dead letters for the bad rows between and before them."""
    at = 0
    while at < batch.num_rows:
        run = min(bad[0].number - offset, batch.num_rows - at) if bad else batch.num_rows - at
        if run > 0:
            yield rows_of(batch.slice(at, run), offset, source, config, False, lost)
            at, offset = at + run, offset + run
        else:
            row = bad.popleft()
            yield dead_rows(offset, 1, row.reason, source, config, row.first_bytes)
            offset += 1


class TableStream(io.RawIOBase):
    """The decoded bytes of a file, until its end or damage."""

    def __init__(self, file: BinaryIO, name: str, notes: Notes) -> None:
        window = Window(file)
        codec = compression_of(window, name)
        self.pieces = self._decoded(window, codec, notes)
        self.held = b""
        self.damage = ""

    def _decoded(self, window: Window, codec: Codec | None, notes: Notes) -> Iterator[bytes]:
        if codec is None:
            while block := window.take(BLOCK):
                yield block
            return
        for event in decode(window, codec, b"", notes):
            if isinstance(event, DamagedMember):
                self.damage = f"{event.reason} (stored byte {event.member})"
                return
            yield event.data

    def readable(self) -> bool:
        """Yes."""
        return True

    def peek(self, size: int) -> bytes:
        """The next `size` bytes without consuming them; fewer only at the end."""
        while len(self.held) < size and (piece := next(self.pieces, b"")):
            self.held += piece
        return self.held[:size]

    def read(self, size: int = -1) -> bytes:
        """The next `size` bytes, or all."""
        data = self.peek(size if size >= 0 else 1 << 62)
        self.held = self.held[len(data) :]
        return data
