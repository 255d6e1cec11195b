"""The shingles of the documents that are compared, whichever shard or index they are from."""

from pathlib import Path

import numpy as np

from curricle.pipelines.deduplication.groups import Documents, Numbers
from curricle.pipelines.deduplication.plan import Planned
from curricle.pipelines.deduplication.shingle_files import Shingles, ShingleTask, read_shingles, write_shingles
from curricle.pipelines.execute.commit_tasks import run_uncommitted
from curricle.storage.whole_file import whole_file


class ComparedShingles:
    """The shingles of some documents: the tasks that write them, then those of a document by its number."""

    def __init__(self, planned: Planned, documents: Documents, work: Path, use: str) -> None:
        self.planned, self.documents, self.work, self.use = planned, documents, work, use
        self.files: dict[int, dict[int, Shingles]] = {}

    def write(self, numbers: Numbers, workers: int, quiet: bool) -> None:
        """Write those of `numbers`, ascending."""
        tasks = []
        tables = self.documents.table_of(numbers)
        for place in np.unique(tables).tolist():
            own = numbers[tables == place] - self.documents.starts[place]
            path = self._path(place)
            if place < len(self.planned.indexes):
                if not path.exists():
                    self.planned.indexes[place].write_shingles(path, own)
                continue
            rows = path.with_suffix(".rows")
            if not rows.exists():
                with whole_file(rows) as part, part.open("wb") as file:
                    np.save(file, own)
            tasks.append(ShingleTask(self.planned.shards[place - len(self.planned.indexes)], rows, path))
        run_uncommitted(tasks, write_shingles, workers, quiet)

    def _path(self, place: int) -> Path:
        old = len(self.planned.indexes)
        name = self.planned.indexes[place].name if place < old else self.planned.shards[place - old].name
        return self.work / f"{name}.{self.use}.shingles"

    def __call__(self, number: int) -> Shingles:
        """Those of a document."""
        place = int(self.documents.table_of(number))
        if place not in self.files:
            self.files[place] = read_shingles(self._path(place))
        return self.files[place][number - int(self.documents.starts[place])]
