"""Reads JSON lines (plain, .gz, .zst): one object per line, with the text in one field."""

from collections.abc import Callable, Iterator

import orjson
import pyarrow as pa

from curricle.schemas.shards import Shard
from curricle.stages.read.compressed import compression_of
from curricle.stages.read.config import ReadConfig
from curricle.stages.read.files import Window
from curricle.stages.read.lines import compressed_lines, plain_lines
from curricle.stages.read.rows import DeadLetter, Rows, as_text, to_json
from curricle.storage.files import open_input

BOM = b"\xef\xbb\xbf"
KINDS = {dict: "an object", list: "an array", str: "a string", bool: "a boolean", int: "a number", float: "a number"}


def read_jsonl(shard: Shard, config: ReadConfig, notes: list[str]) -> Iterator[pa.RecordBatch]:
    """Read the lines that begin in [shard.start, shard.end) as batches of READ_SCHEMA and `config.carry` (null).

    Blank lines are skipped. A line that is not UTF-8, not JSON, not an object or has no text of type string is a dead letter, and
    so is a line longer than `max_record_bytes`. If a compressed file is damaged, the line that was being read is one dead letter.
    Reading continues at the next member that can be decoded; a partial line at its start that is not a complete JSON object
    belongs to the same damage.
    """
    return read_lines(shard, config, notes, _add)


AddLine = Callable[[Rows, int, bytes, ReadConfig, bool], None]
"""Appends the row of a line at an offset. The last argument says whether the line may be the rest of a damaged one.

Raises ValueError with the reason of a dead letter."""


def read_lines(shard: Shard, config: ReadConfig, notes: list[str], add: AddLine) -> Iterator[pa.RecordBatch]:
    """Read the lines that begin in [shard.start, shard.end). `add` makes a row of each; blank lines are skipped."""
    rows = Rows(shard.source, config)
    resumed = False
    with open_input(shard.url) as file:
        window = Window(file)
        codec = compression_of(window, shard.url)
        limit = config.max_record_bytes
        items = compressed_lines(window, codec, limit, notes) if codec else plain_lines(window, shard.start, shard.end, limit)
        for item in items:
            if isinstance(item, DeadLetter):
                rows.add_dead(item)
                resumed = item.may_continue
                continue
            offset = item.offset
            for line in item.lines:
                size = len(line)
                if offset == 0:
                    line = line.removeprefix(BOM)
                try:
                    add(rows, offset, line, config, resumed)
                except ValueError as error:
                    if line.strip():
                        rows.add_dead(DeadLetter(offset, str(error), line))
                resumed = False
                offset += size + 1
                if rows.full:
                    yield rows.take()
    if len(rows):
        yield rows.take()


def _add(rows: Rows, offset: int, line: bytes, config: ReadConfig, resumed: bool) -> None:
    try:
        fields = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        if resumed:
            return
        raise ValueError(_why(line, error)) from None
    if type(fields) is not dict:
        if resumed:
            return
        raise ValueError("null, not an object" if fields is None else f"{KINDS[type(fields)]}, not an object")
    try:
        text = fields.pop(config.text_column)
    except KeyError:
        raise ValueError(f"no field {config.text_column!r}") from None
    if type(text) is not str:
        raise ValueError(f"{config.text_column!r} is {'null' if text is None else KINDS[type(text)] + ', not a string'}")
    url = fields.pop(config.url_column, None)
    source_id = fields.pop(config.id_column, None)
    date = fields.pop(config.date_column, None)
    rows.add(
        offset,
        source_id=source_id if type(source_id) is str else as_text(source_id),
        url=url if type(url) is str else as_text(url),
        date=date if type(date) is str else as_text(date),
        metadata=to_json(fields) if fields and config.metadata else None,
        size=len(line),
        text=text,
    )


def _why(line: bytes, error: orjson.JSONDecodeError) -> str:
    try:
        line.decode()
    except UnicodeDecodeError as wrong:
        return f"not UTF-8 at byte {wrong.start} of the line"
    return f"not JSON: {error.msg}"
