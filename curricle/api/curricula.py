"""Making and opening curricula from Python."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson
import pyarrow.dataset as ds

from curricle.api.runs import check_path, check_paths, check_workers
from curricle.errors import CurriculumError
from curricle.pipelines.curriculum.plan_file import check_plan, load_plan
from curricle.pipelines.curriculum.run import make_curriculum as plan_curriculum
from curricle.pipelines.curriculum.run import write_curriculum
from curricle.pipelines.curriculum.verify import RECORD
from curricle.pipelines.curriculum.workers import Processes


class Curriculum:
    """A finished curriculum: ordered phases and held-out sets."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._record: dict[str, Any] = orjson.loads((path / RECORD).read_bytes())
        except (OSError, orjson.JSONDecodeError):
            raise CurriculumError(f"{path}: not a finished curriculum: no readable {RECORD}") from None

    def __repr__(self) -> str:
        return f"Curriculum({str(self.path)!r}: {', '.join(self.phases)})"

    @property
    def record(self) -> Mapping[str, Any]:
        """The content of curriculum.json: what was asked for and met, by phase and cell, and the hash of every file."""
        return self._record

    @property
    def phases(self) -> Mapping[str, ds.Dataset]:
        """The phases in training order, by folder name (`01-broad`); each keeps the order of its documents."""
        return {phase["folder"]: self._dataset(phase) for phase in self._record["phases"]}

    @property
    def heldout(self) -> Mapping[str, ds.Dataset]:
        """The held-out sets by name."""
        return {held["name"]: self._dataset(held) for held in self._record["heldout"]}

    def _dataset(self, part: Mapping[str, Any]) -> ds.Dataset:
        paths = [str(self.path / file["path"]) for file in part["files"]]
        if others := [path for path in paths if not path.endswith(".parquet")]:
            raise CurriculumError(f"{others[0]} is not Parquet: read it with the trainer that its format is for")
        return ds.dataset(paths, format="parquet")


def make_curriculum(
    plan: str | Path | Mapping[str, Any],
    outputs: str | Path | Sequence[str | Path],
    path: str | Path,
    *,
    tables: str | Path | Sequence[str | Path] = (),
    workers: int | None = None,
    progress: bool = False,
) -> Curriculum:
    """Make a curriculum by `plan` (the name of a shipped plan, a path or a plan's content) from finished outputs, into `path`.

    The plan may name columns of `tables` (attribute tables, Parquet files or folders of them) too: they are found by `id`.
    Returns at once if it is finished there already. Raises CurriculumError, one line, where the plan cannot be met or the folder
    holds something else, and OutputError where an output is not finished.
    """
    checked = check_plan(dict(plan), "plan") if isinstance(plan, Mapping) else load_plan(str(plan))
    folders, target = check_paths(outputs, "outputs"), Path(check_path(path, "path"))
    hands = Processes(check_workers(workers), quiet=not progress)
    joined = [Path(table) for table in check_paths(tables, "tables")] if tables else []
    write_curriculum(plan_curriculum(checked, [Path(folder) for folder in folders], hands, joined), target, hands)
    return Curriculum(target)


def open_curriculum(path: str | Path) -> Curriculum:
    """A finished curriculum; CurriculumError, one line, for anything else."""
    return Curriculum(Path(check_path(path, "path")))
