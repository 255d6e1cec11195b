"""Splits a plain or compressed file into lines with their offsets, in bounded memory."""

from collections.abc import Iterator
from dataclasses import dataclass

from curricle.stages.read.compressed import PARTLY_READ, Codec, DamagedMember, decode
from curricle.stages.read.files import Window
from curricle.stages.read.rows import DEAD_BYTES, DeadLetter

BLOCK = 1 << 18  # 225 MB/s of web text; blocks of 1 MiB gave 183


@dataclass(frozen=True, slots=True)
class Lines:
    """Consecutive complete lines, without their line feeds."""

    offset: int  # of the first line, in decoded bytes
    lines: list[bytes]


def plain_lines(window: Window, start: int, end: int | None, limit: int) -> Iterator[Lines | DeadLetter]:
    """The lines that begin in [start, end) of a plain file, as dead letters if they are too long. `end` None: to the end."""
    window.seek(max(start - 1, 0))
    if start:  # the line that contains byte start - 1 belongs to the previous range
        while block := window.take(BLOCK):
            at = block.find(b"\n")
            if at >= 0:
                window.seek(window.position - len(block) + at + 1)
                break
    start = window.position
    for item in _split(_plain(window), start, limit):
        if end is not None and item.offset >= end:
            return
        if end is None or isinstance(item, DeadLetter) or item.offset + sum(map(len, item.lines)) < end - len(item.lines):
            yield item
            continue
        offset, inside = item.offset, 0
        for line in item.lines:
            if offset >= end:
                break
            offset += len(line) + 1
            inside += 1
        yield Lines(item.offset, item.lines[:inside])


def compressed_lines(window: Window, codec: Codec, limit: int, notes: list[str]) -> Iterator[Lines | DeadLetter]:
    """All lines of a compressed file, and a dead letter for each damaged member.

    Offsets count decoded bytes; bytes that were lost to damage are not counted.
    """
    return _split(_decoded(window, codec, notes), 0, limit)


def _decoded(window: Window, codec: Codec, notes: list[str]) -> Iterator[bytes | DamagedMember]:
    member, partly_read = -1, 0
    for event in decode(window, codec, b"", notes):
        if isinstance(event, DamagedMember):
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


def _split(blocks: Iterator[bytes | DamagedMember], offset: int, limit: int) -> Iterator[Lines | DeadLetter]:
    """Split blocks into lines; `offset` is that of the first byte. Lines of more than `limit` bytes are not held in memory."""
    pieces: list[bytes] = []  # of the unfinished line
    size = 0
    held = max(limit + 1, DEAD_BYTES)
    for block in blocks:
        if isinstance(block, DamagedMember):
            start = b"".join(pieces)[:DEAD_BYTES]
            yield DeadLetter(offset, f"{block.reason} (stored byte {block.member})", start or block.raw, may_continue=True)
            # One byte for the lost ones keeps offsets, and so ids, unique.
            offset, pieces, size = offset + size + 1, [], 0
            continue
        cut = block.rfind(b"\n") + 1
        if cut:
            first = block.find(b"\n")
            lines = block[: cut - 1].split(b"\n")
            if size + first > limit:
                yield DeadLetter(offset, _too_long(size + first, limit), _first(pieces, block[:first]))
                offset += size + first + 1
                del lines[0]
            elif pieces:
                lines[0] = b"".join(pieces) + lines[0]
            if cut <= limit:  # no line can be too long
                yield Lines(offset, lines)
            else:
                yield from _within(offset, lines, limit)
            offset += sum(map(len, lines)) + len(lines)
            pieces, size, block = [], 0, block[cut:]
        if block:
            if size < held:
                pieces.append(block)
            size += len(block)
    if size > limit:
        yield DeadLetter(offset, _too_long(size, limit), _first(pieces, b""))
    elif size:
        yield Lines(offset, [b"".join(pieces)])


def _within(offset: int, lines: list[bytes], limit: int) -> Iterator[Lines | DeadLetter]:
    for line in lines:
        too_long = len(line) > limit
        yield DeadLetter(offset, _too_long(len(line), limit), line[:DEAD_BYTES]) if too_long else Lines(offset, [line])
        offset += len(line) + 1


def _too_long(size: int, limit: int) -> str:
    return f"the line has {size} bytes, more than {limit}"


def _first(pieces: list[bytes], block: bytes) -> bytes:
    start = b"".join(piece[:DEAD_BYTES] for piece in pieces[:DEAD_BYTES])
    return (start + block[:DEAD_BYTES])[:DEAD_BYTES]
