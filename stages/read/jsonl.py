"""Reads JSON lines (plain, .gz, .zst): one object per line, with the text in one field."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pyarrow as pa

from curricle.schemas.shards import Shard
from curricle.stages.read.compressed import compression_of
from curricle.stages.read.config import ReadConfig
from curricle.stages.read.fields import MISSING, take
from curricle.stages.read.files import Window
from curricle.stages.read.lines import compressed_lines, plain_lines
from curricle.stages.read.notes import Notes
from curricle.stages.read.rows import DeadLetter, Rows, as_text, to_json
from curricle.stages.read.tolerant_json import Odd, read_object
from curricle.storage.files import open_input

_EXPONENT = re.compile(r"[0-9]e\+?[0-9]")
"""In JSON that orjson wrote: a number of more than 20 digits, perhaps an integer."""

BOM = b"\xef\xbb\xbf"
KINDS = {dict: "an object", list: "an array", str: "a string", bool: "a boolean", int: "a number", float: "a number"}


def read_jsonl(shard: Shard, config: ReadConfig, notes: Notes) -> Iterator[pa.RecordBatch]:
    """Read the lines that begin in [shard.start, shard.end) as batches of READ_SCHEMA and `config.carry`.

    Blank lines are skipped. A line that is not UTF-8, not JSON, not an object or has no text of type string is a dead letter, and
    so is a line longer than `max_record_bytes`. If a compressed file is damaged, the line that was being read is one dead letter.
    Reading continues at the next member that can be decoded; a partial line at its start that is not a complete JSON object
    belongs to the same damage.
    """
    return read_lines(shard, config, notes, _add)


AddLine = Callable[[Rows, int, bytes, ReadConfig, bool], None]
"""Appends the row of a line at an offset. The last argument says whether the line may be the rest of a damaged one.

Raises ValueError with the reason of a dead letter."""


def read_lines(shard: Shard, config: ReadConfig, notes: Notes, add: AddLine) -> Iterator[pa.RecordBatch]:
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
                line = line.removeprefix(BOM)  # also where files that begin with one were joined
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
    notes += [f"{what}: {count}" for what, count in rows.counts.items() if count]
    notes += rows.unmatched()


def _add(rows: Rows, offset: int, line: bytes, config: ReadConfig, resumed: bool) -> None:
    changed = 0
    try:
        fields = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        found = _tolerant(line)
        if found is None:
            if resumed:
                return
            raise ValueError(_why(line, error)) from None
        fields, changed = found
    if type(fields) is not dict:
        if resumed:
            return
        raise ValueError("null, not an object" if fields is None else f"{KINDS[type(fields)]}, not an object")
    row = _row(rows, fields, config)
    if row[-1] and not changed and (again := _tolerant(line)) is not None:
        row, changed = _row(rows, again.fields, config), again.changed
    if changed:
        rows.counts["values that JSON cannot hold, now null, text or U+FFFD"] += changed
    text, url, source_id, date, metadata, carried, _ = row
    rows.add(offset, source_id=source_id, url=url, date=date, metadata=metadata, size=len(line), text=text, carried=carried)


_Row = tuple[str, str | None, str | None, str | None, str | None, tuple[Any, ...] | None, bool]
"""Text, url, source_id, date, metadata, values of the carried columns, and whether a number may not be as the line has it, or
nesting is too deep."""


def _row(rows: Rows, fields: dict[str, Any], config: ReadConfig) -> _Row:
    """The row of an object, which is used up; ValueError if it has no text."""
    text = fields.pop(config.text_column, MISSING)
    if type(text) is not str:
        if text is MISSING:
            text = take(fields, config.text_column)
        if text is MISSING:
            raise ValueError(f"no field {config.text_column!r}")
        if type(text) is not str:
            raise ValueError(f"{config.text_column!r} is {'null' if text is None else KINDS[type(text)] + ', not a string'}")
    if rows.watched or rows.partitions:
        url, source_id, date = _named(rows, fields, config)
    else:
        url, source_id, date = (
            fields.pop(config.url_column, None),
            fields.pop(config.id_column, None),
            fields.pop(config.date_column, None),
        )
    rounded = type(url) is float or type(source_id) is float or type(date) is float
    carried = _carried(rows, fields) if rows.carried else None
    metadata = None
    if fields and config.metadata:
        try:
            metadata = to_json(fields)
            rounded = rounded or ("e" in metadata and _EXPONENT.search(metadata) is not None)
        except ValueError:  # nested too deep
            rounded = True
    return (
        text,
        url if type(url) is str else as_text(url),
        source_id if type(source_id) is str else as_text(source_id),
        date if type(date) is str else as_text(date),
        metadata,
        carried,
        rounded,
    )


def _carried(rows: Rows, fields: dict[str, Any]) -> tuple[Any, ...]:
    """Values of the carried columns, which are no longer part of `metadata`; null where there is none."""
    values = (take(fields, column.name) for column in rows.carried)
    return tuple(None if value is MISSING else value for value in values)


def _named(rows: Rows, fields: dict[str, Any], config: ReadConfig) -> list[Any]:
    """Values of the url, id and date columns; columns that the file's path gives are added to the others."""
    names = (config.url_column, config.id_column, config.date_column)
    values = [take(fields, name) for name in names]
    rows.found.update(setting for at, setting in rows.watched if values[at] is not MISSING)
    fields |= {name: value for name, value in rows.partitions.items() if name not in (*fields, *names) and value is not None}
    return [rows.partitions.get(name) if value is MISSING else value for name, value in zip(names, values, strict=True)]


def _tolerant(line: bytes) -> Odd | None:
    """The fields of a line that orjson refuses or rounds; None if it is not an object in UTF-8."""
    try:
        return read_object(line.decode())
    except UnicodeDecodeError:
        return None


def _why(line: bytes, error: orjson.JSONDecodeError) -> str:
    try:
        line.decode()
    except UnicodeDecodeError as wrong:
        return f"not UTF-8 at byte {wrong.start} of the line"
    return f"not JSON: {error.msg}"
