"""Writes the files of a shard anew, by what was decided: those whose rows do not change are copied."""

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from curricle.models.cards import file_sha256
from curricle.pipelines.output.write import SPLITS, SplitWriter, file_entry, manifest_path, split_path
from curricle.pipelines.redecide.decision import without_values
from curricle.pipelines.redecide.files import RowReader, one_array, restamp, stream
from curricle.pipelines.redecide.plan import Redecision
from curricle.pipelines.redecide.shard import JUDGED, Shard
from curricle.schemas.batches import Mask
from curricle.schemas.columns import DECISION
from curricle.storage.output import Output

WINDOW = 1000  # rows that are written at once


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
            if restamp(plan.source / entry["path"], path, plan.new.schemas[split]):
                path_now = {"path": split_path(split, shard.name), "bytes": path.stat().st_size, "sha256": file_sha256(path)}
                entries[split] = {**entry, **path_now}
            else:
                changed.add(split)
    entries |= _write_splits(plan, shard, emptied, changed, folder)
    counts = {one["values"]: one["counts"] for one in shard.now.reason.drop_null().value_counts().to_pylist()}
    manifest = {
        **shard.manifest,
        "fingerprint": plan.new.fingerprint,
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
    names = [step.name for step in plan.new.recipe.steps]
    return {step: mask & (shard.stages > names.index(step)) for step, mask in shard.now.empty.items()}


def _write_splits(
    plan: Redecision, shard: Shard, emptied: Mapping[str, Mask], changed: set[str], folder: Path
) -> dict[str, dict[str, Any]]:
    """Write the changed files of a shard; return their entries in the manifest."""
    schemas = plan.new.schemas
    writers = {split: SplitWriter(folder / f"{split}.parquet", schemas[split]) for split in SPLITS if split in changed}
    paths = {split: plan.source / shard.manifest["files"][split]["path"] for split in SPLITS}
    if "dead" in writers:
        for rows in stream(paths["dead"], WINDOW):
            writers["dead"].add(rows)
    order = shard.order()
    if "kept" not in writers:
        order = order[~shard.kept_before[order]]
    if "rejected" not in writers:
        order = order[shard.kept_before[order]]
    slow = [step for step in plan.new.steps if step.name in emptied]
    with ExitStack() as stack:
        readers = [stack.enter_context(RowReader(paths[split], WINDOW)) for split in JUDGED]
        for start in range(0, len(order), WINDOW):
            window = order[start : start + WINDOW]
            batch = _next_rows(readers, shard.kept_before[window], schemas["rejected"])
            for column, array in zip(DECISION, (shard.now.reason, shard.now.value, shard.now.failed), strict=True):
                at = batch.schema.get_field_index(column.name)
                batch = batch.set_column(at, batch.schema.field(at), array.take(pa.array(window)))
            for step in slow:
                batch = without_values(batch, step, emptied[step.name][window], plan.carried)
            if shard.added:
                batch = shard.added.put(batch, window)
            kept = shard.kept[window]
            for split, mask in (("kept", kept), ("rejected", ~kept)):
                if split in writers and mask.any():
                    rows = batch.filter(pa.array(mask)).select(schemas[split].names)
                    writers[split].add(rows)
    for writer in writers.values():
        writer.close()
    return {split: file_entry(split, shard.name, writer) for split, writer in writers.items()}


def _next_rows(readers: "list[RowReader]", kept: Mask, schema: pa.Schema) -> pa.RecordBatch:
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
        arrays.append(pa.concat_arrays([one_array(chunk) for chunk in chunks]).take(pa.array(place)))
    return pa.record_batch(arrays, schema=schema.remove_metadata())
