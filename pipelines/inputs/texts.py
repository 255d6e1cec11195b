"""The texts of inputs of any format, without Beam's graph: what models are trained on."""

from collections.abc import Callable, Iterator, Sequence

import pyarrow as pa
from curricle.pipelines.inputs.find import find_inputs, plan_shards
from curricle.stages.extract import ExtractConfig, extract_text
from curricle.stages.read.config import ReadConfig
from curricle.stages.read.shard import read_shard


def documents(patterns: Sequence[str]) -> Callable[[], Iterator[pa.Array]]:
    """Texts in batches (string arrays, no nulls), from the start at each call; HTML is extracted. InputError as for a run."""
    read, extract = ReadConfig(), ExtractConfig()
    shards = plan_shards(find_inputs(patterns), read)

    def texts() -> Iterator[pa.Array]:
        for shard in shards:
            for batch in read_shard(shard, read):
                yield extract_text(batch, extract).column("text").drop_null()

    return texts
