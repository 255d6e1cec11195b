"""Checks an output folder against its manifests: hashes, rows, schemas, reasons, and that it holds no other files."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from curricle.pipelines.output.manifest import Manifest, damage, read_manifests, run_record, total
from curricle.pipelines.output.removals import STAGED
from curricle.pipelines.output.write import REASONS, SPLITS
from curricle.storage.output import OutputPath, output_at


def verify(output: OutputPath) -> Iterator[str]:
    """One line for everything that is wrong; nothing if the output is complete. OutputError if a manifest is unreadable."""
    manifests = read_manifests(output)
    if not manifests:
        yield f"{output}: no finished shard in this folder"
    record = run_record(output)
    if record and record["finished"] and record["counts"].get("shards", 0) > len(manifests):
        yield f"{output}: run.json counts {record['counts']['shards']} shards, but there are {len(manifests)} manifests"
    expected = {file["path"] for manifest in manifests for file in manifest["files"].values()}
    for split in SPLITS:
        folder = output / split
        for name in sorted(path.name for path in folder.iterdir()) if folder.is_dir() else ():
            if f"{split}/{name}" not in expected:
                yield f"{folder / name}: not listed in any manifest"
    yield from output_at(output).leftovers()
    if isinstance(output, Path) and (output / STAGED).is_dir():  # documents are removed from local folders only
        yield f"{output / STAGED}: a removal was stopped; run the same `curricle remove` command again"
    schemas: dict[str, pa.Schema] = {}
    for manifest in manifests:
        yield from _verify_shard(output, manifest, schemas)
    if len(fingerprints := {manifest["fingerprint"] for manifest in manifests}) > 1:
        yield f"{output}: shards of {len(fingerprints)} different recipes, models or code versions"
    if not total(manifests).balanced():
        yield f"{output}: documents are missing: kept + rejected + dead is not the number read"


def _verify_shard(output: OutputPath, manifest: Manifest, schemas: dict[str, pa.Schema]) -> Iterator[str]:
    rows = 0
    for split, file in manifest["files"].items():
        path = output / file["path"]
        if what := damage(path, file["sha256"]):
            yield what
            continue
        with path.open("rb") as stored, pq.ParquetFile(stored) as parquet:
            rows += parquet.metadata.num_rows
            if parquet.metadata.num_rows != file["rows"]:
                yield f"{path}: {parquet.metadata.num_rows} rows, but the manifest says {file['rows']}"
            if not schemas.setdefault(split, parquet.schema_arrow).equals(parquet.schema_arrow):
                yield f"{path}: its schema differs from the other {split} files'"
            if split in REASONS:
                reasons = Counter(parquet.read([REASONS[split]]).column(0).to_pylist())
                if reasons != Counter(manifest[split]):
                    yield f"{path}: its reasons do not match the manifest"
    if rows != manifest["records"]:
        yield f"shard {manifest['shard']['name']}: {manifest['records']} records read, {rows} rows on disk"
