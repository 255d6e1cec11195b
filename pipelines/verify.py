"""Checks an output folder against its manifests: hashes, rows, schemas, reasons, and that nothing else lies there."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from models.cards import file_sha256
from pipelines.manifest import Manifest, read_manifests, total
from stages.write import PARTS, temporary_folder

REASON = {"rejected": "reject_reason", "dead": "dead_reason"}


def verify(output: Path) -> Iterator[str]:
    """One line for everything that is wrong; nothing if the output is whole. OutputError if a manifest is unreadable."""
    manifests = read_manifests(output)
    if not manifests:
        yield f"{output}: nothing is committed here"
    expected = {file["path"] for manifest in manifests for file in manifest["files"].values()}
    for path in sorted(path for part in PARTS for path in (output / part).glob("*")):
        if path.relative_to(output).as_posix() not in expected:
            yield f"{path}: no manifest names it"
    if any(temporary_folder(output).glob("*")):
        yield f"{temporary_folder(output)}: left over from a run that was killed; the next run removes it"
    schemas: dict[str, pa.Schema] = {}
    for manifest in manifests:
        yield from _verify_shard(output, manifest, schemas)
    if len(prints := {manifest["fingerprint"] for manifest in manifests}) > 1:
        yield f"{output}: shards of {len(prints)} different recipes, models or code versions"
    if not total(manifests).balanced():
        yield f"{output}: in = kept + rejected + dead does not hold"


def _verify_shard(output: Path, manifest: Manifest, schemas: dict[str, pa.Schema]) -> Iterator[str]:
    rows = 0
    for part, file in manifest["files"].items():
        path = output / file["path"]
        if not path.is_file():
            yield f"{path}: missing"
            continue
        if file_sha256(path) != file["sha256"]:
            yield f"{path}: its SHA-256 is not the manifest's"
            continue
        with pq.ParquetFile(path) as parquet:
            rows += parquet.metadata.num_rows
            if parquet.metadata.num_rows != file["rows"]:
                yield f"{path}: {parquet.metadata.num_rows} rows, the manifest says {file['rows']}"
            if not schemas.setdefault(part, parquet.schema_arrow).equals(parquet.schema_arrow):
                yield f"{path}: its schema differs from the other {part} files'"
            if part in REASON:
                reasons = Counter(parquet.read([REASON[part]]).column(0).to_pylist())
                if reasons != Counter(manifest[part]):
                    yield f"{path}: its reasons are not the manifest's"
    if rows != manifest["records"]:
        yield f"shard {manifest['shard']['name']}: {manifest['records']} records read, {rows} rows on disk"
