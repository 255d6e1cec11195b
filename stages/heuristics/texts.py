"""Documents as kernels read them: groups of texts as bytes and offsets."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from curricle.stages.heuristics.documents import SPARE

GROUP_BYTES = 1 << 18
"""Documents are measured in groups of about this size, so that their words stay in the processor's cache."""

Counts = npt.NDArray[np.int64]

WORD = np.dtype(
    [("hash", np.uint64), ("chars", np.uint32), ("flags", np.uint32), ("start", np.uint32), ("size", np.uint32)], align=True
)
"""A word: hash of its bytes, length in code points, flags (words.pxd), first byte in the text, length in bytes."""

Words = npt.NDArray[np.void]
"""Of dtype WORD."""


class Texts(NamedTuple):
    """Some documents: UTF-8 bytes followed by SPARE bytes of any value, read-only; where each document starts; and where the last
    one ends.
    """

    data: npt.NDArray[np.uint8]
    offsets: Counts


def text_groups(texts: pa.StringArray) -> Iterator[Texts]:
    """`texts`, which has no nulls, in groups of about GROUP_BYTES."""
    if len(texts) == 0:
        return
    offsets = np.frombuffer(texts.buffers()[1], np.int32)[texts.offset : texts.offset + len(texts) + 1].astype(np.int64)
    buffer = texts.buffers()[2]
    data = np.frombuffer(buffer, np.uint8) if buffer is not None else np.zeros(0, np.uint8)
    start = 0
    while start < len(texts):
        end = int(np.searchsorted(offsets, offsets[start] + GROUP_BYTES, side="right")) - 1
        end = min(max(end, start + 1), len(texts))
        first, last = offsets[start], offsets[end]
        part = data[first : last + SPARE]
        if len(part) < last - first + SPARE:
            part = np.append(data[first:last], np.zeros(SPARE, np.uint8))
        yield Texts(part, offsets[start : end + 1] - first)
        start = end


def ratio(part: Counts, whole: Counts) -> pa.Array:
    """part / whole as float64, null where `whole` is 0."""
    return pa.array(part / np.maximum(whole, 1), mask=whole == 0)
