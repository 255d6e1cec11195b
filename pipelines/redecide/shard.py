"""Decides again about the documents of one shard, and writes its files: those whose rows do not change are copied."""

import base64
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curricle.errors import OutputError, one_line
from curricle.models.cards import file_sha256
from curricle.pipelines.output.manifest import Manifest
from curricle.pipelines.output.write import SPLITS, SplitWriter, file_entry, manifest_path, split_path
from curricle.pipelines.redecide.decision import ALL, Counts, Judged, judge, without_values
from curricle.pipelines.redecide.plan import Redecision
from curricle.schemas.batches import Mask
from curricle.schemas.columns import DECISION
from curricle.storage.output import Output, OutputPath

JUDGED = ("kept", "rejected")
BATCH = 1 << 14  # rows that are judged at once
WINDOW = 1000  # rows that are written at once

Rows = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Shard:
    """The documents of a shard, those of the kept file first: what was decided, and what is decided now."""

    manifest: Manifest
    offsets: npt.NDArray[np.int64]
    stages: Counts  # that had processed each document
    before: Judged
    now: Judged
    unmatched: int  # documents without a row in a table

    @property
    def name(self) -> str:
        """The name of the shard."""
        return str(self.manifest["shard"]["name"])

    @property
    def kept_before(self) -> Mask:
        """True for the documents of the kept file."""
        return _is_null(self.before.reason)

    @property
    def kept(self) -> Mask:
        """True for the documents that are kept now."""
        return _is_null(self.now.reason)

    def moves(self) -> Counter[tuple[str | None, str | None]]:
        """Documents by the reason before and the reason now; None: kept."""
        table = pa.table({"before": self.before.reason, "now": self.now.reason})
        counts = table.group_by(["before", "now"]).aggregate([([], "count_all")]).to_pylist()
        return Counter({(one["before"], one["now"]): one["count_all"] for one in counts})

    def order(self) -> Rows:
        """The documents in the order in which the input had them; in both files they are in this order already."""
        rejected = np.count_nonzero(self.kept_before)
        parts = (self.offsets[:rejected], self.offsets[rejected:])
        keys = np.concatenate([np.maximum.accumulate(part) for part in parts])
        return np.argsort(keys, kind="stable")

    def changed(self, emptied: Mapping[str, Mask]) -> set[str]:
        """The splits whose files have other rows or values now."""
        if (self.kept != self.kept_before).any():
            return set(JUDGED)
        rejected = int(np.count_nonzero(self.kept_before))
        same = all(
            getattr(self.before, name).slice(rejected).equals(getattr(self.now, name).slice(rejected))
            for name in ("reason", "value", "failed")
        )
        return set() if same and not any(mask.any() for mask in emptied.values()) else {"rejected"}


def judge_shard(plan: Redecision, manifest: Manifest) -> Shard:
    """Read what the rules judge, and decide. Raises OutputError."""
    name = manifest["shard"]["name"]
    files = [_columns(plan.source / manifest["files"][split]["path"], plan.columns()) for split in JUDGED]
    ids = pa.concat_arrays([_one(file.column("id")) for file in files])
    read = {column for rule in plan.plan.recipe.decide for column in rule.reads()}
    given: dict[str, pa.Array] = {}
    for table in plan.tables:
        given |= table.rows(name, ids, read)
    nothing = {column.name: pa.nulls(files[0].num_rows, column.dtype) for column in DECISION}
    decided = {key: pa.concat_arrays([nothing[key], _one(files[1].column(key)).cast(nothing[key].type)]) for key in nothing}
    stages = np.concatenate(
        [
            np.full(files[0].num_rows, ALL, np.int32),
            plan.measured.stages(_one(files[1].column("reject_reason")), _one(files[1].column("reject_value"))),
        ]
    )
    names = [column for column in plan.columns() if column not in ("id", "source_offset")]
    columns = {column: pa.chunked_array([*files[0].column(column).chunks, *files[1].column(column).chunks]) for column in names}
    table = pa.table({"id": ids, **columns, **given})
    judged = []
    for start in range(0, max(table.num_rows, 1), BATCH):
        rows = _batch(table.slice(start, BATCH))
        judged.append(judge(rows, stages[start : start + BATCH], plan.plan.steps, plan.carried))
    unmatched = max((int(values.null_count) for values in given.values()), default=0)
    return Shard(
        manifest=manifest,
        offsets=np.concatenate([file.column("source_offset").to_numpy() for file in files]),
        stages=stages,
        before=Judged(decided["reject_reason"], decided["reject_value"], decided["failed_rules"], {}),
        now=_joined(judged),
        unmatched=unmatched,
    )


def _joined(parts: list[Judged]) -> Judged:
    return Judged(
        pa.concat_arrays([part.reason for part in parts]),
        pa.concat_arrays([part.value for part in parts]),
        pa.concat_arrays([part.failed for part in parts]),
        {step: np.concatenate([part.empty[step] for part in parts]) for step in parts[0].empty},
    )


def write_shard(plan: Redecision, shard: Shard, output: Output) -> None:
    """Write the three files and the manifest of a shard."""
    emptied = _emptied(plan, shard)
    changed = shard.changed(emptied)
    folder = output.attempt(shard.name)
    entries: dict[str, dict[str, Any]] = {}
    for split in SPLITS:
        if split not in changed:
            entry = shard.manifest["files"][split]
            path = folder / f"{split}.parquet"
            if restamp(plan.source / entry["path"], path, plan.plan.schemas[split]):
                path_now = {"path": split_path(split, shard.name), "bytes": path.stat().st_size, "sha256": file_sha256(path)}
                entries[split] = {**entry, **path_now}
            else:
                changed.add(split)
    entries |= _write_splits(plan, shard, emptied, changed, folder)
    counts = {one["values"]: one["counts"] for one in shard.now.reason.drop_null().value_counts().to_pylist()}
    manifest = {
        **shard.manifest,
        "fingerprint": plan.plan.fingerprint,
        "rejected": dict(sorted(counts.items())),
        "files": {split: entries[split] for split in SPLITS},
    }
    for split in SPLITS:
        output.commit(folder / f"{split}.parquet", split_path(split, shard.name))
    record = folder / "manifest.json"
    record.write_bytes(orjson.dumps(manifest, option=orjson.OPT_INDENT_2))
    output.commit(record, f"_manifest/{manifest_path(output.path, shard.name).name}")
    folder.rmdir()


def _emptied(plan: Redecision, shard: Shard) -> dict[str, Mask]:
    """By stage: the documents that it measured, and that a run of the new recipe would have rejected before."""
    names = [step.name for step in plan.plan.recipe.steps]
    return {step: mask & (shard.stages > names.index(step)) for step, mask in shard.now.empty.items()}


def _write_splits(
    plan: Redecision, shard: Shard, emptied: Mapping[str, Mask], changed: set[str], folder: Path
) -> dict[str, dict[str, Any]]:
    """Write the changed files of a shard; return their entries in the manifest."""
    schemas = plan.plan.schemas
    writers = {split: SplitWriter(folder / f"{split}.parquet", schemas[split]) for split in SPLITS if split in changed}
    paths = {split: plan.source / shard.manifest["files"][split]["path"] for split in SPLITS}
    if "dead" in writers:
        for rows in _stream(paths["dead"], WINDOW):
            writers["dead"].add(rows)
    order = shard.order()
    if "kept" not in writers:
        order = order[~shard.kept_before[order]]
    if "rejected" not in writers:
        order = order[shard.kept_before[order]]
    slow = [step for step in plan.plan.steps if step.name in emptied]
    with ExitStack() as stack:
        readers = [stack.enter_context(_RowReader(paths[split])) for split in JUDGED]
        for start in range(0, len(order), WINDOW):
            window = order[start : start + WINDOW]
            batch = _next_rows(readers, shard.kept_before[window], schemas["rejected"])
            for column, array in zip(DECISION, (shard.now.reason, shard.now.value, shard.now.failed), strict=True):
                at = batch.schema.get_field_index(column.name)
                batch = batch.set_column(at, batch.schema.field(at), array.take(pa.array(window)))
            for step in slow:
                batch = without_values(batch, step, emptied[step.name][window], plan.carried)
            kept = shard.kept[window]
            for split, mask in (("kept", kept), ("rejected", ~kept)):
                if split in writers and mask.any():
                    rows = batch.filter(pa.array(mask)).select(schemas[split].names)
                    writers[split].add(rows)
    for writer in writers.values():
        writer.close()
    return {split: file_entry(split, shard.name, writer) for split, writer in writers.items()}


def _next_rows(readers: "list[_RowReader]", kept: Mask, schema: pa.Schema) -> pa.RecordBatch:
    """The next rows of the kept and of the rejected file, as `kept` alternates between them, with all columns of `schema`."""
    parts = [reader.take(int(np.count_nonzero(kept == wanted))) for reader, wanted in zip(readers, (True, False), strict=True)]
    place = np.empty(len(kept), np.int64)
    place[kept] = np.arange(np.count_nonzero(kept))
    place[~kept] = np.arange(np.count_nonzero(kept), len(kept))
    arrays = []
    for field in schema:
        chunks = [
            part.column(field.name).cast(field.type) if field.name in part.schema.names else pa.nulls(part.num_rows, field.type)
            for part in parts
        ]
        arrays.append(pa.concat_arrays([_one(chunk) for chunk in chunks]).take(pa.array(place)))
    return pa.record_batch(arrays, schema=schema.remove_metadata())


class _RowReader:
    """Reads the rows of a file in order, as many as are asked for."""

    def __init__(self, path: OutputPath) -> None:
        self.path, self.stack = path, ExitStack()
        self.held: pa.Table | None = None

    def __enter__(self) -> "_RowReader":
        stored = self.stack.enter_context(self.path.open("rb"))
        parquet = self.stack.enter_context(pq.ParquetFile(stored))
        self.batches = parquet.iter_batches(WINDOW)
        self.held = parquet.schema_arrow.remove_metadata().empty_table()
        return self

    def __exit__(self, *_: object) -> None:
        self.stack.close()

    def take(self, rows: int) -> pa.Table:
        """The next rows."""
        assert self.held is not None
        while self.held.num_rows < rows:
            batch = next(self.batches).replace_schema_metadata(None)
            self.held = pa.concat_tables([self.held, pa.Table.from_batches([batch])])
        taken, self.held = self.held.slice(0, rows), self.held.slice(rows)
        return taken


def restamp(source: OutputPath, target: Path, schema: pa.Schema) -> bool:
    """Copy a Parquet file with the metadata of `schema`, whose values have the length of those in the file.

    Only the end of the file, where the metadata is, differs from the original. Returns False, and leaves no file, if the metadata
    is of another form: then the rows must be written again.
    """
    with source.open("rb") as stored, target.open("wb") as file:
        shutil.copyfileobj(stored, file)
    with target.open("r+b") as file:
        with pq.ParquetFile(file) as parquet:
            before, arrow = parquet.schema_arrow.metadata or {}, (parquet.metadata.metadata or {}).get(b"ARROW:schema", b"")
        now = schema.metadata or {}
        file.seek(-8, 2)
        size = int.from_bytes(file.read(4), "little")
        file.seek(-8 - size, 2)
        footer = file.read(size)
        pairs = [(before[key], now[key]) for key in now if key in before]
        stamped = base64.b64decode(arrow)
        for old, new in pairs:
            footer, stamped = footer.replace(old, new), stamped.replace(old, new)
        footer = footer.replace(arrow, base64.b64encode(stamped))
        if len(footer) == size:
            file.seek(-8 - size, 2)
            file.write(footer)
            file.flush()
    if len(footer) == size and pq.read_schema(target).equals(schema, check_metadata=True):
        return True
    target.unlink()
    return False


def _columns(path: OutputPath, names: tuple[str, ...]) -> pa.Table:
    """These columns of a file, with those that say which document it is and what was decided."""
    try:
        with path.open("rb") as stored, pq.ParquetFile(stored) as parquet:
            wanted = ("id", "source_offset", *names, *(column.name for column in DECISION))
            return parquet.read([name for name in dict.fromkeys(wanted) if name in parquet.schema_arrow.names])
    except (OSError, pa.ArrowException) as error:
        raise OutputError(f"{path}: {one_line(error)}; run the same `curricle run` command again first") from None


def _stream(path: OutputPath, rows: int) -> Iterator[pa.RecordBatch]:
    with path.open("rb") as stored, pq.ParquetFile(stored) as parquet:
        for batch in parquet.iter_batches(rows):
            yield batch.replace_schema_metadata(None)


def _batch(table: pa.Table) -> pa.RecordBatch:
    """All rows in one batch."""
    return pa.record_batch([_one(column) for column in table.columns], schema=table.schema)


def _one(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    if isinstance(column, pa.Array):
        return column
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)


def _is_null(array: pa.Array) -> Mask:
    mask: Mask = pc.is_null(array).to_numpy(zero_copy_only=False)
    return mask
