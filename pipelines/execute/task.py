"""One shard's work, as it goes to a worker. Nothing here imports Beam: who plans and launches a run does not need it."""

from collections.abc import Callable
from dataclasses import dataclass

import orjson
from curricle.pipelines.output.write import Sink, manifest_path
from curricle.pipelines.plan.stage_table import Steps
from curricle.schemas.shards import Shard
from curricle.stages.read.config import ReadConfig

from curricle.storage.output import Place, place

WORK = "curricle.pipelines.execute.work"
"""What a worker imports."""


@dataclass(frozen=True)
class ShardTask:
    """One shard and what to do with it."""

    shard: Shard
    read: ReadConfig
    steps: Steps
    sink: Sink

    @property
    def name(self) -> str:
        """The shard's."""
        return self.shard.name

    @property
    def size(self) -> int:
        """Bytes of the shard in storage."""
        return self.shard.size

    @property
    def commit(self) -> Place:
        """The shard's manifest."""
        return manifest_path(place(self.sink.output), self.name)

    def counts(self) -> tuple[int, int, int]:
        """Documents, bytes of text and documents kept, from the manifest."""
        manifest = orjson.loads(self.commit.read_bytes())
        files = manifest["files"]
        return manifest["records"], sum(file["text_bytes"] for file in files.values()), files["kept"]["rows"]

    def __hash__(self) -> int:
        return hash(self.shard)


def run_task(task: ShardTask, report: Callable[[int, int, int], None]) -> dict[str, int]:
    """`pipelines.execute.work.run_shard`."""
    from curricle.pipelines.execute.work import run_shard

    return run_shard(task, report)
