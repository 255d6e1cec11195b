"""What is committed in an output folder: the manifests in `_manifest/`, the only source of truth about its files."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from curricle.errors import OutputError as OutputError
from curricle.pipelines.output.write import REASONS, SPLITS, manifest_path
from curricle.storage.files import map_threads
from curricle.storage.output import OutputPath

Manifest = dict[str, Any]

MANIFEST = {"shard": dict, "fingerprint": str, "records": int, "notes": list, "rejected": dict, "dead": dict, "files": dict}
FILE = {"path": str, "rows": int, "text_bytes": int, "bytes": int, "sha256": str}
"""Fields that every manifest has, and those of each of its files."""

REMEDY = "delete it and run the same command again"


def read_manifests(output: OutputPath, shards: Iterable[str] = ()) -> list[Manifest]:
    """All manifests that a listing shows, and those of `shards` even if it does not show them yet; sorted by shard name.

    Raises OutputError naming a manifest that is not one, or whose counts do not add up.
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
        raise OutputError(f"{path}: a damaged manifest (not JSON: {error}); {REMEDY}") from None
    if what := _wrong(record):
        raise OutputError(f"{path}: a damaged manifest ({what}); {REMEDY}")
    return record


def _wrong(record: Any) -> str | None:
    """What makes this no manifest, in a few words."""
    if what := _unlike(record, MANIFEST):
        return what
    for split in SPLITS:
        if what := _unlike(record["files"].get(split), FILE):
            return f"files.{split}: {what}"
    rows = {split: record["files"][split]["rows"] for split in SPLITS}
    for split in REASONS:
        counts = list(record[split].values())
        if not all(isinstance(count, int) for count in counts) or sum(counts) != rows[split]:
            return f"its reasons do not add up to the {rows[split]:,} {split} documents"
    if record["records"] != sum(rows.values()):
        return f"{record['records']:,} records, but its files have {sum(rows.values()):,}"
    return _unlike(record["shard"], {"name": str, "source": str, "version": str})


def _unlike(value: Any, fields: Mapping[str, type]) -> str | None:
    if not isinstance(value, dict):
        return "not a JSON object"
    missing = sorted(fields.keys() - value.keys())
    if missing:
        return f"it lacks {', '.join(missing)}"
    wrong = [name for name, kind in fields.items() if not isinstance(value[name], kind) or isinstance(value[name], bool)]
    return f"{wrong[0]} is not of the type {fields[wrong[0]].__name__}" if wrong else None


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
    """The run.json of an output, or None if there is none. Raises OutputError, one line, if it is not one."""
    try:
        record: Any = orjson.loads((output / "run.json").read_bytes())
    except FileNotFoundError:
        return None
    except orjson.JSONDecodeError:
        record = None
    known = isinstance(record, dict) and {"finished", "made_by"} & record.keys()
    if not known or not isinstance(record.get("finished", False), bool) or not isinstance(record.get("counts", {}), dict):
        raise OutputError(f"{output / 'run.json'}: damaged: not the record of a run; {REMEDY}")
    return record


def finished_run(output: OutputPath) -> dict[str, Any]:
    """The run.json of a finished run. Raises OutputError for anything else."""
    try:
        record = run_record(output)
    except OSError:
        record = None
    if record is None:
        raise OutputError(f"{output}: not an output of `curricle run`: it has no readable run.json") from None
    if not record["finished"] or record.get("failed"):
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
