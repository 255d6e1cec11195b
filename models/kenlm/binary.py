"""Writes KenLM's probing-hash-table binary (format version 5), byte for byte as build_binary makes it from the model's ARPA file.

`kenlm.Model(path)` maps such a file; nothing is parsed. Layout and conventions: KenLM's lm/binary_format.cc, lm/vocab.cc,
lm/search_hashed.cc,
lm/blank.hh, util/probing_hash_table.hh. The signs carry meaning: a probability's sign bit is set where no longer n-gram ends
in the n-gram
(it need not be extended to the left), and the back-off is -0.0 where no longer n-gram begins with it (the state need not keep
it).
"""

import struct
from collections.abc import Iterator
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from curricle.models.kenlm.compiled import export
from curricle.models.kenlm.ngrams import U32, NgramModel, NgramOrder, context_rows
from numpy.typing import NDArray

from curricle.storage.whole_file import whole_file

U64 = NDArray[np.uint64]
MULTIPLIER = 1.5  # buckets per entry, build_binary's default
MAGIC = b"mmap lm http://kheafield.com/code format version 5\n"
PROBING = 0  # model type
VOCABULARY_ENTRY = np.dtype([("key", "<u8"), ("id", "<u4")])
MIDDLE_ENTRY = np.dtype([("key", "<u8"), ("prob", "<f4"), ("backoff", "<f4")])
LONGEST_ENTRY = np.dtype([("key", "<u8"), ("prob", "<f4")])
UNIGRAM_ENTRY = np.dtype([("prob", "<f4"), ("backoff", "<f4")])
SIGN = np.uint32(1 << 31)


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


@export("void(uint8[::1], int32[::1], uint64[::1])")
def _hash_all(data: NDArray[np.uint8], offsets: NDArray[np.int32], out: U64) -> None:
    for word in range(len(out)):
        out[word] = _murmur(data, np.int64(offsets[word]), np.int64(offsets[word + 1]))


def hash_words(words: pa.StringArray) -> U64:
    """KenLM's 64-bit hash of each word's UTF-8 bytes."""
    out = np.empty(len(words), np.uint64)
    if not len(words):
        return out
    _, offsets, data = words.buffers()
    ends = np.frombuffer(offsets, np.int32)[words.offset : words.offset + len(words) + 1]
    _hash_all(np.frombuffer(data, np.uint8) if data is not None else np.empty(0, np.uint8), ends, out)
    return out


@export("void(uint64[::1], uint32[::1], uint32[::1], uint64[::1])")
def _extend_keys(suffix_keys: U64, begin: U32, word: U32, out: U64) -> None:
    """Table key of each n-gram from its suffix's key: the last word's id, then each earlier word (detail::CombineWordHash)."""
    for suffix in range(len(begin) - 1):
        base = suffix_keys[suffix] * np.uint64(8978948897894561157)
        for row in range(begin[suffix], begin[suffix + 1]):
            out[row] = base ^ (np.uint64(word[row]) + np.uint64(1)) * np.uint64(17894857484156487943)


@export("void(int64[::1], int64, int64[::1])")
def _probe(home: NDArray[np.int64], buckets: int, out: NDArray[np.int64]) -> None:
    taken = np.zeros(buckets, np.bool_)
    for row in range(len(home)):
        at = home[row]
        while taken[at]:
            at += 1
            if at == buckets:
                at = 0
        taken[at] = True
        out[row] = at


def places(keys: U64, buckets: int) -> NDArray[np.int64]:
    """Bucket of each key in a table with linear probing, filled in order."""
    out = np.empty(len(keys), np.int64)
    _probe((keys % np.uint64(buckets)).astype(np.int64), buckets, out)
    return out


def buckets_for(entries: int, multiplier: float = MULTIPLIER) -> int:
    """Size of KenLM's table for so many entries; the product is taken in single precision, as there."""
    return max(entries + 1, int(np.float32(multiplier) * np.float32(entries)))


def header(counts: tuple[int, ...]) -> bytes:
    """Sanity values, fixed-width parameters and the n-gram counts."""
    sanity = struct.pack("<56s3f3IQ", MAGIC, 0.0, 1.0, -0.5, 1, 0xFFFFFFFF, 0, 1)
    fixed = struct.pack("<B3xfIB3xI", len(counts), MULTIPLIER, PROBING, True, 0)
    out = sanity + fixed + struct.pack(f"<{len(counts)}Q", *counts)
    return out + bytes(-len(out) % 8)


def signed_probabilities(level: NgramOrder, longer: NgramOrder | None) -> NDArray[np.float32]:
    """log10 probabilities whose sign bit is clear where an n-gram of the next order ends in this one."""
    bits = level.log10_prob.view(np.uint32) | SIGN
    if longer is not None:
        bits[np.diff(longer.begin) > 0] &= ~SIGN
    return bits.view(np.float32)


def marked_backoffs(level: NgramOrder, contexts: U32) -> NDArray[np.float32]:
    """Back-offs in which zero is -0.0, except for the rows `contexts`, where it is 0.0."""
    used = np.zeros(len(level.word), np.bool_)
    used[contexts] = True
    zero = level.log10_backoff == 0
    return np.where(zero, np.where(used, np.float32(0), np.float32(-0.0)), level.log10_backoff)


def table(keys: U64, dtype: np.dtype[Any], **values: NDArray[Any]) -> NDArray[Any]:
    """A probing table as it lies in the file; ValueError where a key is 0, which means an empty bucket."""
    if not keys.all():
        raise ValueError("an n-gram's hash is 0, which KenLM's table cannot hold")
    out = np.zeros(buckets_for(len(keys)), dtype)
    at = places(keys, len(out))
    out["key"][at] = keys
    for name, column in values.items():
        out[name][at] = column
    return out


def sections(model: NgramModel) -> Iterator[bytes | NDArray[Any]]:
    """The file in pieces."""
    yield header(model.counts)
    hashes = hash_words(model.words)
    if (hashes[1:] == hash_words(pa.array(["<UNK>"]))[0]).any():
        raise ValueError("the word <UNK> cannot be in a KenLM binary: KenLM takes it for <unk>")
    yield struct.pack("<II", 0, len(model.words))
    entries = len(model.words)
    vocabulary = np.zeros(buckets_for(entries), VOCABULARY_ENTRY)
    at = places(hashes[1:], len(vocabulary))
    vocabulary["key"][at] = hashes[1:]
    vocabulary["id"][at] = np.arange(1, entries, dtype=np.uint32)
    yield vocabulary
    keys = np.arange(entries, dtype=np.uint64)
    contexts = chain(context_rows(model.orders), [np.empty(0, np.uint32)])
    for level, longer, used in zip_longest(model.orders, model.orders[1:], contexts):
        prob = signed_probabilities(level, longer)
        if level is model.orders[0]:
            unigrams = np.zeros(entries + 1, UNIGRAM_ENTRY)
            unigrams["prob"][:entries] = np.where(np.signbit(prob), level.log10_prob, prob)  # KenLM leaves <s> +0.0
            unigrams["backoff"][:entries] = marked_backoffs(level, used)
            yield unigrams
            continue
        suffix_keys, keys = keys, np.empty(len(level.word), np.uint64)
        _extend_keys(suffix_keys, level.begin, level.word, keys)
        if longer is None:
            yield table(keys, LONGEST_ENTRY, prob=prob)
        else:
            yield table(keys, MIDDLE_ENTRY, prob=prob, backoff=marked_backoffs(level, used))
    yield "\0".join([*model.words.to_pylist(), ""]).encode()


def write_probing(model: NgramModel, path: Path) -> None:
    """Write `model` to `path`, whole or not at all. Raises OSError, and ValueError for a model that the format cannot hold."""
    with whole_file(path) as part, part.open("wb") as file:
        for section in sections(model):
            file.write(section if isinstance(section, bytes) else section.data.cast("B"))
