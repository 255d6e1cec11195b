"""Reads Parquet files by row groups, in batches of bounded size: one document per row."""

from collections import Counter
from collections.abc import Iterator, Mapping

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curricle.schemas.batches import null_columns
from curricle.schemas.column import schema_of
from curricle.schemas.columns import DOCUMENT
from curricle.schemas.shards import Shard, document_id
from curricle.stages.read.arrays import as_type, is_text, json_objects, nested_column, nested_type, root_columns, text_of, texts
from curricle.stages.read.config import ReadConfig
from curricle.stages.read.fields import partitions
from curricle.stages.read.notes import Notes
from curricle.stages.read.rows import DEAD_BYTES
from curricle.storage.files import is_remote, open_input

DEAD_BATCH_ROWS = 10_000  # rows in a batch of dead letters
KEPT = tuple(column.name for column in DOCUMENT if column.name != "text")


def open_parquet(url: str) -> pq.ParquetFile:
    """Open a file and read its footer. Raises OSError or `pa.ArrowException` if the footer is damaged.

    Pages of a local file are read as they are needed; of a remote file, a whole row group at a time.
    """
    if is_remote(url):
        return pq.ParquetFile(open_input(url), pre_buffer=True, page_checksum_verification=True)
    return pq.ParquetFile(url, buffer_size=1 << 20, pre_buffer=False, page_checksum_verification=True)


def check_columns(schema: pa.Schema, config: ReadConfig) -> None:
    """Raise ValueError if the text column is missing or is not text, or a carried column of ours does not have its type."""
    found = schema.get_all_field_indices(config.text_column)
    if len(found) > 1:
        raise ValueError(f"{len(found)} columns {config.text_column!r} (choose from: {', '.join(schema.names)})")
    kind = nested_type(schema, config.text_column)
    if kind is None:
        raise ValueError(f"no column {config.text_column!r} (choose from: {', '.join(schema.names)})")
    if not is_text(kind) and not pa.types.is_null(kind):
        raise ValueError(f"column {config.text_column!r} has type {kind}; text is required")
    for column in config.carried():
        if column.name not in config.carry_types and (at := schema.get_field_index(column.name)) >= 0:
            kind = schema.field(at).type
            # The field of a list may be called item or element; the types then differ but can be cast.
            both_lists = pa.types.is_list(kind) and pa.types.is_list(column.dtype) and kind.value_type == column.dtype.value_type
            both_texts = is_text(kind) and column.dtype == pa.string()
            if kind != column.dtype and not both_lists and not both_texts:
                raise ValueError(f"column {column.name!r} has type {kind}; only {column.dtype} can be carried")


def read_parquet(shard: Shard, config: ReadConfig, notes: Notes) -> Iterator[pa.RecordBatch]:
    """Read the row groups [shard.start, shard.end) as batches of READ_SCHEMA and `config.carry`; `source_offset` is the row.

    Named columns may be fields of structs, or of text that holds JSON: `metadata.url`. Folders called `lang=en` give a column
    `lang`. Of several columns with one name, the later ones are called `name_2`, `name_3`.

    A row whose text is null, not UTF-8 or longer than `max_record_bytes` is a dead letter, and so is each row of a damaged row
    group that cannot be read, as many as the footer counts. `metadata` omits null fields. A file that curricle wrote keeps its
    id, source, source_offset, source_id, url, date and metadata.

    Raises ValueError like `check_columns`. Errors of the storage are not errors of the data and are raised unchanged.
    """
    with open_parquet(shard.url) as file:
        schema = file.schema_arrow
        check_columns(schema, config)
        own = b"curricle" in (schema.metadata or {})
        if own and (dropped := [name for name in schema.names if name not in (*KEPT, config.text_column, *config.carry)]):
            notes.append(f"columns not carried: {', '.join(dropped)}")
        columns = _wanted(schema, config, own)
        lost: Counter[str] = Counter()
        given = {} if own else {name: value for name, value in partitions(shard.source).items() if name not in schema.names}
        notes += _notes(schema, given, config, own)
        counts = [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)]
        offset = sum(counts[: shard.start])
        for group in range(shard.start, len(counts) if shard.end is None else shard.end):
            stop = offset + counts[group]
            batches = file.iter_batches(_batch_rows(file, group, config), row_groups=[group], columns=columns)
            reason = "the row group has fewer rows than the footer says"
            while offset < stop:
                try:
                    batch = next(batches, None)
                except (OSError, pa.ArrowException) as error:
                    # Arrow raises bare OSErrors for damaged data; errors of a disk or network have a number or a subclass.
                    if isinstance(error, OSError) and (type(error) is not OSError or error.errno is not None):
                        raise
                    reason, batch = f"row group {group} is damaged: {str(error).splitlines()[0]}", None
                if batch is None:
                    break
                batch = with_columns(batch, given)
                for piece in pieces(batch, 2 * config.batch_bytes):
                    yield rows_of(piece, offset, shard.source, config, own, lost)
                    offset += piece.num_rows
            while offset < stop:
                rows = min(stop - offset, DEAD_BATCH_ROWS)
                yield dead_rows(offset, rows, reason, shard.source, config)
                offset += rows
        notes += lost_notes(lost)


def lost_notes(lost: Counter[str]) -> list[str]:
    """A note for each carried column that has values of another type."""
    return [f"values of another type, null in the carried column {name!r}: {count}" for name, count in lost.items() if count]


def _notes(schema: pa.Schema, given: Mapping[str, str | None], config: ReadConfig, own: bool) -> list[str]:
    """Columns of one name, and columns that the recipe names and the file lacks."""
    repeated = sorted({name for name in schema.names if schema.names.count(name) > 1})
    notes = [f"several columns have the name {name!r}; the later ones are {name}_2, ..." for name in repeated]
    missing = {
        setting: name
        for setting, name in config.renamed().items()
        if name not in given and nested_type(schema, name) is None and not own
    }
    return notes + [f"read.{setting}: no document has {name!r}" for setting, name in missing.items()]


def with_columns(batch: pa.RecordBatch, given: Mapping[str, str | None]) -> pa.RecordBatch:
    """The batch with one name for each column (`value`, `value_2`), and with the columns that the file's path gives."""
    names: list[str] = []
    for name in batch.schema.names:
        number = 2
        unique = name
        while unique in names:
            unique, number = f"{name}_{number}", number + 1
        names.append(unique)
    arrays = [*batch.columns, *(pa.repeat(pa.scalar(value, pa.string()), batch.num_rows) for value in given.values())]
    return pa.RecordBatch.from_arrays(arrays, names=[*names, *given])


def _wanted(schema: pa.Schema, config: ReadConfig, own: bool) -> list[str] | None:
    """The columns to read; None for all."""
    if config.metadata and not own:
        return None
    named = {config.text_column, config.url_column, config.id_column, config.date_column}
    if own:
        named = {config.text_column, *KEPT}
    roots = {root for name in (*named, *config.carry) for root in root_columns(schema, name)}
    return [name for name in dict.fromkeys(schema.names) if name in roots]


def _batch_rows(file: pq.ParquetFile, group: int, config: ReadConfig) -> int:
    """Number of rows of the group's average size that make a batch."""
    group_data = file.metadata.row_group(group)
    average = max(group_data.total_byte_size // max(group_data.num_rows, 1), 1)
    return min(max(config.batch_bytes // average, 1), config.batch_rows)


def pieces(batch: pa.RecordBatch, limit: int) -> Iterator[pa.RecordBatch]:
    """Halve the batch until each piece has at most `limit` bytes or one row: rows may be much larger than the average."""
    if batch.num_rows > 1 and batch.nbytes > limit:
        half = batch.num_rows // 2
        yield from pieces(batch.slice(0, half), limit)
        yield from pieces(batch.slice(half), limit)
    elif batch.num_rows:
        yield batch


def rows_of(batch: pa.RecordBatch, offset: int, source: str, config: ReadConfig, own: bool, lost: Counter[str]) -> pa.RecordBatch:
    """A batch of the file as READ_SCHEMA and carried columns; `offset` is the number of its first row.

    Values of carried columns that do not have their types are counted in `lost`.
    """
    rows = batch.num_rows
    column = nested_column(batch, config.text_column)
    text, broken = text_of(pa.nulls(rows, pa.string()) if column is None else column)
    arrays = null_columns(config.writes(), rows)
    for carried in config.carried():
        if (array := nested_column(batch, carried.name)) is not None:
            arrays[carried.name], missing = as_type(array, carried.dtype)
            lost[carried.name] += missing
    if own:
        arrays |= {name: _own(batch, name) for name in KEPT if name in batch.schema.names}
    else:
        arrays |= _identity(source, offset, rows)
        named = {"source_id": config.id_column, "url": config.url_column, "date": config.date_column}
        for name, column_name in named.items():
            if column_name != config.text_column and (column := nested_column(batch, column_name)) is not None:
                arrays[name] = texts(column)
        used = {config.text_column, *named.values(), *config.carry}
        if config.metadata and (others := [name for name in batch.schema.names if name not in used]):
            arrays["metadata"] = json_objects(batch.select(others))
    reasons = pc.if_else(text.is_null(), f"{config.text_column!r} is null", pa.scalar(None, pa.string()))
    reasons = pc.if_else(broken.is_valid(), f"{config.text_column!r} is not UTF-8", reasons)
    long = pc.fill_null(pc.greater(pc.binary_length(text), config.max_record_bytes), False)
    reasons = pc.if_else(long, f"{config.text_column!r} has more than {config.max_record_bytes} bytes", reasons)
    dead = reasons.is_valid()
    first = pc.coalesce(broken, pc.binary_slice(text.cast(pa.binary()), 0, DEAD_BYTES), pa.scalar(b"", pa.binary()))
    arrays |= {
        "text": pc.if_else(dead, pa.scalar(None, pa.string()), text),
        "dead_stage": pc.if_else(dead, "read", pa.scalar(None, pa.string())),
        "dead_reason": reasons,
        "dead_bytes": pc.if_else(dead, first, pa.scalar(None, pa.binary())),
    }
    return _batch(arrays, config)


def _own(batch: pa.RecordBatch, name: str) -> pa.Array:
    array = batch.column(name)
    return array.cast(pa.int64()) if name == "source_offset" else texts(array)


def _identity(source: str, offset: int, rows: int) -> dict[str, pa.Array]:
    return {
        "id": pa.array([document_id(source, row) for row in range(offset, offset + rows)], pa.string()),
        "source": pa.repeat(source, rows),
        "source_offset": pa.array(range(offset, offset + rows), pa.int64()),
    }


def dead_rows(offset: int, rows: int, reason: str, source: str, config: ReadConfig, first_bytes: bytes = b"") -> pa.RecordBatch:
    """Dead letters for rows that could not be read."""
    arrays = null_columns(config.writes(), rows) | _identity(source, offset, rows)
    arrays |= {"dead_stage": pa.repeat("read", rows), "dead_reason": pa.repeat(reason, rows)}
    arrays["dead_bytes"] = pa.repeat(pa.scalar(first_bytes, pa.binary()), rows)
    return _batch(arrays, config)


def _batch(arrays: dict[str, pa.Array], config: ReadConfig) -> pa.RecordBatch:
    schema = schema_of(config.writes())
    return pa.record_batch([arrays[name] for name in schema.names], schema=schema)
