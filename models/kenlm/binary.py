"""Writes KenLM's probing binary (format version 5), byte for byte as build_binary makes it from the model's ARPA file.

`kenlm.Model(path)` maps such a file without parsing it. Layout and conventions are those of KenLM's lm/binary_format.cc,
lm/vocab.cc, lm/search_hashed.cc, lm/blank.hh and util/probing_hash_table.hh. Signs carry meaning. The sign bit of a probability
is set where no longer n-gram ends in this one, so that it need not be extended to the left. The back-off is -0.0 where no longer
n-gram begins with this one, so that the state need not keep it.
"""

import hashlib
import struct
from collections.abc import Iterator
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curricle.models.kenlm.binary_kernels import extend_keys, fill_buckets, hash_each_word
from curricle.models.kenlm.ngrams import U32, NgramModel, NgramOrder, context_rows
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


def hash_words(words: pa.StringArray) -> U64:
    """KenLM's 64-bit hash of each word's UTF-8 bytes."""
    hashes = np.empty(len(words), np.uint64)
    if not len(words):
        return hashes
    _, offsets, data = words.buffers()
    ends = np.frombuffer(offsets, np.int32)[words.offset : words.offset + len(words) + 1]
    hash_each_word(np.frombuffer(data, np.uint8) if data is not None else np.empty(0, np.uint8), ends, hashes)
    return hashes


def find_buckets(keys: U64, size: int) -> NDArray[np.intp]:
    """Bucket of each key in a table of `size` buckets with linear probing, filled in order."""
    buckets = np.empty(len(keys), np.intp)
    fill_buckets(keys, np.zeros(size, np.uint8), buckets)
    return buckets


def buckets_for(entries: int, multiplier: float = MULTIPLIER) -> int:
    """Number of buckets in KenLM's table for `entries` entries; the product is in single precision, as in KenLM."""
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


def probing_table(keys: U64, dtype: np.dtype[Any], **values: NDArray[Any]) -> NDArray[Any]:
    """A probing table as the file holds it; ValueError where a key is 0, which marks an empty bucket."""
    if not keys.all():
        raise ValueError("an n-gram's hash is 0, which KenLM's table cannot hold")
    out = np.zeros(buckets_for(len(keys)), dtype)
    buckets = find_buckets(keys, len(out))
    out["key"][buckets] = keys
    for name, column in values.items():
        out[name][buckets] = column
    return out


def sections(model: NgramModel) -> Iterator[bytes | NDArray[Any]]:
    """The parts of the file, in order."""
    yield header(model.counts)
    hashes = hash_words(model.words)
    if (hashes[1:] == hash_words(pa.array(["<UNK>"]))[0]).any():
        raise ValueError("a KenLM binary cannot hold the word <UNK>: KenLM reads it as <unk>")
    yield struct.pack("<II", 0, len(model.words))
    entries = len(model.words)
    vocabulary = np.zeros(buckets_for(entries), VOCABULARY_ENTRY)
    buckets = find_buckets(hashes[1:], len(vocabulary))
    vocabulary["key"][buckets] = hashes[1:]
    vocabulary["id"][buckets] = np.arange(1, entries, dtype=np.uint32)
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
        extend_keys(suffix_keys, level.begin, level.word, keys)
        if longer is None:
            yield probing_table(keys, LONGEST_ENTRY, prob=prob)
        else:
            yield probing_table(keys, MIDDLE_ENTRY, prob=prob, backoff=marked_backoffs(level, used))
    yield "\0".join([*model.words.to_pylist(), ""]).encode()


def probing_sha256(model: NgramModel) -> str:
    """SHA-256 of the file that `write_probing` writes, hex."""
    digest = hashlib.sha256()
    for section in sections(model):
        digest.update(_bytes(section))
    return digest.hexdigest()


def write_probing(model: NgramModel, path: Path) -> None:
    """Write `model` to `path`, whole or not at all. Raises OSError, and ValueError for a model that the format cannot hold."""
    with whole_file(path) as temp_path, temp_path.open("wb") as file:
        for section in sections(model):
            file.write(_bytes(section))


def _bytes(section: bytes | NDArray[Any]) -> bytes | memoryview:
    return section if isinstance(section, bytes) else section.data.cast("B")
