"""Finished outputs as Arrow datasets and counts."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.dataset as ds
import yaml

from curricle.errors import OutputError
from curricle.pipelines.output.manifest import Manifest, finished_run, read_manifests, total
from curricle.pipelines.output.verify import verify
from curricle.schemas.columns import DEAD, DOCUMENT
from curricle.storage.output import OutputPath, parse_output


@dataclass(frozen=True, kw_only=True)
class Counts:
    """How many documents went where: documents = kept + rejected + dead."""

    documents: int
    kept: int
    rejected: int
    dead: int
    rejected_by: Mapping[str, int]
    """Documents by the first rule that they failed."""
    dead_by: Mapping[str, int]
    """Dead letters by reason."""


class Output:
    """The output folder of a finished run. Its files are those that its manifests name, so nothing half written is read."""

    def __init__(self, path: OutputPath) -> None:
        self.path = path
        self._record = finished_run(path)
        self._manifests: list[Manifest] = read_manifests(path)

    def __repr__(self) -> str:
        counts = self.counts
        return f"Output({str(self.path)!r}: {counts.kept} kept, {counts.rejected} rejected, {counts.dead} dead)"

    @property
    def kept(self) -> ds.Dataset:
        """Documents that passed every rule."""
        return self._dataset("kept")

    @property
    def rejected(self) -> ds.Dataset:
        """Documents that failed a rule, with `reject_reason`, `reject_value` and `failed_rules`."""
        return self._dataset("rejected")

    @property
    def dead(self) -> ds.Dataset:
        """Records that could not be read or processed: source, offset, stage, reason and first bytes."""
        return self._dataset("dead")

    @property
    def counts(self) -> Counts:
        """Counts of all documents."""
        totals = total(self._manifests)
        return Counts(
            documents=totals.records,
            kept=totals.rows["kept"],
            rejected=totals.rows["rejected"],
            dead=totals.rows["dead"],
            rejected_by=dict(totals.rejected.most_common()),
            dead_by=dict(totals.dead.most_common()),
        )

    @property
    def recipe(self) -> Mapping[str, Any]:
        """The recipe that made it, with all defaults."""
        recipe: dict[str, Any] = yaml.safe_load((self.path / "recipe.yaml").read_bytes())
        return recipe

    @property
    def record(self) -> Mapping[str, Any]:
        """The content of run.json: fingerprint, counts, seconds, CPU time of each stage, versions of packages."""
        return self._record

    def scores(self) -> pa.Table:
        """All measured columns of kept and rejected documents without their texts: `id`, what the stages wrote, and
        `reject_reason` (null: kept). Fits in memory where the texts would not.
        """
        left_out = {column.name for column in (*DOCUMENT, *DEAD)} - {"id"} | {"title"}
        columns = [name for name in self.rejected.schema.names if name not in left_out]
        rejected = self.rejected.to_table(columns=columns)
        kept = self.kept.to_table(columns=[name for name in columns if name in self.kept.schema.names])
        return pa.concat_tables([kept, rejected], promote_options="default").select(columns)

    def verify(self) -> list[str]:
        """Recompute every hash and count; one line for each thing that is wrong, so an empty list is a sound output."""
        return list(verify(self.path))

    def _dataset(self, part: str) -> ds.Dataset:
        files, root = fsspec.core.url_to_fs(str(self.path))
        paths = [f"{root}/{manifest['files'][part]['path']}" for manifest in self._manifests]
        return ds.dataset(paths, format="parquet", filesystem=files)


def open(path: str | Path) -> Output:
    """The output of a finished run, in a local folder or an object store; OutputError, one line, for anything else."""
    if not isinstance(path, str | Path) or not str(path):
        raise OutputError(f"path must be a path or a URL, not {path!a:.80}")
    return Output(parse_output(str(path)))
