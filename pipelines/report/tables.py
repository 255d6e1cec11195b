"""Tables of a report: plain cells, which the template escapes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from curricle.pipelines.explain.verdicts import shown

Cell = str | int | float | None


@dataclass(frozen=True)
class Share:
    """A share of a whole, shown in percent."""

    value: float


@dataclass(frozen=True)
class Bytes:
    """A number of bytes, shown in a unit that a person reads."""

    value: int


AnyCell = Cell | Share | Bytes


@dataclass(frozen=True)
class ShownCell:
    """A cell as a person reads it, and the number by which its column is sorted; None for text."""

    text: str
    number: float | None


@dataclass(frozen=True)
class Table:
    """A table that can be sorted by each column."""

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[ShownCell, ...], ...]


def table(caption: str, head: Sequence[str], rows: Iterable[Sequence[AnyCell]]) -> Table:
    """The cells as text."""
    return Table(caption, tuple(head), tuple(tuple(map(_cell, row)) for row in rows))


def share(part: int, whole: int) -> Share | None:
    """The share of a part; None of nothing."""
    return Share(part / whole) if whole else None


def _cell(value: AnyCell) -> ShownCell:
    if value is None:
        return ShownCell("–", -1.0)
    if isinstance(value, Share):
        return ShownCell(f"{value.value:.1%}", value.value)
    if isinstance(value, Bytes):
        return ShownCell(_bytes(value.value), value.value)
    return ShownCell(value, None) if isinstance(value, str) else ShownCell(shown(value), float(value))


def _bytes(count: int) -> str:
    size, unit = float(count), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if size < 1000:
            break
        size, unit = size / 1000, larger
    return f"{count} B" if unit == "B" else f"{size:.3g} {unit}" if size < 1000 else f"{size:,.0f} {unit}"
