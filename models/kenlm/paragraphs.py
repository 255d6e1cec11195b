"""Documents cut into paragraphs, and what is kept of the paragraphs' scores: one bad paragraph in a clean page shows.

Ours; the paragraph view of Perplexed by Quality's tool chain (arXiv 2212.10440) keeps no score below the document.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from curricle.models.kenlm.compiled import export
from curricle.models.kenlm.normalizer import Bytes, Offsets
from curricle.models.kenlm.profiles import string_buffers

Numbers = npt.NDArray[np.float64]


def paragraphs(texts: pa.Array, min_bytes: int) -> tuple[pa.Array, npt.NDArray[np.int64]]:
    """(paragraphs, the row of each): every byte of `texts` (string; null counts as no text) is in exactly one, in order.

    A paragraph is a run of whole lines, the shortest that has at least `min_bytes` bytes (1: every line is one); what is left at
    the end of a document belongs to its last one. An empty text has none.
    """
    data, offsets = string_buffers(texts)
    most = int(np.count_nonzero(data[offsets[0] : offsets[-1]] == 10)) + len(texts)
    ends, rows = np.empty(most, np.int64), np.empty(most, np.int64)
    count: int = _cut(data, offsets, min_bytes, ends, rows)
    places = np.concatenate([offsets[:1], ends[:count]])
    wide = pa.large_string() if places[-1] > np.iinfo(np.int32).max else pa.string()
    width = np.int64 if pa.types.is_large_string(wide) else np.int32
    buffers = [None, pa.py_buffer(places.astype(width)), pa.py_buffer(data)]
    return pa.Array.from_buffers(wide, count, buffers), rows[:count]


@export("int64(uint8[::1], int64[::1], int64, int64[::1], int64[::1])")
def _cut(data: Bytes, offsets: Offsets, min_bytes: int, ends: Offsets, rows: Offsets) -> int:
    count = 0
    for row in range(len(offsets) - 1):
        start, end = offsets[row], offsets[row + 1]
        first = count
        for at in range(start, end):
            if (data[at] == 10 or at == end - 1) and at + 1 - start >= min_bytes:
                start = at + 1
                ends[count], rows[count] = start, row
                count += 1
        if start < end:  # a rest under `min_bytes`
            if count == first:
                rows[count] = row
                count += 1
            ends[count - 1] = end
    return count


def mean_and_worst(
    values: Numbers, sizes: npt.NDArray[np.int64], rows: npt.NDArray[np.int64], count: int, worst: int
) -> tuple[pa.Array, pa.Array]:
    """Of each of `count` rows: the mean of its values weighted by `sizes`, and the plain mean of its `worst` lowest (float64).

    NaN values are left out; null where a row has none.
    """
    some = ~np.isnan(values)
    values, sizes, rows = values[some], sizes[some], rows[some]
    order = np.lexsort((values, rows))
    values, sizes, rows = values[order], sizes[order], rows[order]
    firsts = np.searchsorted(rows, np.arange(count))
    lowest = np.arange(len(rows)) - firsts[rows] < worst
    none = np.bincount(rows, minlength=count) == 0

    def mean(weights: npt.NDArray[Any]) -> pa.Array:
        sums = np.bincount(rows, values * weights, minlength=count)
        return pa.array(sums / np.maximum(np.bincount(rows, weights, minlength=count), 1), mask=none)

    return mean(sizes), mean(lowest.astype(np.int64))
