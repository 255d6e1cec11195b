"""The work on one shard, as it is sent to a worker. Nothing here imports Beam, which planning and launching do not need."""

from dataclasses import dataclass

import orjson

from curricle.pipelines.output.write import Sink, manifest_path
from curricle.pipelines.plan.stage_table import Steps
from curricle.schemas.shards import Shard
from curricle.stages.read.config import ReadConfig
from curricle.storage.output import OutputPath, parse_output


@dataclass(frozen=True)
class ShardTask:
    """One shard and what to do with it."""

    shard: Shard
    read: ReadConfig
    steps: Steps
    sink: Sink

    @property
    def name(self) -> str:
        """Name of the shard."""
        return self.shard.name

    @property
    def size(self) -> int:
        """Bytes of the shard in storage."""
        return self.shard.size

    @property
    def commit(self) -> OutputPath:
        """Path of the shard's manifest."""
        return manifest_path(parse_output(self.sink.output), self.name)

    def counts(self) -> tuple[int, int, int]:
        """Documents, bytes of text and kept documents, from the manifest."""
        manifest = orjson.loads(self.commit.read_bytes())
        files = manifest["files"]
        return manifest["records"], sum(file["text_bytes"] for file in files.values()), files["kept"]["rows"]

    def __hash__(self) -> int:
        return hash(self.shard)
