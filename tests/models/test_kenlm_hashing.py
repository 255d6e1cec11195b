"""KenLM's hash of a word and its way to split a line, against plain Python."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from curricle.models.kenlm.table import hash_token, hash_tokens

FACTOR, SHIFT, MASK = 0xC6A4A7935BD1E995, 47, (1 << 64) - 1


def murmur(data: bytes) -> int:
    """MurmurHash64A with seed 0."""
    result = len(data) * FACTOR & MASK
    whole = len(data) // 8 * 8
    for i in range(0, whole, 8):
        part = int.from_bytes(data[i : i + 8], "little") * FACTOR & MASK
        part = (part ^ part >> SHIFT) * FACTOR & MASK
        result = (result ^ part) * FACTOR & MASK
    if data[whole:]:
        result = (result ^ int.from_bytes(data[whole:], "little")) * FACTOR & MASK
    result = (result ^ result >> SHIFT) * FACTOR & MASK
    return result ^ result >> SHIFT


@given(token=st.binary(max_size=40))
def test_a_token_s_hash_is_murmur_hash_64a(token: bytes):
    assert hash_token(token) == murmur(token)


@given(rows=st.lists(st.text(" \t\n\v\f\r\0\x1c\u00a0abé", max_size=20), max_size=6), skipped=st.integers(0, 3))
def test_rows_are_split_at_ascii_white_space_and_nul(rows: list[str], skipped: int):
    encoded = [b"x" * skipped, *(row.encode() for row in rows)]
    data = np.frombuffer(b"".join(encoded) or b"\0", np.uint8)
    ends = np.cumsum([len(row) for row in encoded])
    hashes, offsets = hash_tokens(data, ends[:-1], ends[1:])
    tokens = [row.replace(b"\0", b" ").split() for row in encoded[1:]]
    assert hashes.tolist() == [murmur(token) for row in tokens for token in row]
    assert np.diff(offsets).tolist() == [len(row) for row in tokens]
