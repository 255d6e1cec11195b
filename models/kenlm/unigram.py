"""A SentencePiece unigram model, read from its file.

Segmentation gives the same pieces as `sentencepiece`, float32 for float32. Models with byte fallback are not supported. Unless
the caller allows them, neither are models with normalization rules of their own (a profile has already normalized the text) or
user-defined symbols. `read_unigram` returns None for those.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from curricle.models.kenlm.piece_trie import PieceTrie, fill_trie
from curricle.models.kenlm.sentencepiece_file import scan_pieces
from curricle.models.kenlm.table import Hashes, hash_tokens

_UNIGRAM = 1  # model type
_NORMAL, _USER_DEFINED, _UNUSED = 1, 4, 5  # kinds of pieces
_UNKNOWN_PENALTY = 10.0  # SentencePiece's kUnkPenalty
_MODEL_TYPE, _SPACE_AS_SUFFIX, _BYTE_FALLBACK = 3, 24, 35  # fields of TrainerSpec
_RULES = 2  # fields of NormalizerSpec, as the next three
_ADD_DUMMY_PREFIX, _REMOVE_EXTRA_SPACES, _ESCAPE_SPACES = 3, 4, 5


@dataclass(frozen=True, kw_only=True)
class Unigram:
    """The pieces of a model."""

    trie: PieceTrie
    hashes: Hashes  # KenLM's hash of each piece


def read_unigram(path: Path, *, rules: bool = False) -> Unigram | None:
    """The model in `path`; None if its kind is not supported (see above) or it cannot be read.

    `rules`: also accept a model with normalization rules or user-defined symbols, and ignore these.
    """
    raw = path.read_bytes()
    data = np.frombuffer(raw or b"\0", np.uint8)
    room = len(data) // 2 + 1
    starts, ends, settings = np.zeros(room, np.int64), np.zeros(room, np.int64), np.zeros((2, 2), np.int64)
    scores, kinds = np.zeros(room, np.float32), np.full(room, _NORMAL, np.int64)
    found = scan_pieces(data, starts, ends, scores, kinds, settings)
    starts, ends, scores, kinds = starts[:found], ends[:found], scores[:found].copy(), kinds[:found]
    try:
        trainer, normalizer = (dict(_fields(raw[start:end])) for start, end in settings.tolist())
    except (IndexError, struct.error, ValueError):
        return None
    normal = kinds == _NORMAL
    is_plain = (
        trainer.get(_MODEL_TYPE, _UNIGRAM) == _UNIGRAM
        and not trainer.get(_SPACE_AS_SUFFIX, 0)
        and not trainer.get(_BYTE_FALLBACK, 0)
        and (rules or not (normalizer.get(_RULES, b"") or (kinds == _USER_DEFINED).any()))
        and all(normalizer.get(flag, 1) for flag in (_ADD_DUMMY_PREFIX, _REMOVE_EXTRA_SPACES, _ESCAPE_SPACES))
    )
    hashes, _ = hash_tokens(data, starts, ends)
    if not is_plain or not normal.any() or len(hashes) != len(starts):
        return None
    unknown_score = np.float32(scores[normal].min() - np.float32(_UNKNOWN_PENALTY))
    trie = _build_trie(data, starts, ends, kinds, scores, float(unknown_score))
    return Unigram(trie=trie, hashes=hashes)


def _build_trie(
    data: npt.NDArray[np.uint8],
    starts: npt.NDArray[np.int64],
    ends: npt.NDArray[np.int64],
    kinds: npt.NDArray[np.int64],
    scores: npt.NDArray[np.float32],
    unknown_score: float,
) -> PieceTrie:
    unused = kinds == _UNUSED
    usable = (kinds == _NORMAL) | unused
    nodes = int((ends - starts).sum()) + 1
    for _ in range(2):  # pieces share their beginnings: the second table is a quarter of the first, and misses the cache less
        slots = 1 << (2 * nodes).bit_length()
        keys, children = np.full(slots, -1, np.int64), np.zeros(slots, np.int32)
        piece_of = np.full(nodes, -1, np.int32)
        nodes = fill_trie(data, starts, ends, usable.view(np.uint8), unused.view(np.uint8), keys, children, piece_of)
    return PieceTrie(keys, children, piece_of, scores, unknown_score)


def _fields(data: bytes) -> Iterator[tuple[int, Any]]:
    """Fields of a protocol buffer message: number and value (int, float or bytes)."""
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
                raise ValueError("unknown wire type")


def _varint(data: bytes, i: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        value |= (data[i] & 0x7F) << shift
        i += 1
        if data[i - 1] < 0x80:
            return value, i
        shift += 7
