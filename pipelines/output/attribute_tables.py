"""Attribute tables: what was learned about the documents of finished outputs, without their texts.

A table is a folder with one Parquet file a shard, `part-<shard>.parquet`: first a row for each kept document, then a row for
each rejected one, both in the order of the output's files. `_manifest/<shard>.json`, written after its file, commits a part;
`table.json` says what the table was made from, and whether it is finished.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from curricle.errors import OutputError, one_line
from curricle.models.cards import file_sha256
from curricle.pipelines.output.manifest import damage, finished_run, read_manifests
from curricle.pipelines.output.write import parquet_options
from curricle.pipelines.plan.fingerprint import difference, fingerprint_sha256
from curricle.storage.files import StoreError
from curricle.storage.local import locked
from curricle.storage.output import OutputPath
from curricle.storage.whole_file import whole_file

TABLE = "table.json"
JUDGED = ("kept", "rejected")
"""Splits of an output whose documents have a row, in the order of a part."""


@dataclass(frozen=True)
class SplitFile:
    """A file of an output, as its manifest describes it."""

    path: Path
    rows: int
    sha256: str


@dataclass(frozen=True)
class ShardDocuments:
    """The kept and the rejected documents of one shard."""

    output: Path
    name: str
    files: tuple[SplitFile, ...]  # in the order of JUDGED

    @property
    def rows(self) -> int:
        """Number of its documents."""
        return sum(file.rows for file in self.files)

    @property
    def size(self) -> int:
        """Bytes of its files in storage."""
        return sum(file.path.stat().st_size for file in self.files)

    def batches(self, columns: Sequence[str], rows: int) -> Iterator[pa.RecordBatch]:
        """These columns of all documents, in the order of a part, at most `rows` at a time."""
        for file in self.files:
            with pq.ParquetFile(file.path) as parquet:
                yield from parquet.iter_batches(rows, columns=list(columns))


def find_shards(outputs: Sequence[Path]) -> tuple[ShardDocuments, ...]:
    """The shards of finished outputs, output after output, each sorted by name.

    Raises OutputError for an output that is not finished, a file that is missing or damaged, and a shard that two outputs share.
    """
    found: dict[str, ShardDocuments] = {}
    for output in outputs:
        finished_run(output)
        manifests = read_manifests(output)
        if not manifests:
            raise OutputError(f"{output}: no finished shard in this folder")
        for manifest in manifests:
            name = manifest["shard"]["name"]
            if name in found:
                raise OutputError(f"{found[name].output} and {output} contain the same shard, {name}; outputs must not overlap")
            files = tuple(_split_file(output, manifest["files"][split]) for split in JUDGED)
            found[name] = ShardDocuments(output, name, files)
    return tuple(found.values())


def _split_file(output: Path, entry: Mapping[str, Any]) -> SplitFile:
    path = output / entry["path"]
    try:
        rows = pq.read_metadata(path).num_rows
    except (OSError, pa.ArrowException) as error:
        raise OutputError(f"{path}: {one_line(error)}") from None
    if rows != entry["rows"]:
        raise OutputError(f"{path}: {rows} rows, but its manifest says {entry['rows']}")
    return SplitFile(path, rows, entry["sha256"])


def sources_sha256(shards: Iterable[ShardDocuments]) -> str:
    """One hash over the names and files of all shards, for `made_by`; their order does not matter."""
    lines = sorted(f"{shard.name} {' '.join(file.sha256 for file in shard.files)}" for shard in shards)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def sources_of(shards: Iterable[ShardDocuments]) -> list[dict[str, Any]]:
    """`sources` of table.json: the outputs, by path, and how many documents each has."""
    counts: Counter[str] = Counter()
    for shard in shards:
        counts[str(shard.output)] += shard.rows
    return [{"output": output, "documents": count} for output, count in sorted(counts.items())]


@contextmanager
def hold_table(table: Path) -> Iterator[None]:
    """Keep other processes out of the folder of a table, and remove what killed ones left. OutputError if one writes there."""
    try:
        with locked(table / "_lock", table):
            for path in (*table.glob(".*.part"), *table.glob("_manifest/.*.part")):
                path.unlink()
            yield
    except StoreError as error:
        raise OutputError(str(error)) from None


@contextmanager
def table_folder(table: Path, kind: str, made_by: Mapping[str, str]) -> Iterator[bool]:
    """Hold the folder of a table for writing; gives whether it is already finished.

    `made_by`: name -> hash of everything that the table depends on. Raises OutputError for a folder that holds anything else, or
    a table that was made from something else.
    """
    table.mkdir(parents=True, exist_ok=True)
    names = {path.name for path in table.iterdir()}
    if names - {"_lock"} and TABLE not in names:
        raise OutputError(f"{table}: not empty, and not an attribute table; choose another output folder")
    with hold_table(table):
        (table / "_manifest").mkdir(exist_ok=True)
        record = read_table_record(table) if is_table(table) else None
        if record and (record["kind"], record["made_by"]) != (kind, dict(made_by)):
            what = difference(record["made_by"], made_by) if record["kind"] == kind else f"`curricle {record['kind']}`"
            raise OutputError(f"{table}: made with {what}; choose another output folder")
        if record is None:
            write_table_record(table, kind, made_by, finished=False)
        yield bool(record and record["finished"])


def is_table(path: OutputPath) -> bool:
    """Whether a folder is an attribute table."""
    return (path / TABLE).is_file()


def read_table_record(table: OutputPath) -> dict[str, Any]:
    """The table.json of an attribute table. Raises OutputError if it cannot be read."""
    try:
        record: dict[str, Any] = orjson.loads((table / TABLE).read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        raise OutputError(f"{table}: not an attribute table: {TABLE}: {one_line(error)}") from None
    return record


def write_table_record(table: Path, kind: str, made_by: Mapping[str, str], *, finished: bool, **summary: Any) -> None:
    """Write table.json; with `finished`, it completes the table."""
    content = {
        "kind": kind,
        "made_by": dict(made_by),
        "fingerprint": fingerprint_sha256(dict(made_by)),
        "finished": finished,
        **summary,
    }
    with whole_file(table / TABLE) as part:
        part.write_bytes(orjson.dumps(content, option=orjson.OPT_INDENT_2))


def part_path(table: Path, shard: str) -> Path:
    """The Parquet file of a shard."""
    return table / f"part-{shard}.parquet"


def part_manifest(table: Path, shard: str) -> Path:
    """The file whose existence makes a part committed."""
    return table / "_manifest" / f"{shard}.json"


def commit_part(table: Path, shard: ShardDocuments, fingerprint: str, rows: pa.Table, **summary: Any) -> None:
    """Write the part of a shard, then its manifest. Raises RuntimeError unless there is a row for each document."""
    if rows.num_rows != shard.rows:
        raise RuntimeError(f"shard {shard.name}: {rows.num_rows} rows for {shard.rows} documents")
    _write_part(table, shard.name, rows, {"shard": shard.name, "fingerprint": fingerprint, **summary})


def rewrite_part(table: Path, shard: str, rows: pa.Table) -> None:
    """Write the part of a shard again with fewer rows, then its manifest."""
    _write_part(table, shard, rows, orjson.loads(part_manifest(table, shard).read_bytes()))


def _write_part(table: Path, shard: str, rows: pa.Table, manifest: Mapping[str, Any]) -> None:
    path = part_path(table, shard)
    with whole_file(path) as part:
        pq.write_table(rows, part, **parquet_options(rows.schema))
    file = {"path": path.name, "rows": rows.num_rows, "bytes": path.stat().st_size, "sha256": file_sha256(path)}
    with whole_file(part_manifest(table, shard)) as part:
        part.write_bytes(orjson.dumps({**manifest, "file": file}, option=orjson.OPT_INDENT_2))


def verify_table(table: OutputPath) -> Iterator[str]:
    """One line for everything that is wrong with an attribute table; nothing if it is complete."""
    if not read_table_record(table)["finished"]:
        yield f"{table}: not finished; run the same command again"
    expected = set()
    folder = table / "_manifest"
    for manifest in (folder / name for name in sorted(path.name for path in folder.iterdir())):
        try:
            file = orjson.loads(manifest.read_bytes())["file"]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            yield f"{manifest}: a damaged manifest; delete it and run the same command again"
            continue
        path = table / file["path"]
        expected.add(path.name)
        if what := damage(path, file["sha256"]):
            yield what
    for name in sorted(path.name for path in table.iterdir()):
        if name.startswith("part-") and name not in expected:
            yield f"{table / name}: not listed in any manifest"
