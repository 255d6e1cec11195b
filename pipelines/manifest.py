"""What is committed in an output folder: the records in `_manifest/`, the only truth about its files."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from stages.write import PARTS

Manifest = dict[str, Any]


class OutputError(ValueError):
    """An output folder that cannot be written, continued or trusted: one line."""


def read_manifests(output: Path) -> list[Manifest]:
    """All records, by shard name; OutputError naming one that is not JSON."""
    records = []
    for path in sorted((output / "_manifest").glob("*.json")):
        try:
            records.append(orjson.loads(path.read_bytes()))
        except orjson.JSONDecodeError as error:
            raise OutputError(f"{path}: not a manifest: {error}") from None
    return records


def finished_run(output: Path) -> dict[str, Any]:
    """The run.json of a finished run; OutputError for anything else."""
    try:
        record: dict[str, Any] = orjson.loads((output / "run.json").read_bytes())
    except (OSError, orjson.JSONDecodeError):
        raise OutputError(f"{output}: not an output of curricle: no readable run.json") from None
    if not record["finished"] or record["failed"]:
        raise OutputError(f"{output}: the run is not finished; run the same command again")
    return record


@dataclass
class Totals:
    """Sums over manifests: documents, bytes of text, reasons."""

    shards: int = 0
    records: int = 0
    rows: Counter[str] = field(default_factory=Counter)  # by part
    text_bytes: Counter[str] = field(default_factory=Counter)  # by part
    rejected: Counter[str] = field(default_factory=Counter)  # by rule
    dead: Counter[str] = field(default_factory=Counter)  # by reason

    def balanced(self) -> bool:
        """In = kept + rejected + dead, and the reasons add up."""
        return (
            self.records == self.rows.total()
            and self.rejected.total() == self.rows["rejected"]
            and self.dead.total() == self.rows["dead"]
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for run.json."""
        return {
            "shards": self.shards,
            "records": self.records,
            **{part: self.rows[part] for part in PARTS},
            "text_bytes": dict(self.text_bytes),
            "rejected_by": dict(self.rejected.most_common()),
            "dead_by": dict(self.dead.most_common()),
        }


def total(manifests: Iterable[Manifest]) -> Totals:
    """Add the records up."""
    totals = Totals()
    for manifest in manifests:
        totals.shards += 1
        totals.records += manifest["records"]
        totals.rejected.update(manifest["rejected"])
        totals.dead.update(manifest["dead"])
        for part, file in manifest["files"].items():
            totals.rows[part] += file["rows"]
            totals.text_bytes[part] += file["text_bytes"]
    return totals
