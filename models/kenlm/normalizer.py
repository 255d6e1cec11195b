"""Text normalising as one table lookup per code point, over UTF-8 bytes and offsets: no Python string per document.

A table holds what each code point becomes on its own. What depends on neighbours is done in the kernel (white space at the
ends, runs of spaces, numbers) or marks the row (`context`), which the caller then prepares in Python and sends through again.
Two levels of 256 code points; kept per process.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt
from curricle.models.kenlm.compiled import export, inner

Bytes = npt.NDArray[np.uint8]
Offsets = npt.NDArray[np.int64]

# An entry: bits 0-1 kind, 2 context, 3 strip, 4 digit, 5 number separator, 6-13 length of the replacement, 14-31 its offset
_COPY, _REPLACE, _SPACE = 0, 1, 2
_CONTEXT, _STRIP, _DIGIT, _SEPARATOR = 4, 8, 16, 32
_SLOW = 256  # in `ascii`: not simply another byte
_LAST = 0x110000
_BETWEEN = "\uffff"  # a noncharacter that no step changes, so a step can be asked for all code points in one call
_MAPPED = (
    *(range(0x3400), range(0xA000, 0xD7FF), range(0xF900, 0xFFFF), range(0x10000, 0x17000), range(0x1B000, 0x20000)),
    *(range(0x2F800, 0x2FA20), range(0xE0000, 0xE0200)),
)
"""Code points that a step may change. Left out, for speed: ideographs, Tangut, surrogates, private use, empty planes."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """A compiled normaliser."""

    pages: npt.NDArray[np.uint16]
    entries: npt.NDArray[np.uint32]
    blob: Bytes
    ascii: npt.NDArray[np.uint16]
    strip: bool
    number: bool
    collapse: bool


@lru_cache(maxsize=1)
def code_points() -> str:
    """All code points that can become something else."""
    return "".join(map(chr, chain(*_MAPPED)))


def each(function: Callable[[str], str], texts: Iterable[str]) -> list[str]:
    """`function` of each of `texts` (at least one) on its own, in one call."""
    return function(_BETWEEN.join(texts)).split(_BETWEEN)


def compile_table(
    results: Mapping[int, str],
    *,
    context: Collection[int] = (),
    strip: Collection[int] | None = None,
    separators: str | None = None,
    collapse: bool = False,
) -> Table:
    """A table from what code points become; those that `results` lacks stay.

    `context`: code points whose row must be prepared first. `strip`: code points that go at both ends of a row. `separators`:
    a run of digits, or two with one of these between them, becomes `0`. `collapse`: spaces that come out are joined, and go
    at both ends.
    """
    entries = np.zeros(_LAST, np.uint32)
    blob = bytearray()
    places: dict[str, int] = {}
    for code, result in sorted(({32: " "} | dict(results)).items()):
        if result == chr(code) and not (collapse and code == 32):
            continue
        if collapse and result == " ":
            entries[code] = _SPACE
            continue
        encoded = result.encode()
        if result not in places:
            places[result] = len(blob)
            blob += encoded
        entries[code] = _REPLACE | len(encoded) << 6 | places[result] << 14
    if len(blob) >= 1 << 18:
        raise ValueError("the replacements do not fit the table")
    entries[list(context)] |= _CONTEXT
    entries[list(strip or ())] |= _STRIP
    if separators is not None:
        entries[[ord(point) for point in code_points() if point.isdecimal()]] |= _DIGIT
        entries[[ord(separator) for separator in separators]] |= _SEPARATOR
    numbers: dict[bytes, int] = {}
    pages = [numbers.setdefault(page.tobytes(), len(numbers)) for page in entries.reshape(-1, 256)]
    return Table(
        pages=np.array(pages, np.uint16),
        entries=np.frombuffer(b"".join(numbers), np.uint32),
        blob=np.frombuffer(bytes(blob) or b"\0", np.uint8),
        ascii=np.array([_ascii(int(entries[code]), code, blob) for code in range(128)], np.uint16),
        strip=strip is not None,
        number=separators is not None,
        collapse=collapse,
    )


def _ascii(entry: int, code: int, blob: bytearray) -> int:
    """Entry of the fast table: the byte that a byte becomes, or `_SLOW`."""
    entry &= ~(_STRIP | _SEPARATOR)  # both are looked at elsewhere
    if entry == _COPY:
        return code
    if entry & 63 == _REPLACE and entry >> 6 & 255 == 1:
        return blob[entry >> 14]
    return _SLOW


def run(table: Table, data: Bytes, starts: Offsets, ends: Offsets) -> tuple[Bytes, Offsets, npt.NDArray[np.bool_]]:
    """Normalise the rows `data[starts[i]:ends[i]]` (UTF-8).

    Returns the bytes, their offsets (rows + 1), and where a row needs its context (its output is then empty).
    """
    total = int((ends - starts).sum())
    offsets = np.zeros(len(starts) + 1, np.int64)
    context = np.zeros(len(starts), np.bool_)
    room = total + total // 8 + 512
    while True:
        out = np.empty(room, np.uint8)
        written = _run(
            data,
            starts,
            ends,
            table.pages,
            table.entries,
            table.blob,
            table.ascii,
            int(table.strip),
            int(table.number),
            int(table.collapse),
            out,
            offsets,
            context.view(np.uint8),
        )
        if written >= 0:
            return out[:written], offsets, context
        room *= 2


def splice(rows: npt.NDArray[np.bool_], out: Bytes, offsets: Offsets, other: Bytes, others: Offsets) -> tuple[Bytes, Offsets]:
    """`out` with its rows where `rows` is True (empty there) taken from `other`, in order."""
    lengths = np.diff(offsets)
    lengths[rows] = np.diff(others)
    merged = np.zeros(len(offsets), np.int64)
    np.cumsum(lengths, out=merged[1:])
    target = np.empty(int(merged[-1]), np.uint8)
    _splice(rows.view(np.uint8), out, offsets, other, others, target, merged)
    return target, merged


@export("void(uint8[::1], uint8[::1], int64[::1], uint8[::1], int64[::1], uint8[::1], int64[::1])")
def _splice(rows: Any, out: Any, offsets: Any, other: Any, others: Any, target: Any, merged: Any) -> None:
    k = 0
    for row in range(len(rows)):
        if rows[row]:
            source, start = other, others[k]
            k += 1
        else:
            source, start = out, offsets[row]
        for i in range(merged[row + 1] - merged[row]):
            target[merged[row] + i] = source[start + i]


@inner
def _decode(data: Any, i: Any, byte: Any) -> Any:
    """Code point and length of the multi-byte sequence at `i` whose first byte is `byte`."""
    if byte < 0xE0:
        return (byte & 0x1F) << 6 | (np.int64(data[i + 1]) & 0x3F), 2
    if byte < 0xF0:
        return (byte & 0x0F) << 12 | (np.int64(data[i + 1]) & 0x3F) << 6 | (np.int64(data[i + 2]) & 0x3F), 3
    high = (byte & 0x07) << 18 | (np.int64(data[i + 1]) & 0x3F) << 12
    return high | (np.int64(data[i + 2]) & 0x3F) << 6 | (np.int64(data[i + 3]) & 0x3F), 4


@inner
def _entry(data: Any, i: Any, pages: Any, entries: Any) -> Any:
    """Table entry and length of the code point at `i`."""
    byte = np.int64(data[i])
    if byte < 0x80:
        return np.int64(entries[(np.int64(pages[0]) << 8) + byte]), 1
    code, length = _decode(data, i, byte)
    return np.int64(entries[(np.int64(pages[code >> 8]) << 8) + (code & 255)]), length


@inner
def _trim(data: Any, i: Any, end: Any, pages: Any, entries: Any) -> Any:
    """`i` and `end` without the code points marked as strip at both ends."""
    while i < end:
        entry, length = _entry(data, i, pages, entries)
        if not entry & _STRIP:
            break
        i += length
    while i < end:
        last = end - 1
        while data[last] & 0xC0 == 0x80:
            last -= 1
        entry, _ = _entry(data, last, pages, entries)
        if not entry & _STRIP:
            break
        end = last
    return i, end


@inner
def _digits(data: Any, i: Any, end: Any, pages: Any, entries: Any) -> Any:
    """Where the run of digits that begins at `i` ends."""
    while i < end:
        entry, length = _entry(data, i, pages, entries)
        if not entry & _DIGIT:
            break
        i += length
    return i


@export(
    "int64(uint8[::1], int64[::1], int64[::1], uint16[::1], uint32[::1], uint8[::1], uint16[::1], int64, int64, int64, "
    "uint8[::1], int64[::1], uint8[::1])"
)
def _run(
    data: Any,
    starts: Any,
    ends: Any,
    pages: Any,
    entries: Any,
    blob: Any,
    ascii: Any,
    strip: Any,
    number: Any,
    collapse: Any,
    out: Any,
    offsets: Any,
    context: Any,
) -> Any:
    """Bytes written, or -1 where `out` is too short."""
    j = np.int64(0)
    room = len(out)
    for row in range(len(starts)):
        begin = j
        i = starts[row]
        end = ends[row]
        if strip:
            i, end = _trim(data, i, end, pages, entries)
        while i < end:
            if j + 256 > room:  # no code point becomes longer
                return np.int64(-1)
            byte = np.int64(data[i])
            if byte < 0x80:
                simple = ascii[byte]
                if simple < _SLOW:
                    out[j] = simple
                    j += 1
                    i += 1
                    continue
            entry, length = _entry(data, i, pages, entries)
            if entry & _CONTEXT:
                context[row] = 1
                j = begin
                break
            if number and entry & _DIGIT:
                i = _digits(data, i, end, pages, entries)
                if i < end:
                    entry, length = _entry(data, i, pages, entries)
                    if entry & _SEPARATOR:
                        i = max(i, _after(data, i + length, end, pages, entries))
                out[j] = 48
                j += 1
                continue
            kind = entry & 3
            if kind == _COPY:
                for k in range(length):
                    out[j + k] = data[i + k]
                j += length
            elif kind == _SPACE:
                if j > begin and out[j - 1] != 32:
                    out[j] = 32
                    j += 1
            else:
                at = entry >> 14
                for k in range(at, at + (entry >> 6 & 255)):
                    if collapse and blob[k] == 32:
                        if j > begin and out[j - 1] != 32:
                            out[j] = 32
                            j += 1
                    else:
                        out[j] = blob[k]
                        j += 1
            i += length
        if collapse and j > begin and out[j - 1] == 32:
            j -= 1
        offsets[row + 1] = j
    return j


@inner
def _after(data: Any, i: Any, end: Any, pages: Any, entries: Any) -> Any:
    """End of the digits at `i`, or -1 where there are none."""
    past = _digits(data, i, end, pages, entries)
    return past if past > i else -1
