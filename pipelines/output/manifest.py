"""What is committed in an output folder: the manifests in `_manifest/`, the only source of truth about its files."""

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import orjson

from curricle.errors import OutputError as OutputError
from curricle.pipelines.output.write import SPLITS, manifest_path
from curricle.storage.files import map_threads
from curricle.storage.output import OutputPath

Manifest = dict[str, Any]


def read_manifests(output: OutputPath, shards: Iterable[str] = ()) -> list[Manifest]:
    """All manifests that a listing shows, and those of `shards` even if it does not show them yet; sorted by shard name.

    Raises OutputError naming a manifest that is not JSON.
    """
    folder = output / "_manifest"
    listed = {path for path in folder.iterdir() if path.name.endswith(".json")} if folder.is_dir() else set()
    paths = sorted(listed.union(manifest_path(output, shard) for shard in shards))
    return [record for record in map_threads(_record, paths) if record is not None]


def _record(path: OutputPath) -> Manifest | None:
    try:
        record: Manifest = orjson.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except orjson.JSONDecodeError as error:
        raise OutputError(f"{path}: a damaged manifest (not JSON: {error}); delete it and run the same command again") from None
    if not _is_whole(record):
        raise OutputError(f"{path}: a damaged manifest; delete it and run the same command again")
    return record


def _is_whole(record: Any) -> bool:
    """Whether a manifest names its shard and has the path, rows and hash of each file."""
    try:
        named = isinstance(record["shard"]["name"], str)
        return (
            named
            and bool(record["files"])
            and all({"path", "rows", "sha256"} <= file.keys() for file in record["files"].values())
        )
    except (KeyError, TypeError, AttributeError):
        return False


def damage(path: OutputPath, sha256: str) -> str | None:
    """One line if a file that a manifest lists is missing, or its SHA-256 is another one; None if it is whole."""
    if not path.is_file():
        return f"{path}: missing"
    with path.open("rb") as stored:
        found = hashlib.file_digest(stored, "sha256")  # type: ignore[arg-type]  # files of object stores have `readinto` too
        if found.hexdigest() != sha256:
            return f"{path}: damaged: its SHA-256 does not match the manifest"
    return None


def run_record(output: OutputPath) -> dict[str, Any] | None:
    """The run.json of an output, or None if there is none."""
    try:
        record: dict[str, Any] = orjson.loads((output / "run.json").read_bytes())
    except FileNotFoundError:
        return None
    return record


def finished_run(output: OutputPath) -> dict[str, Any]:
    """The run.json of a finished run. Raises OutputError for anything else."""
    try:
        record = run_record(output)
    except (OSError, orjson.JSONDecodeError):
        record = None
    if record is None:
        raise OutputError(f"{output}: not an output of `curricle run`: it has no readable run.json") from None
    if not record["finished"] or record["failed"]:
        raise OutputError(f"{output}: this run is not finished; run the same `curricle run` command again")
    return record


@dataclass
class Totals:
    """Sums over manifests: documents, bytes of text, reasons."""

    shards: int = 0
    records: int = 0
    rows: Counter[str] = field(default_factory=Counter)  # by split
    text_bytes: Counter[str] = field(default_factory=Counter)  # by split
    rejected: Counter[str] = field(default_factory=Counter)  # by rule
    dead: Counter[str] = field(default_factory=Counter)  # by reason
    skipped: Counter[str] = field(default_factory=Counter)  # records that are no documents, by kind
    notes: Counter[str] = field(default_factory=Counter)  # files by what their readers noted

    def balanced(self) -> bool:
        """Whether in = kept + rejected + dead, and the reasons add up."""
        return (
            self.records == self.rows.total()
            and self.rejected.total() == self.rows["rejected"]
            and self.dead.total() == self.rows["dead"]
        )

    def skipped_kinds(self) -> str:
        """`331 request, 12 response of application/pdf`."""
        return ", ".join(f"{count:,} {kind}" for kind, count in self.skipped.most_common())

    def to_dict(self) -> dict[str, Any]:
        """Plain values for run.json."""
        return {
            "shards": self.shards,
            "records": self.records,
            **{split: self.rows[split] for split in SPLITS},
            "text_bytes": dict(self.text_bytes),
            "rejected_by": dict(self.rejected.most_common()),
            "dead_by": dict(self.dead.most_common()),
            "skipped": dict(self.skipped.most_common()),
        }


def total(manifests: Iterable[Manifest]) -> Totals:
    """Add up the manifests."""
    totals = Totals()
    for manifest in manifests:
        totals.shards += 1
        totals.records += manifest["records"]
        totals.rejected.update(manifest["rejected"])
        totals.dead.update(manifest["dead"])
        totals.skipped.update(manifest.get("skipped", {}))
        totals.notes.update(note for note in manifest["notes"] if not note.startswith("skipped: "))
        for split, file in manifest["files"].items():
            totals.rows[split] += file["rows"]
            totals.text_bytes[split] += file["text_bytes"]
    return totals
