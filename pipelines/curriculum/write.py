"""The second pass: every text is moved once. Input files are split into fragments, from which output files are assembled.

A fragment file is an Arrow file with one batch for each output file it feeds (several where the input is larger than HELD_BYTES);
its index, written last, commits it. An output file is committed by its record. A killed run continues from what is committed.
"""

import os
import shutil
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curricle.models.cards import file_sha256
from curricle.pipelines.curriculum.destinations import Destinations, OutputFile
from curricle.pipelines.curriculum.documents import ADDED
from curricle.pipelines.curriculum.formats import find_format
from curricle.pipelines.curriculum.measure import BATCH
from curricle.pipelines.execute.events import ReportProgress
from curricle.schemas.curriculum import TOKEN_COUNT, Tokens
from curricle.storage.whole_file import whole_file

HELD_BYTES = 128 << 20  # rows that `route` holds before it writes their fragments
POSITION = "_position"
WRITE = pa.ipc.IpcWriteOptions(compression="lz4")


@dataclass(frozen=True)
class RouteTask:
    """An input file, and the destinations of its rows, whose documents are counted from the file's first one."""

    path: Path
    fragment: Path  # .arrow; its index is the same name with .json
    rows: int
    schema: pa.Schema  # of the input's columns in the output
    phases: tuple[str, ...]  # values of the column `phase`, by number of the folder
    origins: dict[int, str]

    @property
    def name(self) -> str:
        """The input file."""
        return str(self.path)

    @property
    def size(self) -> int:
        """Its bytes in storage."""
        return self.path.stat().st_size

    @property
    def destinations(self) -> Path:
        """The file with the rows' destinations."""
        return self.fragment.with_suffix(".npy")

    @property
    def commit(self) -> Path:
        """The index."""
        return self.fragment.with_suffix(".json")

    def counts(self) -> tuple[int, int, int]:
        """Number of rows; their bytes are not recorded."""
        return self.rows, 0, self.rows

    def __hash__(self) -> int:
        return hash(self.path)


def route(task: RouteTask, report: ReportProgress) -> None:
    """Write the fragments of one input file and their index, from output file to numbers of batches."""
    schema = pa.unify_schemas([task.schema, ADDED, pa.schema([(POSITION, pa.int32())])])
    index: dict[int, list[int]] = {}
    destinations = np.load(task.destinations)
    held: list[pa.Table] = []
    start = held_bytes = batches = 0
    with (
        whole_file(task.fragment) as part,
        pq.ParquetFile(task.path) as file,
        pa.ipc.new_file(part, schema, options=WRITE) as writer,
    ):

        def flush() -> None:
            nonlocal held, held_bytes, batches
            if not held:
                return
            rows = pa.concat_tables(held).combine_chunks()
            number = rows["_file"].to_numpy()
            order = np.argsort(number, kind="stable")
            rows, number = rows.drop_columns("_file").take(pa.array(order)), number[order]
            cuts = [0, *(np.flatnonzero(np.diff(number)) + 1).tolist(), number.size]
            for first, end in pairwise(cuts):
                writer.write_table(rows.slice(first, end - first).combine_chunks())
                index.setdefault(int(number[first]), []).append(batches)
                batches += 1
            held, held_bytes = [], 0

        for batch in file.iter_batches(BATCH):
            low, high = np.searchsorted(destinations["document"], [start, start + batch.num_rows])
            if high > low:
                rows = _rows(task, batch, start, destinations[low:high], schema)
                held.append(rows)
                held_bytes += rows.nbytes
                report(int(high - low), rows.nbytes, int(high - low))
                if held_bytes > HELD_BYTES:
                    flush()
            start += batch.num_rows
        flush()
    _write_json(task.commit, {str(number): found for number, found in index.items()})


def _rows(task: RouteTask, batch: pa.RecordBatch, start: int, destinations: Destinations, schema: pa.Schema) -> pa.Table:
    rows = batch.take(pa.array(destinations["document"] - start))
    columns = [
        rows.column(field.name).cast(field.type) if field.name in rows.schema.names else pa.nulls(rows.num_rows, field.type)
        for field in task.schema
    ]
    phases = [task.phases[number] for number in destinations["folder"]]
    origins = [task.origins.get(origin, phase) for origin, phase in zip(destinations["origin"].tolist(), phases, strict=True)]
    added = [
        pa.array(destinations["tokens"].astype(np.int64)),
        pa.array(phases, pa.string()),
        pa.array(origins, pa.string()),
        pa.array(destinations["repeat"].copy()),
        pa.array(destinations["position"].copy()),
    ]
    return pa.table([*columns, *added], schema=schema).append_column("_file", pa.array(destinations["file"].copy()))


@dataclass(frozen=True)
class AssembleTask:
    """An output file, and the fragments that it is made of."""

    file: OutputFile
    fragments: tuple[tuple[Path, tuple[int, ...]], ...]
    output: Path
    record: Path
    schema: pa.Schema
    format: str
    tokens: Tokens

    @property
    def name(self) -> str:
        """The output file."""
        return self.file.stem

    @property
    def size(self) -> int:
        """Number of its rows, because its size in storage is not known yet."""
        return self.file.rows

    @property
    def commit(self) -> Path:
        """The record."""
        return self.record

    def counts(self) -> tuple[int, int, int]:
        """Rows and bytes of text."""
        files = [file for file in orjson.loads(self.record.read_bytes())["files"] if "rows" in file]
        rows = sum(file["rows"] for file in files)
        return rows, sum(file["text_bytes"] for file in files), rows

    def __hash__(self) -> int:
        return hash(self.file)


def assemble(task: AssembleTask, report: ReportProgress) -> None:
    """Collect the rows of one output file in order, write the file, then its record."""
    schema = pa.unify_schemas([task.schema, ADDED])
    pieces = [schema.append(pa.field(POSITION, pa.int32())).empty_table()]
    for path, batches in task.fragments:
        with pa.OSFile(str(path)) as source, pa.ipc.open_file(source) as reader:
            pieces.append(pa.Table.from_batches([reader.get_batch(number) for number in batches]))
    rows = pa.concat_tables(pieces)
    if rows.num_rows != task.file.rows:
        raise RuntimeError(f"{task.name}: {rows.num_rows} rows in the fragments, {task.file.rows} expected")
    rows = rows.take(pc.sort_indices(rows[POSITION])).drop_columns(POSITION).combine_chunks()
    made = task.record.with_suffix(f".{os.urandom(6).hex()}")  # a folder; engines may run a task twice at a time
    stem = made / task.file.stem
    stem.parent.mkdir(parents=True)
    form = find_format(task.format)
    index = form.write(rows, stem, task.tokens)
    text_bytes = pc.sum(pc.binary_length(rows["text"])).as_py() or 0
    holds = {"rows": rows.num_rows, "tokens": pc.sum(rows[TOKEN_COUNT]).as_py() or 0, "text_bytes": text_bytes}
    files: list[dict[str, Any]] = []
    for path in (Path(f"{stem}{ending}") for ending in form.endings):
        if path.exists():
            files.append(_move(path, made, task.output) | (holds if not files else {}))
    shutil.rmtree(made)
    _write_json(task.record, {"files": files, "index": index})
    report(rows.num_rows, text_bytes, rows.num_rows)


def _move(path: Path, root: Path, output: Path) -> dict[str, Any]:
    """Move a finished file from `root` to the same path under `output`. Returns its entry in the record."""
    _sync(path)
    target = output / path.relative_to(root)
    entry = {"path": target.relative_to(output).as_posix(), "bytes": path.stat().st_size, "sha256": file_sha256(path)}
    target.parent.mkdir(parents=True, exist_ok=True)
    path.replace(target)
    return entry


def _write_json(path: Path, content: Any) -> None:
    with whole_file(path) as part:
        part.write_bytes(orjson.dumps(content, option=orjson.OPT_INDENT_2))


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
