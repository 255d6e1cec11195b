"""What each rule did: how many documents it judged, and the documents nearest to its bound on both sides."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from curricle.pipelines.explain.find import Place
from curricle.pipelines.report.columns import Batch, Judged
from curricle.schemas.batches import Mask
from curricle.schemas.rule import Rule
from curricle.stages.decide import bounds, meets

NEAREST: Final = 3
"""Documents on each side of a bound."""

PASSED, FAILED = "passed", "failed"
NULL_KEPT, NULL_REJECTED = "no value, kept", "no value, rejected"
NO_BOUND, NOT_ASKED = "no bound for the language", "outside `where`"
RESULTS: Final = (PASSED, FAILED, NULL_KEPT, NULL_REJECTED, NO_BOUND, NOT_ASKED)


@dataclass(frozen=True, order=True)
class Near:
    """A document and its distance from the bound; infinite if the rule has no numbers."""

    distance: float
    id: str
    split: str = field(compare=False)
    file: str = field(compare=False)
    row: int = field(compare=False)

    @property
    def place(self) -> Place:
        """Where it is, without its URL."""
        return Place(self.split, self.file, self.row, self.id, None)


@dataclass
class Outcome:
    """One rule."""

    rule: Rule
    known: bool  # whether the output has the columns that it reads
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)  # by language and one of RESULTS
    inside: list[Near] = field(default_factory=list)
    outside: list[Near] = field(default_factory=list)

    def total(self, result: str) -> int:
        """Documents of all languages with this result."""
        return sum(count for (_, found), count in self.counts.items() if found == result)

    def languages(self) -> list[str]:
        """Languages, the one with the most judged documents first."""
        judged: Counter[str] = Counter()
        for (language, result), count in self.counts.items():
            judged[language] += count if result in (PASSED, FAILED) else 0
        return [language for language, _ in sorted(judged.items(), key=lambda item: (-item[1], item[0]))]


def outcomes(source: Judged, rules: Sequence[Rule]) -> list[Outcome]:
    """Judges every document by every rule, from the columns that rules read."""
    found = [Outcome(rule, set(rule.reads()) <= set(source.schema.names)) for rule in rules]
    names = ["id", "language", "failed_rules", *(name for rule in rules for name in rule.reads())]
    for batch in source.batches(names):
        for outcome in found:
            if outcome.known:
                _add(outcome, batch)
    return found


def _add(outcome: Outcome, batch: Batch) -> None:
    rule, rows = outcome.rule, batch.rows
    failed = _failed(rows, rule.name)
    margins = _margins(rows, rule)
    column = rows.column(rule.column)
    missing = column.is_null().to_numpy(zero_copy_only=False)
    if pa.types.is_floating(column.type):
        missing = missing | np.isnan(column.to_numpy(zero_copy_only=False))
    results = np.full(rows.num_rows, RESULTS.index(PASSED), np.int8)
    if rule.values_in is None and rule.not_in is None and (rule.min is not None or rule.max is not None):
        results[np.isnan(margins)] = RESULTS.index(NO_BOUND)
    results[missing] = RESULTS.index(NULL_KEPT if batch.split == "kept" else NULL_REJECTED)
    for name, condition in (rule.where or {}).items():
        results[~meets(rows.column(name), name, condition)] = RESULTS.index(NOT_ASKED)
    results[failed] = RESULTS.index(FAILED)
    _count(outcome, rows, results)
    distances = np.where(np.isnan(margins), np.inf, np.abs(margins))
    outcome.inside = _nearest(outcome.inside, batch, distances, results == RESULTS.index(PASSED))
    outcome.outside = _nearest(outcome.outside, batch, distances, failed)


def _failed(rows: pa.RecordBatch, name: str) -> Mask:
    lists = rows.column("failed_rules")
    failed = np.zeros(rows.num_rows, bool)
    hits = pc.fill_null(pc.equal(pc.list_flatten(lists), name), False).to_numpy(zero_copy_only=False)
    failed[pc.list_parent_indices(lists).to_numpy(zero_copy_only=False)[hits]] = True
    return failed


def _margins(rows: pa.RecordBatch, rule: Rule) -> npt.NDArray[np.float64]:
    """How far inside the nearest bound each value is; negative outside, NaN without a value or a bound."""
    if rule.min is None and rule.max is None:
        return np.full(rows.num_rows, np.nan)
    numbers = rows.column(rule.column).cast(pa.float64()).to_numpy(zero_copy_only=False)
    return np.fmin(numbers - bounds(rule.min, rows), bounds(rule.max, rows) - numbers)


def _count(outcome: Outcome, rows: pa.RecordBatch, results: npt.NDArray[np.int8]) -> None:
    if "language" in rows.schema.names:
        encoded = pc.fill_null(rows.column("language"), "(none)").dictionary_encode()
        names, codes = encoded.dictionary.to_pylist(), encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    else:
        names, codes = ["(none)"], np.zeros(rows.num_rows, np.int64)
    pairs, counts = np.unique(codes * len(RESULTS) + results, return_counts=True)
    for pair, count in zip(pairs.tolist(), counts.tolist(), strict=True):
        outcome.counts[names[pair // len(RESULTS)], RESULTS[pair % len(RESULTS)]] += count


def _nearest(best: list[Near], batch: Batch, distances: npt.NDArray[np.float64], among: Mask) -> list[Near]:
    places = np.flatnonzero(among)
    if len(best) == NEAREST:
        places = places[distances[places] <= best[-1].distance]
    if len(places) > NEAREST:
        last = np.partition(distances[places], NEAREST - 1)[NEAREST - 1]
        places = places[distances[places] <= last]
    if len(places) > NEAREST:  # many are at the same distance
        order = pc.sort_indices(batch.rows.column("id").take(pa.array(places))).to_numpy()
        nearer = places[distances[places] < distances[places].max()]
        places = np.union1d(nearer, places[order][: NEAREST + len(nearer)])
    ids = batch.rows.column("id")
    new = [Near(float(distances[row]), ids[int(row)].as_py(), batch.split, batch.file, batch.first + int(row)) for row in places]
    return sorted([*best, *new])[:NEAREST]
