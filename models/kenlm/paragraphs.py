"""Cuts documents into paragraphs and aggregates the paragraphs' scores, so that one bad paragraph in a clean page shows.

Our own method: Perplexed by Quality (arXiv 2212.10440) scores whole documents only.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from curricle.models.kenlm.paragraph_cuts import cut_paragraphs
from curricle.models.kenlm.profiles import string_buffers

Numbers = npt.NDArray[np.float64]


def paragraphs(texts: pa.Array, min_bytes: int) -> tuple[pa.Array, npt.NDArray[np.int64]]:
    """Paragraphs and the row of each. Every byte of `texts` (string) is in exactly one, in order; an empty or null text has none.

    A paragraph is the shortest run of whole lines with at least `min_bytes` bytes (1: each line is a paragraph). A shorter rest
    at the end of a document belongs to its last paragraph.
    """
    data, offsets = string_buffers(texts)
    most = int(np.count_nonzero(data[offsets[0] : offsets[-1]] == 10)) + len(texts)
    ends, rows = np.empty(most, np.int64), np.empty(most, np.int64)
    count = cut_paragraphs(data, offsets, min_bytes, ends, rows)
    cuts = np.concatenate([offsets[:1], ends[:count]])
    kind, width = (pa.large_string(), np.int64) if cuts[-1] > np.iinfo(np.int32).max else (pa.string(), np.int32)
    buffers = [None, pa.py_buffer(cuts.astype(width)), pa.py_buffer(data)]
    return pa.Array.from_buffers(kind, count, buffers), rows[:count]


def mean_and_worst(
    values: Numbers, sizes: npt.NDArray[np.int64], rows: npt.NDArray[np.int64], count: int, worst: int
) -> tuple[pa.Array, pa.Array]:
    """For each of `count` rows: the mean of its values weighted by `sizes`, and the plain mean of its `worst` lowest (float64).

    NaN values are left out. A row without other values is null.
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
