"""Cuts a plain or compressed file into lines with their offsets, in bounded memory."""

from collections.abc import Iterator
from dataclasses import dataclass

from curricle.stages.read.compressed import PARTLY_READ, Codec, Damage, decode
from curricle.stages.read.files import Window

BLOCK = 1 << 18  # 225 MB/s of web text; blocks of 1 MiB gave 183


@dataclass(frozen=True, slots=True)
class Lines:
    """Whole lines that follow each other, without their line feeds."""

    offset: int  # of the first line, in decoded bytes
    lines: list[bytes]


@dataclass(frozen=True, slots=True)
class Bad:
    """A line that is too long, or the place where the compressed stream is damaged."""

    offset: int
    reason: str
    first_bytes: bytes
    resumed: bool  # the next line may be the rest of a damaged one


def plain_lines(window: Window, start: int, end: int | None, limit: int) -> Iterator[Lines | Bad]:
    """The lines that begin in [start, end) of a plain file; `end` None is the end of the file."""
    window.seek(max(start - 1, 0))
    if start:  # the line that holds byte start - 1 belongs to the range before
        while block := window.take(BLOCK):
            at = block.find(b"\n")
            if at >= 0:
                window.seek(window.position - len(block) + at + 1)
                break
    start = window.position
    for item in _cut(_plain(window), start, limit):
        if end is not None and item.offset >= end:
            return
        if end is None or isinstance(item, Bad) or item.offset + sum(map(len, item.lines)) < end - len(item.lines):
            yield item
            continue
        offset, inside = item.offset, 0
        for line in item.lines:
            if offset >= end:
                break
            offset += len(line) + 1
            inside += 1
        yield Lines(item.offset, item.lines[:inside])


def compressed_lines(window: Window, codec: Codec, limit: int, notes: list[str]) -> Iterator[Lines | Bad]:
    """All lines of a compressed file; offsets count decoded bytes, those lost to damage not counted."""
    return _cut(_decoded(window, codec, notes), 0, limit)


def _decoded(window: Window, codec: Codec, notes: list[str]) -> Iterator[bytes | Damage]:
    member, partly_read = -1, 0
    for event in decode(window, codec, b"", notes):
        if isinstance(event, Damage):
            partly_read += event.member == member and not event.truncated
            yield event
        else:
            member = event.member
            yield event.data
    if partly_read:
        notes.append(PARTLY_READ.format(partly_read))


def _plain(window: Window) -> Iterator[bytes]:
    while block := window.take(BLOCK):
        yield block


def _cut(blocks: Iterator[bytes | Damage], offset: int, limit: int) -> Iterator[Lines | Bad]:
    """`offset` is that of the first byte. A line of more than `limit` bytes is dropped as it passes by."""
    parts: list[bytes] = []  # the unfinished line
    size = 0
    kept = max(limit + 1, 200)
    for block in blocks:
        if isinstance(block, Damage):
            start = b"".join(parts)[:200]
            yield Bad(offset, f"{block.reason} (stored byte {block.member})", start or block.raw, True)
            # A byte for the lost ones keeps offsets, and with them ids, apart.
            offset, parts, size = offset + size + 1, [], 0
            continue
        cut = block.rfind(b"\n") + 1
        if cut:
            first = block.find(b"\n")
            lines = block[: cut - 1].split(b"\n")
            if size + first > limit:
                yield Bad(offset, _too_long(size + first, limit), _first(parts, block[:first]), False)
                offset += size + first + 1
                del lines[0]
            elif parts:
                lines[0] = b"".join(parts) + lines[0]
            if cut <= limit:  # no line can be longer
                yield Lines(offset, lines)
            else:
                yield from _within(offset, lines, limit)
            offset += sum(map(len, lines)) + len(lines)
            parts, size, block = [], 0, block[cut:]
        if block:
            if size < kept:
                parts.append(block)
            size += len(block)
    if size > limit:
        yield Bad(offset, _too_long(size, limit), _first(parts, b""), False)
    elif size:
        yield Lines(offset, [b"".join(parts)])


def _within(offset: int, lines: list[bytes], limit: int) -> Iterator[Lines | Bad]:
    for line in lines:
        yield Bad(offset, _too_long(len(line), limit), line[:200], False) if len(line) > limit else Lines(offset, [line])
        offset += len(line) + 1


def _too_long(size: int, limit: int) -> str:
    return f"the line has {size} bytes, more than {limit}"


def _first(parts: list[bytes], block: bytes) -> bytes:
    return (b"".join(part[:200] for part in parts[:200]) + block[:200])[:200]
