"""Text normalization as one table lookup per code point, over UTF-8 bytes and offsets: no Python string per document.

A table holds what each code point becomes on its own. The kernel handles what depends on neighbors (white space at the ends, runs
of spaces, numbers), or it marks the row as one that needs its context; the caller then prepares that row in Python and normalizes
it again. A table has two levels: blocks of 256 code points, and the entries of each distinct block.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain

import numpy as np
import numpy.typing as npt

from curricle.models.kenlm import normalize_rows as kernel

Bytes = npt.NDArray[np.uint8]
Offsets = npt.NDArray[np.int64]

_CODE_POINTS = 0x110000
_ALL_BLOCKS = 1 << 21 - kernel.BLOCK_BITS  # four bytes of UTF-8 hold 21 bits, and damaged text may use all of them
_BETWEEN = "\uffff"  # a noncharacter that no step changes, so that one call can apply a step to many texts
_MAPPED = (
    *(range(0x3400), range(0xA000, 0xD7FF), range(0xF900, 0xFFFF), range(0x10000, 0x17000), range(0x1B000, 0x20000)),
    *(range(0x2F800, 0x2FA20), range(0xE0000, 0xE0200)),
)
"""Code points that a step may change. Left out, for speed: ideographs, Tangut, surrogates, private use, empty planes."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """What each code point becomes, as the kernel reads it."""

    blocks: npt.NDArray[np.uint16]
    entries: npt.NDArray[np.uint32]
    replacements: Bytes
    ascii: npt.NDArray[np.uint16]
    strip: bool
    number: bool
    collapse: bool


@lru_cache(maxsize=1)
def code_points() -> str:
    """All code points that can become something else."""
    return "".join(map(chr, chain(*_MAPPED)))


def each(function: Callable[[str], str], texts: Iterable[str]) -> list[str]:
    """`function` of each of `texts` (at least one) on its own, by one call."""
    return function(_BETWEEN.join(texts)).split(_BETWEEN)


def compile_table(
    results: Mapping[int, str],
    *,
    context: Collection[int] = (),
    strip: Collection[int] | None = None,
    separators: str | None = None,
    collapse: bool = False,
) -> Table:
    """A table from what code points become; those missing from `results` stay as they are.

    `context`: code points whose row must be prepared first. `strip`: code points that are removed at both ends of a row.
    `separators`: a run of digits, or two runs with one of these between them, becomes `0`. `collapse`: runs of spaces in the
    output become one space, and spaces at both ends are removed.
    """
    entries = np.zeros(_CODE_POINTS, np.uint32)
    replacements = bytearray()
    known: dict[str, int] = {}
    for code, result in sorted(({32: " "} | dict(results)).items()):
        if result == chr(code) and not (collapse and code == 32):
            continue
        if collapse and result == " ":
            entries[code] = kernel.SPACE
            continue
        encoded = result.encode()
        if result not in known:
            known[result] = len(replacements)
            replacements += encoded
        entries[code] = kernel.REPLACE | len(encoded) << kernel.LENGTH_SHIFT | known[result] << kernel.OFFSET_SHIFT
    if len(replacements) >= 1 << 32 - kernel.OFFSET_SHIFT:
        raise ValueError("the replacements do not fit in the table")
    entries[list(context)] |= kernel.CONTEXT
    entries[list(strip or ())] |= kernel.STRIP
    if separators is not None:
        entries[[ord(point) for point in code_points() if point.isdecimal()]] |= kernel.DIGIT
        entries[[ord(separator) for separator in separators]] |= kernel.SEPARATOR
    distinct: dict[bytes, int] = {}
    blocks = [distinct.setdefault(block.tobytes(), len(distinct)) for block in entries.reshape(-1, 1 << kernel.BLOCK_BITS)]
    return Table(
        blocks=np.pad(np.array(blocks, np.uint16), (0, _ALL_BLOCKS - len(blocks)), "edge"),
        entries=np.frombuffer(b"".join(distinct), np.uint32),
        replacements=np.frombuffer(bytes(replacements) or b"\0", np.uint8),
        ascii=np.array([_ascii(int(entries[code]), code, replacements) for code in range(128)], np.uint16),
        strip=strip is not None,
        number=separators is not None,
        collapse=collapse,
    )


def _ascii(entry: int, code: int, replacements: bytearray) -> int:
    """Entry of the fast table: the byte that a byte becomes, or SLOW."""
    entry &= ~(kernel.STRIP | kernel.SEPARATOR)  # the kernel handles both before it uses this table
    if entry == kernel.COPY:
        return code
    if entry & (1 << kernel.OFFSET_SHIFT) - 1 == kernel.REPLACE | 1 << kernel.LENGTH_SHIFT:
        return replacements[entry >> kernel.OFFSET_SHIFT]
    return kernel.SLOW


def apply_table(table: Table, data: Bytes, starts: Offsets, ends: Offsets) -> tuple[Bytes, Offsets, npt.NDArray[np.bool_]]:
    """Normalize the rows `data[starts[i]:ends[i]]` (UTF-8).

    Returns the bytes, their offsets (rows + 1), and which rows need their context (their output is then empty).
    """
    total = int((ends - starts).sum())
    offsets = np.zeros(len(starts) + 1, np.int64)
    context = np.zeros(len(starts), np.bool_)
    room = total + total // 8 + 512
    while True:
        out = np.empty(room, np.uint8)
        written = kernel.normalize_rows(table, data, starts, ends, out, offsets, context.view(np.uint8))
        if written >= 0:
            return out[:written], offsets, context
        room *= 2


def splice(rows: npt.NDArray[np.bool_], out: Bytes, offsets: Offsets, other: Bytes, others: Offsets) -> tuple[Bytes, Offsets]:
    """`out` with its rows where `rows` is True (they are empty there) taken from `other`, in order."""
    lengths = np.diff(offsets)
    lengths[rows] = np.diff(others)
    merged = np.zeros(len(offsets), np.int64)
    np.cumsum(lengths, out=merged[1:])
    target = np.empty(int(merged[-1]), np.uint8)
    kernel.splice_rows(rows.view(np.uint8), out, offsets, other, others, target, merged)
    return target, merged
