"""KenLM's probing binary, mapped and read in place: word ids and scores of whole batches in compiled kernels.

Layout: kpu/kenlm lm/binary_format.cc, lm/vocab.cc, lm/search_hashed.hh, util/probing_hash_table.hh (format version 5). A score
equals `kenlm.Model.score` but for rounding: KenLM adds float32 up, this float64.

KenLM looks up one token after the other, and waits for memory each time. Here a block of tokens is looked up order by order:
lookups of one order do not depend on each other, so the processor overlaps their cache misses.
"""

import mmap
import struct
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from models.cards import ModelError
from models.kenlm.compiled import export, inner

Ids = npt.NDArray[np.int32]
Hashes = npt.NDArray[np.uint64]

_MAGIC = b"mmap lm http://kheafield.com/code format version 5\n\0"
_SANITY = _MAGIC.ljust(56, b"\0") + struct.pack("<fffIIIQ", 0.0, 1.0, -0.5, 1, 0xFFFFFFFF, 0, 1)
_PROBING = 0
_BLOCK = 1024


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
        _ids(self.words, self.vocabulary, self.vocabulary_buckets, hashes, out)
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
        _score(self.words, self.order, self.unigrams, self.offsets, self.buckets, tokens, offsets, ids, *self.marks, *out)
        return out


def map_table(path: Path) -> ProbingTable | None:
    """The file, mapped (processes share its pages); None where it is no probing binary: an ARPA file, a trie.

    Raises ModelError where it is one and is cut short.
    """
    with path.open("rb") as file:
        if file.read(len(_SANITY)) != _SANITY:
            return None
        order, multiplier, kind, _has_vocabulary, version = struct.unpack("<B3xfIB3xI", file.read(20))
        if kind != _PROBING or version != 0 or order < 2:
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


@inner
def _probe(words: Any, base: Any, width: Any, buckets: Any, at: Any, key: Any) -> Any:
    """Offset of the entry with `key` from the one at `at` on, or -1. An entry is its 64-bit key and its values."""
    end = base + np.int64(buckets) * width
    while True:
        found = np.uint64(words[at]) | np.uint64(words[at + 1]) << np.uint64(32)
        if found == key:
            return at
        if found == 0:
            return np.int64(-1)
        at += width
        if at == end:
            at = base


@export("void(uint32[::1], int64, uint64, uint64[::1], int32[::1])")
def _ids(words: Any, base: Any, buckets: Any, hashes: Any, out: Any) -> None:
    for i in range(len(hashes)):
        at = _probe(words, base, 3, buckets, base + np.int64(hashes[i] % buckets) * 3, hashes[i])
        out[i] = words[at + 2] if at >= 0 else np.uint32(0)


@export(
    "void(uint32[::1], int64, int64, int64[::1], uint64[::1], int32[::1], int64[::1], int32[::1], int64, int64, "
    "float64[::1], int64[::1], float32[::1])"
)
def _score(
    words: Any,
    order: Any,
    unigrams: Any,
    offsets: Any,
    buckets: Any,
    tokens: Any,
    rows: Any,
    ids: Any,
    begin: Any,
    end: Any,
    total: Any,
    unknown: Any,
    each: Any,
) -> None:
    """Position 0 of a block is the token before it (the begin of the sentence, or the last token of the block before).

    `length[p]`: words of the longest n-gram found that ends at p. `backoff[k, p]`: back-off of the one with k + 1 words.
    `open_left[p]`, `open_right[p]`: whether a longer n-gram may end with, or begin with, the longest found so far: the sign
    bits that KenLM keeps in probability and back-off.
    """
    no_extension = np.uint32(0x80000000)  # a back-off of -0.0: no n-gram goes on from here
    floats = words.view(np.float32)
    size = _BLOCK + 1
    history = np.empty(size + order, np.int64)  # word ids, `order` words before the block included
    keys = np.empty(size, np.uint64)
    backoff = np.zeros((order, size), np.float32)
    prob = np.empty(size, np.float32)
    length = np.empty(size, np.int64)
    open_left = np.empty(size, np.bool_)
    where, slots, first = np.empty(size, np.int64), np.empty(size, np.int64), np.empty(size, np.uint64)
    open_right = np.empty((2, size), np.bool_)  # of the order below, of this order
    for row in range(len(rows) - 1):
        count = rows[row + 1] - rows[row] + 1
        score = 0.0
        oov = 0
        done = np.int64(0)
        history[order] = begin
        length[0] = 1
        backoff[:, 0] = 0
        backoff[0, 0] = floats[unigrams + 2 * begin + 1]
        right0 = np.zeros(order + 1, np.bool_)  # of position 0, by order
        right0[1] = True
        while done < count:
            block = min(np.int64(_BLOCK), count - done)
            for p in range(1, block + 1):
                at = done + p - 1
                word = np.int64(end)
                if at < count - 1:
                    word = np.int64(ids[tokens[rows[row] + at]])
                    oov += word == 0
                history[order + p] = word
                entry = unigrams + 2 * word
                keys[p] = np.uint64(word)
                prob[p] = floats[entry]
                backoff[0, p] = floats[entry + 1]
                length[p] = 1
                open_left[p] = words[entry] < no_extension
                open_right[0, p] = words[entry + 1] != no_extension
            right_last = np.zeros(order + 1, np.bool_)
            right_last[1] = open_right[0, block]
            for n in range(2, order + 1):
                below, here = n % 2, (n + 1) % 2
                open_right[below, 0] = right0[n - 1]
                base = offsets[n - 2]
                width = np.int64(3 if n == order else 4)
                # Three loops, so that all first probes are on their way before a branch waits for one.
                live = np.int64(0)
                for p in range(1, block + 1):
                    open_right[here, p] = False
                    where[live] = p
                    live += open_left[p] & (length[p] == n - 1) & open_right[below, p - 1]
                for q in range(live):
                    p = where[q]
                    earlier = np.uint64(1 + history[order + p - n + 1])
                    key = keys[p] * np.uint64(8978948897894561157) ^ earlier * np.uint64(17894857484156487943)
                    keys[p] = key
                    at = base + np.int64(key % buckets[n - 2]) * width
                    slots[q] = at
                    first[q] = np.uint64(words[at]) | np.uint64(words[at + 1]) << np.uint64(32)
                for q in range(live):
                    if first[q] == 0:
                        continue
                    p = where[q]
                    at = slots[q]
                    if first[q] != keys[p]:
                        at = _probe(words, base, width, buckets[n - 2], at, keys[p])
                        if at < 0:
                            continue
                    length[p] = n
                    prob[p] = floats[at + 2]
                    if n < order:
                        backoff[n - 1, p] = floats[at + 3]
                        open_left[p] = words[at + 2] < no_extension
                        open_right[here, p] = words[at + 3] != no_extension
                right_last[n] = open_right[here, block]
            for p in range(1, block + 1):
                log10 = -abs(np.float64(prob[p]))
                for k in range(length[p], min(length[p - 1], order - 1) + 1):
                    log10 += np.float64(backoff[k - 1, p - 1])
                score += log10
                if len(each):
                    each[rows[row] + row + done + p - 1] = log10
            done += block
            for k in range(order + 1):
                history[k] = history[block + k]
                right0[k] = right_last[k]
            for k in range(order):
                backoff[k, 0] = backoff[k, block]
            length[0] = length[block]
        total[row] = score
        unknown[row] = oov
