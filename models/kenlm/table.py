"""KenLM's probing binary, mapped and read in place: word ids and scores of whole batches in compiled kernels.

Layout: kpu/kenlm lm/binary_format.cc, lm/vocab.cc, lm/search_hashed.hh, util/probing_hash_table.hh (format version 5). A score
equals `kenlm.Model.score` but for rounding: KenLM adds float32 up, this float64.
"""

import mmap
import struct
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from curricle.models.cards import ModelError
from curricle.models.kenlm.compiled import export
from curricle.models.kenlm.probing import find_ids, score_sentences

Ids = npt.NDArray[np.int32]
Hashes = npt.NDArray[np.uint64]

_MAGIC = b"mmap lm http://kheafield.com/code format version 5\n\0"
_SANITY = _MAGIC.ljust(56, b"\0") + struct.pack("<fffIIIQ", 0.0, 1.0, -0.5, 1, 0xFFFFFFFF, 0, 1)
_PROBING = 0
_MOST_ORDER = 63  # KenLM itself stops at 6 unless it is compiled for more


class Scored(NamedTuple):
    """Of each sentence: log10 p, its end included, and how many tokens are unknown; and log10 p of each token, if asked for.

    `each`: all tokens in order, every sentence's end after its tokens; float32.
    """

    log10: npt.NDArray[np.float64]
    unknown: npt.NDArray[np.int64]
    each: npt.NDArray[np.float32]


@dataclass(frozen=True)
class ProbingTable:
    """A mapped file. Offsets count 4-byte words of `words`; buckets are those of each order's hash table."""

    words: npt.NDArray[np.uint32]
    order: int
    counts: tuple[int, ...]
    vocabulary: int
    vocabulary_buckets: int
    unigrams: int
    offsets: npt.NDArray[np.int64]
    buckets: npt.NDArray[np.uint64]

    def ids(self, hashes: Hashes) -> Ids:
        """Word id of each token, by `hash_token`; 0 where the model does not know it."""
        out = np.empty(len(hashes), np.int32)
        find_ids(self.words, self.vocabulary, self.vocabulary_buckets, hashes, out)
        return out

    @cached_property
    def marks(self) -> tuple[int, int]:
        """Ids of the sentence's begin and end."""
        begin, end = self.ids(np.array([hash_token(b"<s>"), hash_token(b"</s>")], np.uint64)).tolist()
        return begin, end

    def score(self, tokens: Ids, offsets: npt.NDArray[np.int64], ids: Ids, each: bool = False) -> Scored:
        """Each row `tokens[offsets[i]:offsets[i + 1]]` as one sentence; `ids[token]` is a token's word id."""
        rows = len(offsets) - 1
        out = Scored(
            np.zeros(rows, np.float64), np.zeros(rows, np.int64), np.zeros((len(tokens) + rows) if each else 0, np.float32)
        )
        score_sentences(
            self.words, self.order, self.unigrams, self.offsets, self.buckets, tokens, offsets, ids, *self.marks, *out
        )
        return out


def map_table(path: Path) -> ProbingTable | None:
    """The file, mapped (processes share its pages); None where it is no probing binary: an ARPA file, a trie.

    Raises ModelError where it is one and is cut short.
    """
    with path.open("rb") as file:
        if file.read(len(_SANITY)) != _SANITY:
            return None
        order, multiplier, kind, _has_vocabulary, version = struct.unpack("<B3xfIB3xI", file.read(20))
        if kind != _PROBING or version != 0 or not 2 <= order <= _MOST_ORDER:
            return None
        counts = struct.unpack(f"<{order}Q", file.read(8 * order))
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    buckets = [_buckets(count, multiplier) for count in counts]
    vocabulary = -(-(len(_SANITY) + 20 + 8 * order) // 8) * 8 + 8
    unigrams = vocabulary + 12 * buckets[0]
    offsets = [unigrams + 8 * (counts[0] + 1)]
    for middle in buckets[1:-1]:
        offsets.append(offsets[-1] + 16 * middle)
    if len(mapped) < (needed := offsets[-1] + 12 * buckets[-1]):
        raise ModelError(f"{path}: {len(mapped)} bytes, and its header promises {needed}")
    return ProbingTable(
        words=np.frombuffer(mapped, np.uint32, count=len(mapped) // 4),
        order=order,
        counts=counts,
        vocabulary=vocabulary // 4,
        vocabulary_buckets=buckets[0],
        unigrams=unigrams // 4,
        offsets=np.array(offsets, np.int64) // 4,
        buckets=np.array(buckets[1:], np.uint64),
    )


def _buckets(entries: int, multiplier: float) -> int:
    return max(entries + 1, int(np.float32(multiplier) * np.float32(entries)))


def hash_token(token: bytes) -> int:
    """KenLM's hash of a word: MurmurHash64A, seed 0."""
    data = np.frombuffer(token or b"\0", np.uint8)
    return _murmur(data, 0, len(token))


def hash_tokens(
    data: npt.NDArray[np.uint8], starts: npt.NDArray[np.int64], ends: npt.NDArray[np.int64]
) -> tuple[Hashes, npt.NDArray[np.int64]]:
    """Hashes of the tokens of each row, separated by ASCII white space or NUL, and offsets (rows + 1).

    KenLM's own separators, and NUL, at which KenLM's Python call would stop reading.
    """
    offsets = np.zeros(len(starts) + 1, np.int64)
    hashes = np.empty(int((ends - starts).sum()) // 2 + len(starts) + 1, np.uint64)
    return hashes[: _hash_tokens(data, starts, ends, hashes, offsets)], offsets


@export("uint64(uint8[::1], int64, int64)")
def _murmur(data: Any, start: Any, end: Any) -> Any:
    m = np.uint64(0xC6A4A7935BD1E995)
    r = np.uint64(47)
    h = np.uint64(end - start) * m
    i = start
    while i + 8 <= end:
        k = np.uint64(0)
        for b in range(8):
            k |= np.uint64(data[i + b]) << np.uint64(8 * b)
        k *= m
        k ^= k >> r
        k *= m
        h ^= k
        h *= m
        i += 8
    if i < end:
        for b in range(end - i):
            h ^= np.uint64(data[i + b]) << np.uint64(8 * b)
        h *= m
    h ^= h >> r
    h *= m
    h ^= h >> r
    return h


@export("int64(uint8[::1], int64[::1], int64[::1], uint64[::1], int64[::1])")
def _hash_tokens(data: Any, starts: Any, ends: Any, hashes: Any, offsets: Any) -> Any:
    n = np.int64(0)
    for row in range(len(starts)):
        i, end = starts[row], ends[row]
        while True:
            while i < end and (data[i] == 32 or 9 <= data[i] <= 13 or data[i] == 0):
                i += 1
            if i >= end:
                break
            begin = i
            while i < end and not (data[i] == 32 or 9 <= data[i] <= 13 or data[i] == 0):
                i += 1
            hashes[n] = _murmur(data, begin, i)
            n += 1
        offsets[row + 1] = n
    return n
