"""A SentencePiece unigram model, read from its file, and its Viterbi search, compiled.

The same pieces as `sentencepiece` gives, float32 for float32 (unigram_model.cc, EncodeOptimized). Only models without byte
fallback and, unless they are asked for, without rules of their own for normalising (a profile has done that) or user-defined
symbols; `read_unigram` says None for others.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from curricle.models.kenlm.compiled import export, inner
from curricle.models.kenlm.table import Hashes, hash_tokens

_UNIGRAM = 1
_NORMAL, _USER_DEFINED, _UNUSED = 1, 4, 5
_UNKNOWN_PENALTY = 10.0  # SentencePiece's kUnkPenalty
UNKNOWN = -1


@dataclass(frozen=True, kw_only=True)
class Unigram:
    """The pieces as a trie: `keys[slot]` is `node << 8 | byte`, `children[slot]` the node it leads to."""

    keys: npt.NDArray[np.int64]
    children: npt.NDArray[np.int32]
    piece_of: npt.NDArray[np.int32]  # node -> piece, -1 where none ends
    scores: npt.NDArray[np.float32]
    unknown_score: np.float32
    hashes: Hashes  # KenLM's hash of each piece


def read_unigram(path: Path, *, rules: bool = False) -> Unigram | None:
    """The model in `path`; None if it is of another kind (see above) or cannot be read.

    `rules`: also a model that has rules for normalising or user-defined symbols, which then do nothing.
    """
    raw = path.read_bytes()
    data = np.frombuffer(raw or b"\0", np.uint8)
    room = len(data) // 2 + 1
    starts, ends, ranges = np.zeros(room, np.int64), np.zeros(room, np.int64), np.zeros((2, 2), np.int64)
    scores, kinds = np.zeros(room, np.float32), np.full(room, _NORMAL, np.int64)
    found = _scan(data, starts, ends, scores, kinds, ranges)
    starts, ends, scores, kinds = starts[:found], ends[:found], scores[:found].copy(), kinds[:found]
    trainer, normaliser = ranges.tolist()
    try:
        trained = dict(_fields(raw[trainer[0] : trainer[1]]))
        normalised = dict(_fields(raw[normaliser[0] : normaliser[1]]))
    except (IndexError, struct.error, ValueError):
        return None
    normal = kinds == _NORMAL
    plain = (
        trained.get(3, _UNIGRAM) == _UNIGRAM  # model type
        and not trained.get(24, 0)  # white space as suffix
        and not trained.get(35, 0)  # byte fallback
        and (rules or not (normalised.get(2, b"") or (kinds == _USER_DEFINED).any()))
        and all(normalised.get(flag, 1) for flag in (3, 4, 5))  # dummy prefix, extra white space removed, white space escaped
    )
    hashes, _ = hash_tokens(data, starts, ends)
    if not plain or not normal.any() or len(hashes) != len(starts):
        return None
    unused = kinds == _UNUSED
    nodes = int((ends - starts).sum()) + 1
    for _ in range(2):  # pieces share their beginnings: the second table is a quarter of the first, and misses the cache less
        room = 1 << (2 * nodes).bit_length()
        keys, children = np.full(room, -1, np.int64), np.zeros(room, np.int32)
        piece_of = np.full(nodes, -1, np.int32)
        usable = (normal | unused).view(np.uint8)
        nodes = _trie(data, starts, ends, usable, unused.view(np.uint8), keys, children, piece_of)
    return Unigram(
        keys=keys,
        children=children,
        piece_of=piece_of,
        scores=scores,
        unknown_score=np.float32(scores[normal].min() - np.float32(_UNKNOWN_PENALTY)),
        hashes=hashes,
    )


def _fields(data: bytes) -> Iterator[tuple[int, Any]]:
    """Fields of a protocol buffer message: number and int, float or bytes."""
    i = 0
    while i < len(data):
        tag, i = _varint(data, i)
        match tag & 7:
            case 0:
                value, i = _varint(data, i)
                yield tag >> 3, value
            case 2:
                length, i = _varint(data, i)
                if i + length > len(data):
                    raise ValueError("cut short")
                yield tag >> 3, data[i : i + length]
                i += length
            case 5:
                yield tag >> 3, struct.unpack_from("<f", data, i)[0]
                i += 4
            case _:
                raise ValueError("no such wire type here")


def _varint(data: bytes, i: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        value |= (data[i] & 0x7F) << shift
        i += 1
        if data[i - 1] < 0x80:
            return value, i
        shift += 7


@inner
def _number(data: Any, i: Any) -> Any:
    """A varint, and where it ends; past the end of `data` where it is cut short."""
    value = np.int64(0)
    shift = np.int64(0)
    while i < len(data) and shift < 63:
        value |= (np.int64(data[i]) & 0x7F) << shift
        i += 1
        if data[i - 1] < 0x80:
            return value, i
        shift += 7
    return value, np.int64(len(data) + 1)


@export("int64(uint8[::1], int64[::1], int64[::1], float32[::1], int64[::1], int64[:, ::1])")
def _scan(data: Any, starts: Any, ends: Any, scores: Any, kinds: Any, ranges: Any) -> Any:
    """Of a model file: start, end, score and kind of each piece, and their number; the ranges of its trainer's and normaliser's
    settings.

    A file that is none gives whatever was read until the first thing that cannot be.
    """
    size = np.int64(len(data))
    n = np.int64(0)
    i = np.int64(0)
    while i < size:
        tag, i = _number(data, i)
        length, i = _number(data, i)
        if tag & 7 != 2 or length > size - i:
            break
        if tag >> 3 == 1:
            k = i
            while k < i + length:
                field, k = _number(data, k)
                if field >> 3 == 1:
                    width, k = _number(data, k)
                    starts[n], ends[n] = k, k + min(width, size + 1)
                    k = ends[n]
                elif field >> 3 == 2:
                    scores[n] = data[k : k + 4].copy().view(np.float32)[0] if k + 4 <= size else np.float32(0)
                    k += 4
                else:
                    kinds[n], k = _number(data, k)
            n += ends[n] <= size
        elif 2 <= tag >> 3 <= 3:
            ranges[(tag >> 3) - 2, 0], ranges[(tag >> 3) - 2, 1] = i, i + length
        i += length
    return n


@inner
def _slot(keys: Any, key: Any) -> Any:
    """Where `key` is, or the free slot where it belongs."""
    mask = len(keys) - 1
    slot = np.int64(np.uint64(key) * np.uint64(0x9E3779B97F4A7C15) >> np.uint64(20)) & mask
    while keys[slot] != key and keys[slot] >= 0:
        slot = (slot + 1) & mask
    return slot


@export("int64(uint8[::1], int64[::1], int64[::1], uint8[::1], uint8[::1], int64[::1], int32[::1], int32[::1])")
def _trie(data: Any, starts: Any, ends: Any, usable: Any, unused: Any, keys: Any, children: Any, piece_of: Any) -> Any:
    """Fill the trie, whose arrays come empty, see `Unigram`; returns the number of its nodes."""
    nodes = np.int64(1)
    for piece in range(len(starts)):
        if not usable[piece]:
            continue
        node = np.int64(0)
        for i in range(starts[piece], ends[piece]):
            key = node << 8 | np.int64(data[i])
            slot = _slot(keys, key)
            if keys[slot] < 0:
                keys[slot] = key
                children[slot] = nodes
                nodes += 1
            node = np.int64(children[slot])
        if not unused[piece]:
            piece_of[node] = piece
    return nodes


@inner
def segment(
    text: Any,
    size: Any,
    keys: Any,
    children: Any,
    piece_of: Any,
    scores: Any,
    unknown_score: Any,
    best: Any,
    origin: Any,
    pieces: Any,
    found: Any,
    cuts: Any,
) -> Any:
    """Pieces of `text[:size]`: their number n, `found[:n]` (UNKNOWN for one that is not in the model), `cuts[:n + 1]`.

    `best`, `origin` and `pieces` are room for `size + 1`, `found` and `cuts` for `size + 2` entries.
    """
    for i in range(size + 1):
        origin[i] = -1
    best[0] = 0
    start = np.int64(0)
    while start < size:
        first = text[start]
        width = np.int64(1) if first < 0xC0 else np.int64(2) if first < 0xE0 else np.int64(3) if first < 0xF0 else np.int64(4)
        width = min(width, size - start)
        single = False
        node = np.int64(0)
        at = start
        while at < size:
            slot = _slot(keys, node << 8 | np.int64(text[at]))
            if keys[slot] < 0:
                break
            node = np.int64(children[slot])
            at += 1
            piece = piece_of[node]
            if piece >= 0:
                score = np.float32(scores[piece] + best[start])
                if origin[at] < 0 or score > best[at]:
                    best[at] = score
                    origin[at] = start
                    pieces[at] = piece
                if at - start == width:
                    single = True
        if not single:
            at = start + width
            score = np.float32(unknown_score + best[start])
            if origin[at] < 0 or score > best[at]:
                best[at] = score
                origin[at] = start
                pieces[at] = UNKNOWN
        start += width
    n = np.int64(0)
    at = size
    while at > 0:  # from the end; unknown neighbours are one piece
        if n == 0 or pieces[at] != UNKNOWN or found[n - 1] != UNKNOWN:
            found[n] = pieces[at]
            cuts[n] = at
            n += 1
        at = np.int64(origin[at])
    cuts[n] = 0
    for i in range(n // 2):
        found[i], found[n - 1 - i] = found[n - 1 - i], found[i]
    for i in range((n + 1) // 2):
        cuts[i], cuts[n - i] = cuts[n - i], cuts[i]
    return n
