"""A sample of the scores of an output, their histograms by language, and how they go together."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from curricle.pipelines.report.columns import Judged

MOST: Final = 50_000
"""Documents of which histograms and correlations are made."""

LANGUAGES: Final = 6
"""Languages with a color of their own; the rest are one group."""

OTHERS: Final = "others"
BINS: Final = 40
FEW: Final = 24
"""A column of whole numbers that lie closer together than this has a bin for each of them."""

TAIL: Final = 0.005
"""Share of values at each end that is put into the outermost bins, so that a few far values do not squeeze all others."""

LEAST: Final = 10
"""A correlation needs as many documents."""

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Sample:
    """Scores of some documents, NaN where there is none."""

    documents: int
    of: int  # documents of the output
    language: npt.NDArray[np.object_]  # of each document: one of `languages`
    languages: tuple[str, ...]
    columns: dict[str, Numbers]


@dataclass(frozen=True)
class Bin:
    """Documents of a language with values from `low` to `high`."""

    low: float
    high: float
    language: str
    documents: int


def sample(source: Judged, most: int = MOST) -> Sample:
    """All documents, or those with the smallest ids, about `most`: an id is a hash, so they are spread evenly."""
    names = source.numbers()
    documents = source.documents
    limit = None if documents <= most else f"{int(most / documents * (1 << 32)):08x}"
    parts: dict[str, list[Numbers]] = {name: [] for name in names}
    languages: list[npt.NDArray[np.object_]] = []
    for batch in source.batches(("id", "language", *names)):
        rows = batch.rows if limit is None else batch.rows.filter(pc.less(batch.rows.column("id"), limit))
        for name in names:
            parts[name].append(rows.column(name).cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False))
        if "language" in rows.schema.names:
            languages.append(pc.fill_null(rows.column("language"), "(none)").to_numpy(zero_copy_only=False))
        else:
            languages.append(np.full(rows.num_rows, "(none)", object))
    language = np.concatenate([np.empty(0, object), *languages])
    first = [name for name, _ in sorted(Counter(language.tolist()).items(), key=lambda item: (-item[1], item[0]))]
    shown = first if len(first) <= LANGUAGES + 1 else first[:LANGUAGES]
    grouped = np.where(np.isin(language, shown), language, OTHERS) if len(shown) < len(first) else language
    columns = {name: np.concatenate([np.empty(0), *found]) for name, found in parts.items()}
    known = {name: values for name, values in columns.items() if np.isfinite(values).any()}
    return Sample(len(language), documents, grouped, (*shown, *([OTHERS] if len(shown) < len(first) else [])), known)


def histogram(found: Sample, name: str, marks: Sequence[float] = ()) -> list[Bin]:
    """Counts of a column by language. All `marks` lie within the bins. Values beyond the outermost bins are counted in these."""
    values = found.columns[name]
    known = np.isfinite(values)
    edges = _edges(values[known], [mark for mark in marks if np.isfinite(mark)])
    at = np.clip(np.searchsorted(edges, values, "right") - 1, 0, len(edges) - 2)
    bins = []
    for language in found.languages:
        counts = np.bincount(at[known & (found.language == language)], minlength=len(edges) - 1)
        bins += [
            Bin(float(edges[number]), float(edges[number + 1]), language, int(counts[number]))
            for number in np.flatnonzero(counts)
        ]
    return bins


def _edges(values: Numbers, marks: Sequence[float]) -> Numbers:
    if np.all(values == np.floor(values)) and np.ptp(values) < FEW:
        return np.arange(values.min() - 0.5, values.max() + 1, 1)
    low, high = np.quantile(values, (TAIL, 1 - TAIL))
    low, high = min(low, *marks, high), max(high, *marks, low)
    if low == high:
        low, high = low - 0.5, high + 0.5
    room = (high - low) / BINS if marks else 0.0  # a line at the very edge would not be seen
    return np.linspace(low - room, high + room, BINS + 1)


@dataclass(frozen=True)
class Correlation:
    """How two columns go together: Spearman's rank correlation over the documents that have both."""

    first: str
    second: str
    value: float
    documents: int


def correlations(found: Sample) -> list[Correlation]:
    """Every pair of columns that vary, both ways round, and each with itself.

    A value's rank is among all values of its column, not only among those of documents that have both.
    """
    ranks = {name: ranked for name, values in found.columns.items() if np.nanstd(ranked := _ranks(values)) > 0}
    pairs = []
    for number, first in enumerate(ranks):
        for second in list(ranks)[number:]:
            both = ~np.isnan(ranks[first]) & ~np.isnan(ranks[second])
            value = _correlation(ranks[first][both], ranks[second][both])
            if value is not None:
                pairs.append(Correlation(first, second, value, int(both.sum())))
                if first != second:
                    pairs.append(Correlation(second, first, value, int(both.sum())))
    return pairs


def _correlation(first: Numbers, second: Numbers) -> float | None:
    if len(first) < LEAST:
        return None
    first, second = first - first.mean(), second - second.mean()
    size = float(np.sqrt((first * first).sum() * (second * second).sum()))
    return float((first * second).sum()) / size if size else None


def _ranks(values: Numbers) -> Numbers:
    """Ranks from 0; equal values share the mean of theirs; NaN stays NaN."""
    ranks = np.full(len(values), np.nan)
    known = ~np.isnan(values)
    _, number, counts = np.unique(values[known], return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    ranks[known] = (ends - (counts + 1) / 2)[number]
    return ranks
