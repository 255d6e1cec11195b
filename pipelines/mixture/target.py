"""Reads the target text that mixtures are fitted to."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from curricle.pipelines.curriculum.errors import CurriculumError
from curricle.pipelines.curriculum.measure import content_hashes
from curricle.pipelines.inputs.texts import documents

TARGET_BYTES = 4_000_000
"""Limit of the target. From a larger one a sample is taken, by the hash of its documents: fitting holds a float32 for each token
and unit."""


@dataclass(frozen=True)
class Target:
    """Documents in the order of their hashes, so that the order of the files does not matter."""

    texts: pa.Array  # string, no nulls
    hashes: tuple[int, ...]  # `content_hashes` of them
    whole_bytes: int  # before sampling

    @property
    def bytes(self) -> int:
        """Number of UTF-8 bytes of `texts`."""
        return pc.sum(pc.binary_length(self.texts)).as_py() or 0

    @property
    def digest(self) -> str:
        """One hash of all documents, XXH3-128, hex."""
        return xxhash.xxh3_128_hexdigest(b"".join(map(xxhash.xxh3_64_digest, self.texts.cast(pa.binary()).to_pylist())))


def read_target(patterns: Sequence[str]) -> Target:
    """The documents of text (its lines), JSONL and Parquet files; InputError or CurriculumError if there are none."""
    every = [
        pair for batch in documents(patterns)() for pair in zip(content_hashes(batch).tolist(), batch.to_pylist(), strict=True)
    ]
    pairs = sorted((key, text) for key, text in every if text.strip())
    if not pairs:
        raise CurriculumError(f"{', '.join(patterns)}: the target has no text")
    ends = np.cumsum([len(text.encode()) for _, text in pairs])
    chosen = pairs[: int(np.searchsorted(ends, TARGET_BYTES)) + 1]
    return Target(pa.array([text for _, text in chosen], pa.string()), tuple(key for key, _ in chosen), int(ends[-1]))
