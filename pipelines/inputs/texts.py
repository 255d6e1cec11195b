"""Reads the texts of inputs of any format without a Beam graph. Models are trained on them."""

from collections.abc import Callable, Iterator, Sequence

import pyarrow as pa

from curricle.pipelines.inputs.find import find_inputs, plan_shards
from curricle.stages.extract import ExtractConfig, extract_text
from curricle.stages.read.config import ReadConfig
from curricle.stages.read.shard import read_shard


def documents(patterns: Sequence[str]) -> Callable[[], Iterator[pa.Array]]:
    """A function that yields the texts in batches (string arrays without nulls), from the start at each call.

    The text of HTML documents is extracted. Raises InputError as a run does.
    """
    read, extract = ReadConfig(), ExtractConfig()
    shards = plan_shards(find_inputs(patterns), read)

    def texts() -> Iterator[pa.Array]:
        for shard in shards:
            for batch in read_shard(shard, read):
                yield extract_text(batch, extract).column("text").drop_null()

    return texts
