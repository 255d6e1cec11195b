"""Agreement of two files of ratings, document by document: `curricle raters agree`."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from curricle.errors import RatingsError, did_you_mean
from curricle.models.raters.agreement import (
    Table,
    Values,
    count_pairs,
    exact,
    interval,
    plain_kappa,
    quadratic_kappa,
    spearman,
    within_one,
)
from curricle.models.raters.ratings import RatingColumns, read_ratings
from curricle.schemas.columns import DOMAINS

RATING_FIGURES: dict[str, Callable[[Table], Values]] = {
    "exact": exact,
    "within one": within_one,
    "quadratic kappa": quadratic_kappa,
    "Spearman": spearman,
}


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """`pairs`: rows in both files, joined on `key` (`id` or `text`). `only_first`, `only_second`: rows in one file only.

    `tables`: for each group ("all", then COLUMN=VALUE), the table of pairs of each criterion and of "domain"
    (`models.raters.agreement`).
    """

    key: str
    pairs: int
    only_first: int
    only_second: int
    tables: dict[str, dict[str, Table]]


def compare(
    first: Path, second: Path, first_columns: RatingColumns, second_columns: RatingColumns, by: Sequence[str] = ()
) -> Agreement:
    """Join the files' rows and count their pairs of ratings; groups are values of the first file's columns `by`.

    Rows whose rating is null in either file are left out of that criterion. RatingsError if a file has no ratings, has a key
    twice, or has nothing in common with the other file.
    """
    left, right = read_ratings([first], first_columns), read_ratings([second], second_columns)
    for name in by:
        if name not in left.schema.names:
            raise RatingsError(f"{first} has no column {name!r}{did_you_mean(name, left.schema.names)}")
    key = next((name for name in ("id", "text") if name in left.schema.names and name in right.schema.names), None)
    if key is None:
        raise RatingsError(f"{first} and {second} share neither the column id nor text, so their rows cannot be matched")
    row_numbers = [_row_numbers(path, table, key) for path, table in ((first, left), (second, right))]
    shared = sorted(row_numbers[0].keys() & row_numbers[1].keys())
    if not shared:
        raise RatingsError(f"no {key} of {first} occurs in {second}")
    left = left.take(pa.array([row_numbers[0][value] for value in shared]))
    right = right.take(pa.array([row_numbers[1][value] for value in shared]))
    criteria = [name for name in first_columns.criteria(left) if name in second_columns.criteria(right)]
    pairs = {name: (left[first_columns.prefix + name], right[second_columns.prefix + name], 5) for name in criteria}
    if first_columns.domain in left.schema.names and second_columns.domain in right.schema.names:
        pairs["domain"] = (_letters(left[first_columns.domain]), _letters(right[second_columns.domain]), len(DOMAINS))
    if not pairs:
        raise RatingsError(f"{first} and {second} have no rating column in common")
    return Agreement(
        key=key,
        pairs=len(shared),
        only_first=len(row_numbers[0]) - len(shared),
        only_second=len(row_numbers[1]) - len(shared),
        tables={group: {name: _count(*pair, rows) for name, pair in pairs.items()} for group, rows in _groups(left, by)},
    )


def _row_numbers(path: Path, table: pa.Table, key: str) -> dict[str, int]:
    """Row number of each key: the id, or a hash of the text (XXH3-128)."""
    row_numbers: dict[str, int] = {}
    for row, value in enumerate(table[key].to_pylist()):
        if value is None:
            raise RatingsError(f"{path}: column {key!r} is null in row {row}")
        name = xxhash.xxh3_128_hexdigest(value.encode()) if key == "text" else str(value)
        if name in row_numbers:
            raise RatingsError(f"{path}: rows {row_numbers[name]} and {row} have the same {key}")
        row_numbers[name] = row
    return row_numbers


def _letters(domains: pa.ChunkedArray) -> pa.ChunkedArray:
    """Domains as numbers 1..15."""
    return pc.add(pc.index_in(domains, value_set=pa.array(DOMAINS)), 1)


def _count(first: pa.ChunkedArray, second: pa.ChunkedArray, levels: int, rows: pa.Array) -> Table:
    wanted = pc.and_(pc.and_(first.is_valid(), second.is_valid()), rows)
    left, right = (pc.subtract(side.filter(wanted), 1).to_numpy() for side in (first, second))
    return count_pairs(left, right, levels)


def _groups(table: pa.Table, by: Sequence[str]) -> Iterator[tuple[str, pa.Array]]:
    yield "all", pa.array(np.ones(len(table), dtype=bool))
    for name in by:
        counts = sorted(pc.value_counts(table[name]).to_pylist(), key=lambda row: (-row["counts"], str(row["values"])))
        for value in (row["values"] for row in counts):
            rows = table[name].is_null() if value is None else pc.fill_null(pc.equal(table[name], value), False)
            yield f"{name}={value}", rows


def agreement_table(agreement: Agreement) -> str:
    """Markdown tables with a row for each criterion, 95 % bootstrap intervals, and how the rows were joined."""
    lines = [
        f"{agreement.pairs:,} documents in both files (joined on {agreement.key}); {agreement.only_first:,} only in the first, "
        f"{agreement.only_second:,} only in the second",
    ]
    for group, tables in agreement.tables.items():
        ratings = {name: table for name, table in tables.items() if name != "domain"}
        heading = f"\n| {group} | documents | {' | '.join(RATING_FIGURES)} |"
        lines += [heading, "|---" * (len(RATING_FIGURES) + 2) + "|"]
        lines += [_row(name, table) for name, table in ratings.items()]
        if len(ratings) > 1:
            means = [float(np.mean([figure(table) for table in ratings.values()])) for figure in RATING_FIGURES.values()]
            lines.append(f"| mean of the {len(ratings)} | | {' | '.join(map(_number, means))} |")
        if "domain" in tables:
            table = tables["domain"]
            lines.append(
                f"\ndomain, {int(table.sum()):,} documents: exact {_cell(table, exact)}, kappa {_cell(table, plain_kappa)}"
            )
    return "\n".join(lines)


def _row(name: str, table: Table) -> str:
    return f"| {name} | {int(table.sum()):,} | {' | '.join(_cell(table, figure) for figure in RATING_FIGURES.values())} |"


def _cell(table: Table, figure: Callable[[Table], Values]) -> str:
    value = float(figure(table))
    low, high = interval(table, figure)
    return "-" if np.isnan(value) else f"{value:.3f} ({low:.3f} to {high:.3f})"


def _number(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:.3f}"
