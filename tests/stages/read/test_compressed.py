"""Members of compressed files: what is decoded of a damaged one."""

import bz2
import contextlib
import gzip
import io
import lzma
import random
import zlib

import pytest

from curricle.stages.read.compressed import Bzip2, DamagedMember, Gzip, MemberError, Piece, Xz, compression_of, decode
from curricle.stages.read.files import Window

TEXT = "".join(f"{number} {random.Random(number).random()}\n" for number in range(20_000)).encode()
MEMBER = gzip.compress(TEXT, 6, mtime=0)


def damaged(size: int) -> bytes:
    """A member that holds the first `size` bytes of TEXT and then a block of a type that does not exist."""
    compressor = zlib.compressobj(6, zlib.DEFLATED, 31)
    return compressor.compress(TEXT[:size]) + compressor.flush(zlib.Z_FULL_FLUSH) + b"\x07" * 100


@pytest.mark.parametrize("size", [0, 1000, 100_000, 300_000])
def test_all_that_lies_before_the_damage_is_decoded_once(size):
    file = damaged(size) + MEMBER
    events = list(decode(Window(io.BytesIO(file)), Gzip(), b"", []))
    pieces = [event for event in events if isinstance(event, Piece)]
    assert b"".join(piece.data for piece in pieces if piece.member == 0) == TEXT[:size]
    assert b"".join(piece.data for piece in pieces if piece.member == len(file) - len(MEMBER)) == TEXT
    firsts = [piece.first for piece in pieces if piece.member == 0]
    assert not any(firsts[1:])
    assert all(firsts[:1])


@pytest.mark.parametrize("beyond", [0, 1, 1000])
def test_salvage_goes_on_behind_what_was_decoded(beyond):
    codec, window, decoded = Gzip(), Window(io.BytesIO(damaged(300_000))), b""
    with contextlib.suppress(MemberError):
        for data in codec.member(window):
            decoded += data
    assert 0 < len(decoded) < 300_000 - beyond
    assert TEXT.startswith(decoded)
    end = window.position
    window.seek(0)
    assert codec.salvage(window, len(decoded) + beyond, end) == TEXT[len(decoded) + beyond : 300_000]


def test_a_damaged_member_is_told_with_its_offset_and_first_bytes():
    [event] = [
        event for event in decode(Window(io.BytesIO(damaged(1000) + MEMBER)), Gzip(), b"", []) if isinstance(event, DamagedMember)
    ]
    assert (event.member, event.raw, event.truncated) == (0, damaged(1000)[:200], False)
    assert event.reason == "gzip data is damaged"


@pytest.mark.parametrize(("name", "kind"), [("a.gz", Gzip), ("A.GZ", Gzip), ("a", Gzip)])
def test_the_compression_is_known_by_name_or_first_bytes(name, kind):
    assert isinstance(compression_of(Window(io.BytesIO(MEMBER)), name), kind)
    assert compression_of(Window(io.BytesIO(b"plain")), "a") is None


@pytest.mark.parametrize(("codec", "pack"), [(Bzip2(), bz2.compress), (Xz(), lzma.compress)])
def test_members_of_bzip2_and_xz_are_decoded_beside_a_damaged_one(codec, pack):
    members = [pack(TEXT), bytearray(pack(TEXT)), pack(TEXT)]
    at = len(members[1]) // 2
    members[1][at : at + 40] = b"\xff" * 40
    events = list(decode(Window(io.BytesIO(b"".join(members))), codec, b"", []))
    starts = [0, len(members[0]), len(members[0]) + len(members[1])]
    decoded = [b"".join(e.data for e in events if isinstance(e, Piece) and e.member == start) for start in starts]
    assert (decoded[0], decoded[2]) == (TEXT, TEXT)
    assert TEXT.startswith(decoded[1])
    assert [event.member for event in events if isinstance(event, DamagedMember)] == [starts[1]]


@pytest.mark.parametrize(("codec", "pack"), [(Bzip2(), bz2.compress), (Xz(), lzma.compress)])
def test_a_cut_bzip2_or_xz_file_is_said_to_be(codec, pack):
    events = list(decode(Window(io.BytesIO(pack(TEXT) + pack(TEXT)[:-20])), codec, b"", []))
    assert isinstance(events[-1], DamagedMember)
    assert (events[-1].truncated, events[-1].reason) == (True, f"the file ends inside a {codec.name} member")


def test_a_bomb_is_decoded_in_bounded_steps():
    for codec, data in ((Bzip2(), bz2.compress(bytes(50_000_000))), (Xz(), lzma.compress(bytes(50_000_000)))):
        sizes = [len(piece) for piece in codec.member(Window(io.BytesIO(data)))]
        assert sum(sizes) == 50_000_000
        assert max(sizes) <= 1 << 20
