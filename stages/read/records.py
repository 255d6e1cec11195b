"""Splits a stream of decoded bytes into WARC records (ISO 28500) and finds the next one after damage.

FastWARC parses records well, but it stops at the first damage, accepts a record with a wrong Content-Length, and does not report
that a file was truncated. This code takes 13 us per page; creating FastWARC's own object takes 38 us.
"""

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from curricle.stages.read.compressed import PARTLY_READ, DamagedMember, Piece
from curricle.stages.read.files import Window
from curricle.stages.read.rows import DEAD_BYTES, DeadLetter

HEAD_BYTES = 1 << 16  # longest header of a record
SUSPECT_BYTES = 1 << 20  # read after a record that is not followed by another, to find out whether its member is damaged

_HEAD_END = re.compile(rb"\r?\n\r?\n")
_HEADER = re.compile(rb"WARC/\d\.\d+[ \t]*\r?\n(?:[!-9;-~]+:[^\n]*\n(?:[ \t][^\n]*\n)*)+\r?\n")
_LENGTH = re.compile(rb"\ncontent-length:[ \t]*(\d{1,15})[ \t]*\r?\n", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Record:
    """One complete record."""

    offset: int
    head: bytes  # version line and header lines
    block: bytes
    right_length: bool = True  # False if the end of its compressed member ends it, not its Content-Length


class Feed:
    """The decoded bytes, one segment at a time. A segment ends at damage, at the end of the file, or before a member that starts
    with a record.

    Such a member ends the record before it, so a wrong Content-Length cannot swallow it.
    """

    def __init__(self, window: Window, events: Iterator[Piece | DamagedMember] | None) -> None:
        self._plain = window if events is None else None
        self._events = _blocks(window) if events is None else events
        self._pending: Piece | None = None
        self._members: deque[tuple[int, int]] = deque()  # (decoded position, stored offset of the member there)
        self._position = 0  # decoded position of buffer[0]
        self._ended = False
        self.buffer = bytearray()
        self.damage: DamagedMember | None = None
        self.reported = False  # the damage is the reason of a dead letter

    def fill(self, size: int) -> bool:
        """Fill the buffer with at least `size` bytes. Returns False if the segment ends before."""
        while len(self.buffer) < size and not self._ended:
            event = self._pending or next(self._events, None)
            if event is None or isinstance(event, DamagedMember):
                self.damage, self._ended = event, True
            elif event.first and event.data.startswith(b"WARC/") and self._members and event is not self._pending:
                self._pending, self._ended = event, True
            else:
                self._pending = None
                self._members.append((self._position + len(self.buffer), event.member))
                self.buffer += event.data
        return len(self.buffer) >= size

    def drop(self, size: int) -> None:
        """Drop the first `size` bytes of the buffer."""
        del self.buffer[:size]
        self._position += size
        while len(self._members) > 1 and self._members[1][0] <= self._position:
            self._members.popleft()

    def offset(self) -> int:
        """Stored offset of the first byte of the buffer; in a compressed file, that of its member."""
        position, stored = self._members[0]
        return stored if self._plain is None else stored + self._position - position

    def next_segment(self) -> bool:
        """Skip the rest of the segment. Returns False at the end of the file."""
        more = self.damage is not None or self._pending is not None
        self.buffer.clear()
        self._members.clear()
        self.damage, self.reported, self._ended = None, False, False
        return more

    def member_at(self, index: int) -> int | None:
        """Stored offset of the member that buffer[index] belongs to; -1 is the last byte before the buffer."""
        members = (stored for position, stored in reversed(self._members) if position <= self._position + index)
        return next(members, None)

    def whole_member(self, limit: int) -> bool:
        """True if the buffer begins with a compressed member, now all in it, that ends undamaged within `limit` bytes."""
        if self._plain is not None or self._members[0][0] != self._position or self.fill(limit + 1):
            return False
        return self.damage is None and len({stored for _, stored in self._members}) == 1

    def rewind(self, offset: int) -> bool:
        """Go back to a stored offset. Returns False in a compressed file, where this is not possible."""
        if self._plain is None:
            return False
        self.next_segment()
        self._plain.seek(offset)
        self._events, self._position = _blocks(self._plain), 0
        return True


def _blocks(window: Window) -> Iterator[Piece]:
    position = window.position
    while data := window.take(1 << 20):
        yield Piece(data, position, False)
        position = window.position


def read_records(feed: Feed, limit: int, notes: list[str]) -> Iterator[Record | DeadLetter]:
    """All records in the order of the file. A record longer than `limit` bytes is a dead letter.

    `offset` is the stored offset of the record; in a compressed file, that of its member. Further records of the same member
    get the following numbers, so that offsets are unique and increasing.
    """
    last = member = -1
    partly_read = wrong_lengths = 0
    while True:
        _drop_newlines(feed)
        if feed.fill(1):
            stored = feed.offset()
            last = max(stored, last + 1)
            record = _read_record(feed, last, limit)
            wrong_lengths += isinstance(record, Record) and not record.right_length
            member = stored if isinstance(record, Record) else member
            yield record
            continue
        damage = feed.damage
        partly_read += damage is not None and not damage.truncated and damage.member == member
        if damage and not feed.reported:
            if damage.truncated and feed.member_at(-1) == damage.member:
                notes.append(f"{damage.reason} (byte {damage.member}), behind its last record")
            else:
                last = max(damage.member, last + 1)
                yield DeadLetter(last, damage.reason, damage.raw)
        if not feed.next_segment():
            break
    if partly_read:
        notes.append(PARTLY_READ.format(partly_read))
    if wrong_lengths:
        notes.append(f"records with a wrong Content-Length, read to the end of their member: {wrong_lengths}")


def _drop_newlines(feed: Feed) -> None:
    while feed.fill(1):
        newlines = len(feed.buffer) - len(feed.buffer.lstrip(b"\r\n")) if feed.buffer[0] in b"\r\n" else 0
        if not newlines:
            return
        feed.drop(newlines)


def _read_record(feed: Feed, offset: int, limit: int) -> Record | DeadLetter:
    """Consume the record, or the damaged bytes, at the start of the buffer."""
    feed.fill(DEAD_BYTES)
    first_bytes = bytes(feed.buffer[:DEAD_BYTES])
    if not feed.buffer.startswith(b"WARC/"):
        return _skip_damage(feed, offset, "not a WARC record", first_bytes, 1)
    head = _head(feed)
    if head is None:
        return _skip_damage(feed, offset, "the record's header has no end", first_bytes, 5)
    stated = _LENGTH.search(head)
    if stated is None:
        return _skip_damage(feed, offset, "no valid Content-Length", first_bytes, len(head))
    length = int(stated[1])
    size = len(head) + length
    if length > limit and not feed.whole_member(len(head) + limit + 4):
        return _oversized(feed, offset, size, len(head), limit, first_bytes)
    if (not feed.fill(size) or not _ends_well(feed, size)) and (member := _member_record(feed, offset, head, limit)):
        return member
    if not feed.fill(size):
        reason = f"only {len(feed.buffer) - len(head)} of the record's {length} bytes are there"
        return _skip_damage(feed, offset, reason, first_bytes, len(head))
    if not _ends_well(feed, size):
        return _skip_damage(feed, offset, f"Content-Length {length} is wrong", first_bytes, len(head))
    if _is_suspect(feed, size):
        return _skip_damage(feed, offset, "the record's member is damaged", first_bytes, len(head))
    with memoryview(feed.buffer) as view:
        block = bytes(view[len(head) : size])
    feed.drop(size)
    return Record(offset, head, block)


def _member_record(feed: Feed, offset: int, head: bytes, limit: int) -> Record | None:
    """The record of a wrong length as the end of its compressed member gives it; None if the member is not one record."""
    if not feed.whole_member(len(head) + limit + 4) or _HEADER.search(feed.buffer, len(head)):
        return None
    block = bytes(feed.buffer[len(head) :]).removesuffix(b"\r\n\r\n")
    feed.drop(len(feed.buffer))
    return Record(offset, head, block, right_length=False)


def _head(feed: Feed) -> bytes | None:
    """Version line and headers up to and including the empty line; None if there is no empty line."""
    searched = 0
    while True:
        end = _HEAD_END.search(feed.buffer, max(searched - 3, 0), HEAD_BYTES)
        if end:
            return bytes(feed.buffer[: end.end()])
        searched = len(feed.buffer)
        if searched >= HEAD_BYTES or not feed.fill(searched + 1):
            return None


def _ends_well(feed: Feed, size: int) -> bool:
    """True if the buffer holds the record's two line ends, the next record or the segment's end at `size`."""
    feed.fill(size + 4)
    if feed.buffer[size : size + 4] == b"\r\n\r\n":
        feed.fill(size + 5)  # reaches the end of the member, and so a wrong checksum
        return True
    at = size
    while feed.fill(at + 1) and feed.buffer[at] in b"\r\n":
        at += 1
    return not feed.fill(at + 1) or (feed.fill(at + 5) and feed.buffer[at : at + 5] == b"WARC/")


def _is_suspect(feed: Feed, size: int) -> bool:
    """True if the member in which the record ends is damaged, and no other record of that member follows.

    A damaged member is often decoded up to its end, or beyond, into something that looks like a record.
    """
    following = bytes(feed.buffer[size : size + 16]).lstrip(b"\r\n")[:5]
    if following and b"WARC/".startswith(following):
        return False
    if following:
        feed.fill(size + SUSPECT_BYTES)
    damage = feed.damage
    return damage is not None and damage.member == feed.member_at(size - 1) and (bool(following) or not damage.truncated)


def _skip_damage(feed: Feed, offset: int, reason: str, first_bytes: bytes, search_from: int) -> DeadLetter:
    """Go to the next record of the segment, or to its end; damage that ended the segment is then the reason.

    The output of a damaged member after one of its records is ignored, even if it looks like a record.
    """
    feed.fill(search_from + SUSPECT_BYTES)
    if feed.damage and not feed.damage.truncated and feed.damage.member == feed.member_at(0):
        search_from = len(feed.buffer)
    if not _resync(feed, search_from) and feed.damage:
        feed.reported = True
        reason = feed.damage.reason
    return DeadLetter(offset, reason, first_bytes)


def _oversized(feed: Feed, offset: int, size: int, head: int, limit: int, first_bytes: bytes) -> DeadLetter:
    remaining = size
    while remaining and feed.fill(1):
        step = min(remaining, len(feed.buffer))
        feed.drop(step)
        remaining -= step
    if not remaining and _ends_well(feed, 0):
        return DeadLetter(offset, f"the record has {size - head} bytes, more than {limit}", first_bytes)
    if feed.rewind(offset + head):
        feed.fill(1)
    return _skip_damage(feed, offset, f"Content-Length {size - head} is wrong", first_bytes, 0)


def _resync(feed: Feed, start: int) -> bool:
    """Drop everything before the next complete record header at or after buffer[start]; everything if there is none.

    Returns whether a header was found.
    """
    feed.drop(start)
    while True:
        at = feed.buffer.find(b"WARC/")
        if at >= 0:
            feed.drop(at)
            feed.fill(HEAD_BYTES)
            header = _HEADER.match(feed.buffer)
            if header and _LENGTH.search(header[0]):
                return True
            feed.drop(1)
            continue
        feed.drop(max(len(feed.buffer) - 4, 0))
        if not feed.fill(len(feed.buffer) + 1):
            feed.drop(len(feed.buffer))
            return False


def parse_head(head: bytes) -> list[tuple[str, str]]:
    """Header lines as (name, value) in order, with folded lines joined. Invalid bytes become U+FFFD."""
    fields: list[tuple[str, str]] = []
    for line in head.decode("utf-8", "replace").replace("\r\n", "\n").split("\n")[1:]:
        if line[:1] in (" ", "\t") and fields:
            fields[-1] = (fields[-1][0], f"{fields[-1][1]} {line.strip()}")
        elif ":" in line:
            name, _, value = line.partition(":")
            fields.append((name.strip(), value.strip()))
    return fields
