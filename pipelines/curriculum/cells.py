"""Finds the cell of a mixture that each document belongs to, and the documents that meet a condition."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from curricle.errors import did_you_mean
from curricle.pipelines.curriculum.documents import Documents, TextColumn
from curricle.pipelines.curriculum.errors import CurriculumError
from curricle.pipelines.curriculum.kernels import CHUNK, BoolArray, CellCodes, FloatArray, quantiles
from curricle.schemas.condition import Condition
from curricle.schemas.curriculum import TOKEN_COUNT, Bucket

NULL = "null"
"""Name of the cell of documents without a value."""

MOST_CELLS = np.iinfo(np.int16).max


@dataclass(frozen=True)
class Cells:
    """Position in `names` of each document's cell, int16 (n,); `names` joins the values of the columns by `/`."""

    codes: CellCodes
    names: tuple[str, ...]


def passing(documents: Documents, where: Mapping[str, Condition], at: str) -> BoolArray:
    """The documents that meet every condition, bool (n,); CurriculumError for a value that a text column never has."""
    passed = np.ones(documents.tokens.size, np.bool_)
    for name, condition in where.items():
        members = condition.not_in if condition.values_in is None else condition.values_in
        inside = condition.values_in is not None
        if name in documents.labels and members is not None:
            labels = documents.labels[name]
            for value in members:
                if str(value) not in labels.names:
                    raise CurriculumError(
                        f"{at}: where.{name}: no document has the value {value!r}{did_you_mean(str(value), labels.names)}"
                    )
            named = {str(value) for value in members}
            passed &= np.array([one in named if inside else one not in named and one != NULL for one in labels.names], np.bool_)[
                labels.codes
            ]
            continue
        values = documents.tokens if name == TOKEN_COUNT else documents.number(name)  # avoids a copy
        if members is not None:
            try:
                named_numbers = np.isin(values, np.array(members, np.result_type(values, np.float32)))
            except ValueError:
                raise CurriculumError(
                    f"{at}: where.{name}: the column holds numbers, not {', '.join(map(repr, members))}"
                ) from None
            passed &= named_numbers if inside else ~named_numbers & ~np.isnan(values)
        else:
            low = -np.inf if condition.min is None else condition.min
            high = np.inf if condition.max is None else condition.max
            passed &= (values >= low) & (values <= high)
    return passed


def make_cells(documents: Documents, by: Sequence[str | Bucket], at: str) -> Cells:
    """The cells of a mixture; without columns there is a single one, `all`."""
    parts = [_bucketed(documents, part) if isinstance(part, Bucket) else _values(documents, part, at) for part in by]
    if not parts:
        return Cells(np.zeros(documents.tokens.size, np.int16), ("all",))
    size = int(np.prod([len(part.names) for part in parts]))
    if size > MOST_CELLS:
        raise CurriculumError(f"{at}: mixture.by: {size:,} cells are too many: at most {MOST_CELLS:,} are possible")
    codes, names = parts[0].codes, parts[0].names
    for part in parts[1:]:
        codes = codes.astype(np.int32) * np.int32(len(part.names)) + part.codes
        names = tuple(f"{one}/{two}" for one in names for two in part.names)
    there = np.zeros(size, np.bool_)
    there[codes] = True
    ranks = (np.cumsum(there) - 1).astype(np.int16)
    return Cells(ranks[codes], tuple(name for name, one in zip(names, there, strict=True) if one))


def _values(documents: Documents, name: str, at: str) -> TextColumn:
    if name in documents.labels:
        return documents.labels[name]
    values = documents.number(name)
    if any(np.nanmin(part % 1, initial=0) or np.nanmax(part % 1, initial=0) for part in _chunks(values)):
        raise CurriculumError(f"{at}: mixture.by: {name} is not a whole number; give {{column: {name}, edges: [...]}}")
    known = np.unique(values[~np.isnan(values)])
    codes = np.concatenate([np.searchsorted(known, part).astype(np.int32) for part in _chunks(values)])
    names = [str(int(value)) for value in known]
    return TextColumn(codes, (*names, "null") if np.isnan(values).any() else tuple(names))


def _bucketed(documents: Documents, bucket: Bucket) -> TextColumn:
    values = documents.number(bucket.column)
    edges = list(bucket.edges) or quantiles(values, documents.tokens, documents.id_hash, list(bucket.quantiles))
    shown = [f"{edge:g}" for edge in bucket.edges] or [f"p{100 * share:g}" for share in bucket.quantiles]
    codes = np.empty(values.size, np.int32)
    for start in range(0, values.size, CHUNK):
        part = values[start : start + CHUNK]
        cell = np.searchsorted(np.array(edges, values.dtype), part, side="right")
        codes[start : start + CHUNK] = np.where(np.isnan(part), len(edges) + 1, cell)
    between = [f"{low}..{high}" for low, high in pairwise(shown)]
    return TextColumn(codes, (f"<{shown[0]}", *between, f">={shown[-1]}", "null"))


def _chunks(values: FloatArray) -> list[FloatArray]:
    return [values[start : start + CHUNK] for start in range(0, values.size, CHUNK)]
