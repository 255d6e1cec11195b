"""Scores, from one column or from several on one scale, and the order in which a cell's documents fill its quota."""

import math
from itertools import chain

import numpy as np

from curricle import portable_math
from curricle.pipelines.curriculum.documents import Documents
from curricle.pipelines.curriculum.errors import CurriculumError
from curricle.pipelines.curriculum.kernels import (
    CHUNK,
    NO_SCORE,
    BoolArray,
    CellCodes,
    FloatArray,
    Ranking,
    keyed,
    quantiles,
    salt,
    take,
    totals,
)
from curricle.schemas.curriculum import WINDOWS, Phase, Score, Select

BINS = 20  # as Nemotron-CC (arXiv 2412.02595)


def score(documents: Documents, wanted: str | Score) -> FloatArray:
    """The number that documents are ranked by, float (n,); NaN if one of its columns is null."""
    if isinstance(wanted, str):
        return documents.number(wanted)
    result = np.full(documents.tokens.size, 0.0 if wanted.combine == "sum" else -np.inf)
    for name, weight in wanted.columns.items():
        values = np.sign(weight) * documents.number(name)
        scaled = z_scores(values) if wanted.scale == "zscore" else percentile_bins(documents, values)
        scaled *= abs(weight)
        # both keep NaN
        np.add(result, scaled, out=result) if wanted.combine == "sum" else np.maximum(result, scaled, out=result)
    return result


def z_scores(values: FloatArray) -> FloatArray:
    """(x - mean) / standard deviation, float64; zeros if all are equal. Sums are exact: row order does not matter."""
    known = values[~np.isnan(values)]
    parts = [slice(start, start + CHUNK) for start in range(0, known.size, CHUNK)]
    mean = math.fsum(chain.from_iterable(known[part].tolist() for part in parts)) / max(1, known.size)
    squares = chain.from_iterable(((known[part].astype(np.float64) - mean) ** 2).tolist() for part in parts)
    deviation = math.sqrt(math.fsum(squares) / max(1, known.size))
    centered: FloatArray = values.astype(np.float64)
    centered -= mean
    centered /= deviation or 1.0
    return centered


def percentile_bins(documents: Documents, values: FloatArray) -> FloatArray:
    """0..19, float64: the number of 5 % points of all tokens (5 %, 10 %, ..., 95 %) that the value is above."""
    edges = quantiles(values, documents.tokens, documents.id_hash, [k / BINS for k in range(1, BINS)])
    bins = np.full(values.size, np.nan)
    for start in range(0, values.size, CHUNK):
        part = values[start : start + CHUNK]
        number = np.searchsorted(np.array(edges, np.float64), part.astype(np.float64), side="left")
        bins[start : start + CHUNK] = np.where(np.isnan(part), np.nan, number)
    return bins


def gumbel(values: FloatArray, documents: Documents, key: np.uint64, temperature: float) -> FloatArray:
    """score / temperature + Gumbel noise: the largest k are a sample without replacement in proportion to exp(score / T)."""
    noisy = np.empty(values.size)
    for start in range(0, values.size, CHUNK):
        part = slice(start, start + CHUNK)
        uniform = ((keyed(documents.id_hash[part], key) >> np.uint64(11)).astype(np.float64) + 0.5) / 2.0**53
        noisy[part] = values[part] / temperature - portable_math.log(-portable_math.log(uniform))
    return noisy


def choose(
    documents: Documents, phase: Phase, seed: int, cell: CellCodes, cells: int, among: BoolArray
) -> tuple[BoolArray, Ranking, int]:
    """The documents `among` that the phase's `select` allows, their ranking, and the number of documents without a score.

    Raises CurriculumError for documents without a score under `nulls: error`.
    """
    select = phase.select
    uniform = Ranking(NO_SCORE, False, documents.id_hash, salt(seed, phase.name, "select"))
    if select.score is None:
        return among, uniform, 0
    values = score(documents, select.score)
    null = among & np.isnan(values)
    nulls = int(np.count_nonzero(null))
    if nulls and select.nulls == "error":
        raise CurriculumError(
            f"phase {phase.name!r}: {nulls:,} documents have no {_shown(select)}; with nulls: error that is not "
            "allowed (choose drop or last)"
        )
    if select.nulls != "last":
        among = among & ~null
    if select.method == "equals":
        return among & (values == values.dtype.type(select.value)), uniform, nulls
    if select.method in WINDOWS:
        by_score = Ranking(values, False, documents.id_hash, salt(seed, phase.name, "window"))
        return _window(select, cell, cells, among, by_score), uniform, nulls
    if select.method == "gumbel":
        values = gumbel(values, documents, salt(seed, phase.name, "gumbel"), select.temperature)
    return among, Ranking(values, select.method != "lowest", uniform.id_hash, uniform.key), nulls


def _window(select: Select, cell: CellCodes, cells: int, among: BoolArray, by_score: Ranking) -> BoolArray:
    """The documents of each cell with low, middle or high ranks: `fraction` of them, at least one."""
    ones = np.ones(cell.size, np.uint8)
    count = totals(cell, among, ones, cells)
    width = np.maximum(1, np.floor(select.fraction * count + 0.5)).astype(np.int64)
    first = {"low": 0 * count, "middle": (count - width) // 2, "high": count - width}[select.method]
    return take(cell, among, by_score, ones, first + width) & ~take(cell, among, by_score, ones, first)


def _shown(select: Select) -> str:
    return select.score if isinstance(select.score, str) else " + ".join(select.score.columns if select.score else ())
