"""Takes documents down: writes the files of an output and of its attribute tables again without them.

The record of what is taken down is written first. The new files of a shard are staged with their manifest, which is written last,
and then moved to their places. A removal that was stopped is finished by the same command.
"""

import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curricle.errors import OutputError, one_line
from curricle.pipelines.output.attribute_tables import (
    find_shards,
    part_manifest,
    part_path,
    read_table_record,
    rewrite_part,
    sources_of,
    sources_sha256,
    write_table_record,
)
from curricle.pipelines.output.dataset_card import with_counts
from curricle.pipelines.output.manifest import Manifest, read_manifests, run_record, total
from curricle.pipelines.output.removals import COLUMNS, REMOVALS, STAGED, Removals, read_removals
from curricle.pipelines.output.write import REASONS, SplitWriter, file_entry, manifest_path
from curricle.storage.local import LocalOutput
from curricle.storage.whole_file import whole_file

BATCH = 1024
MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Removed:
    """What matched: documents by split, shards that hold them, and ids that no document has."""

    documents: dict[str, int]
    shards: int
    unknown_ids: int


def find_documents(output: Path, wanted: Removals) -> tuple[Removed, list[Manifest]]:
    """What would be removed, and the manifests of the shards that hold it. Raises OutputError."""
    manifests = read_manifests(output)
    if not manifests:
        raise OutputError(f"{output}: no finished shard in this folder")
    counts: Counter[str] = Counter()
    known: set[str] = set()
    holding = []
    for manifest in manifests:
        before = counts.total()
        for split, file in manifest["files"].items():
            for batch in _read(output / file["path"], COLUMNS):
                gone = batch.filter(pa.array(~wanted.stay(batch)))
                counts[split] += gone.num_rows
                if wanted.ids:
                    known.update(wanted.ids.intersection(gone.column("id").to_pylist()))
        if counts.total() > before:
            holding.append(manifest)
    unknown = wanted.ids - known - read_removals(output).ids
    return Removed({split: counts[split] for split in manifests[0]["files"]}, len(holding), len(unknown)), holding


def remove(output: Path, wanted: Removals) -> Removed:
    """Remove documents from an output, and record what was removed. Raises OutputError or StoreError."""
    folder = LocalOutput(output)
    if not (output / "_manifest").is_dir():
        raise OutputError(f"{output}: not an output of `curricle run`")
    with folder.hold():
        for staged in sorted((output / STAGED).glob("*")):
            _move(folder, staged)
        removed, manifests = find_documents(output, wanted)
        recorded = read_removals(output)
        if recorded:  # an earlier removal may have been stopped
            manifests = find_documents(output, recorded | wanted)[1]
        if removed.shards:
            recorded |= wanted
            folder.write(REMOVALS, recorded.to_json())
        for manifest in manifests:
            _move(folder, _stage(output, manifest, recorded))
        shutil.rmtree(output / STAGED, ignore_errors=True)
        _renew_counts(folder)
    return removed


def _read(path: Path, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
    try:
        with pq.ParquetFile(path) as parquet:
            known = None if columns is None else [name for name in columns if name in parquet.schema_arrow.names]
            yield from parquet.iter_batches(BATCH, columns=known)
    except (OSError, pa.ArrowException) as error:
        raise OutputError(f"{path}: {one_line(error)}; run the same `curricle run` command again first") from None


def _stage(output: Path, manifest: Manifest, wanted: Removals) -> Path:
    """Write the files of a shard without the documents to a folder of their own, the new manifest last."""
    shard = manifest["shard"]["name"]
    folder = output / STAGED / shard
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    renewed: Manifest = {**manifest, "files": {}}
    for split, file in manifest["files"].items():
        writer = SplitWriter(folder / f"{split}.parquet", pq.read_schema(output / file["path"]))
        reasons: Counter[str] = Counter()
        for batch in _read(output / file["path"]):
            rows = batch.filter(pa.array(wanted.stay(batch))).replace_schema_metadata(None)
            if rows.num_rows:
                writer.add(rows)
            if split in REASONS:
                reasons.update(rows.column(REASONS[split]).to_pylist())
        writer.close()
        if split in REASONS:
            renewed[split] = dict(sorted(reasons.items()))
        renewed["files"][split] = file_entry(split, shard, writer)
    renewed["records"] = sum(file["rows"] for file in renewed["files"].values())
    renewed["removed"] = manifest.get("removed", 0) + manifest["records"] - renewed["records"]
    with whole_file(folder / MANIFEST) as part:
        part.write_bytes(orjson.dumps(renewed, option=orjson.OPT_INDENT_2))
    return folder


def _move(output: LocalOutput, staged: Path) -> None:
    """Move what is staged of a shard to its places; forget it if its manifest is missing."""
    if (staged / MANIFEST).is_file():
        manifest = orjson.loads((staged / MANIFEST).read_bytes())
        for split, file in manifest["files"].items():
            if (staged / f"{split}.parquet").is_file():
                output.commit(staged / f"{split}.parquet", file["path"])
        output.commit(staged / MANIFEST, f"_manifest/{manifest_path(output.path, manifest['shard']['name']).name}")
    shutil.rmtree(staged)


def _renew_counts(output: LocalOutput) -> None:
    """Renew the counts of run.json and of the dataset card, and forget measures of files that are gone."""
    manifests = read_manifests(output.path)
    now = total(manifests).to_dict()
    record = run_record(output.path)
    if record and record["finished"] and record["counts"] != now:
        card = output.path / "README.md"
        if card.is_file():
            output.write("README.md", with_counts(card.read_text("utf-8"), record["counts"], now).encode())
        output.write("run.json", orjson.dumps({**record, "counts": now}, option=orjson.OPT_INDENT_2))
    hashes = {manifest["files"]["kept"]["sha256"][:16] for manifest in manifests}
    for path in (output.path / "_measures").glob("*.npy"):
        if path.name.partition("-")[0] not in hashes:
            path.unlink()


def follow_removal(table: Path, output: Path) -> None:
    """Leave only the rows of documents that an output still has in its parts of an attribute table.

    The parts of other outputs stay as they are. Raises OutputError if `table` is not a finished table of this output.
    """
    record = read_table_record(table)
    if not record["finished"]:
        raise OutputError(f"{table}: not finished; run the same `curricle {record['kind']}` command again first")
    shards = find_shards([output])
    for shard in shards:
        if not part_manifest(table, shard.name).is_file():
            raise OutputError(f"{table}: has no part for shard {shard.name} of {output}")
        rows = pq.read_table(part_path(table, shard.name))
        ids = [batch.column(0) for batch in shard.batches(["id"], 1 << 16)]
        stay = pc.is_in(rows["id"], value_set=pa.concat_arrays(ids) if ids else pa.array([], pa.string()))
        entry = orjson.loads(part_manifest(table, shard.name).read_bytes())["file"]
        if pc.all(stay, min_count=0).as_py() and rows.num_rows == entry["rows"]:  # another number: it was stopped here
            continue
        rewrite_part(table, shard.name, rows.filter(stay))


def renew_table(table: Path, **summary: Any) -> None:
    """Renew what table.json says of the outputs that a table was made from, so that its command finds it finished."""
    record = read_table_record(table)
    outputs = [Path(source["output"]) for source in record["sources"]]
    shards = find_shards(outputs)
    made_by = {**record["made_by"], "documents": sources_sha256(shards)}
    kept = {key: value for key, value in record.items() if key not in ("kind", "made_by", "fingerprint", "finished", "sources")}
    write_table_record(table, record["kind"], made_by, finished=True, sources=sources_of(shards), **{**kept, **summary})
