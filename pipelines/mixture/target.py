"""The target text that mixtures are judged by."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from curricle.pipelines.curriculum.errors import CurriculumError
from curricle.pipelines.inputs.texts import documents

TARGET_BYTES = 4_000_000
"""Of a larger target a sample by the hash of the documents is taken: one float32 for each token and unit is held."""


@dataclass(frozen=True)
class Target:
    """Documents in the order of their hashes: the same whatever the order of the files."""

    texts: pa.Array  # string, no nulls
    hashes: tuple[int, ...]  # XXH3-64 of each
    whole_bytes: int  # before sampling

    @property
    def bytes(self) -> int:
        """Of UTF-8 in `texts`."""
        return pc.sum(pc.binary_length(self.texts)).as_py() or 0

    @property
    def digest(self) -> str:
        """One hash of all, XXH3-128, hex."""
        return xxhash.xxh3_128_hexdigest(b"".join(one.to_bytes(8, "big") for one in self.hashes))


def read_target(patterns: Sequence[str]) -> Target:
    """The documents of text, JSONL and Parquet files (of text: the lines); InputError, CurriculumError where there are none."""
    every = [text for batch in documents(patterns)() for text in batch.to_pylist() if text.strip()]
    if not every:
        raise CurriculumError(f"{', '.join(patterns)}: the target has no text")
    pairs = sorted((xxhash.xxh3_64_intdigest(text.encode()), text) for text in every)
    ends = np.cumsum([len(text.encode()) for _, text in pairs])
    chosen = pairs[: int(np.searchsorted(ends, TARGET_BYTES)) + 1]
    return Target(pa.array([text for _, text in chosen], pa.string()), tuple(key for key, _ in chosen), int(ends[-1]))
