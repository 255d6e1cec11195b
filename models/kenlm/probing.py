"""Lookups in KenLM's hash tables, many at a time: word ids of tokens, log10 probabilities of sentences.

KenLM looks up one token after the other, and waits for memory each time. Here a block of tokens is looked up order by order: no
lookup of one order needs another's result, so their entries are fetched ahead, and four entries are compared without a branch.
A table entry is its 64-bit key and its values; a key of 0 is a free entry. Offsets into a table count bytes.
"""

from typing import Any

import numpy as np
from curricle.models.compiled.memory import load64, pointer, prefetch, trailing_zeros
from curricle.models.kenlm.compiled import export, inner

_BLOCK = 512
_NO_EXTENSION = 0x80000000  # the sign bit; as a back-off, -0.0: no n-gram goes on from here
_NONE = np.float32(-0.0)  # adds nothing, not even to -0.0


@inner
def _probe(table: Any, base: Any, width: Any, buckets: Any, at: Any, key: Any) -> Any:
    """Offset of the entry with `key` from the one at `at` on, or -1."""
    end = base + np.int64(buckets) * width
    while True:
        found = load64(table, at)
        if found == key:
            return at
        if found == 0:
            return np.int64(-1)
        at += width
        if at == end:
            at = base


@export("void(uint32[::1], int64, uint64, uint64[::1], int32[::1])")
def find_ids(words: Any, vocabulary: Any, buckets: Any, hashes: Any, out: Any) -> None:
    """See `ProbingTable.ids`."""
    table, base = pointer(words.view(np.uint8)), 4 * vocabulary
    for i in range(len(hashes)):
        at = _probe(table, base, 12, buckets, base + np.int64(hashes[i] % buckets) * 12, hashes[i])
        out[i] = words[at // 4 + 2] if at >= 0 else np.uint32(0)


@inner
def _find(table: Any, base: Any, width: Any, buckets: Any, keys: Any, where: Any, live: Any, slots: Any, hits: Any) -> Any:
    """Look up `keys[p]` of each p in `where[:live]`, its first entry at `slots`.

    Returns how many are there; which ones goes to `hits`, the offsets of their entries to `slots`.
    """
    last = base + (np.int64(buckets) - 4) * width  # from later entries on, four go past the end
    one, two, three = np.uint64(1), np.uint64(2), np.uint64(3)
    found = np.int64(0)
    for q in range(live):
        p, at = where[q], slots[q]
        key = keys[p]
        if at <= last:
            a, b = load64(table, at), load64(table, at + width)
            c, d = load64(table, at + 2 * width), load64(table, at + 3 * width)
            same = np.uint64(a == key) | np.uint64(b == key) << one | np.uint64(c == key) << two | np.uint64(d == key) << three
            free = np.uint64(a == 0) | np.uint64(b == 0) << one | np.uint64(c == 0) << two | np.uint64(d == 0) << three
            if same | free:
                first = trailing_zeros(same | free)
                hits[found] = p
                slots[found] = at + np.int64(first) * width
                found += np.int64(same >> first) & 1
                continue
            at += 3 * width
        hits[found] = p
        slots[found] = _probe(table, base, width, buckets, at, key)
        found += slots[found] >= 0
    return found


@export(
    "void(uint32[::1], int64, int64, int64[::1], uint64[::1], int32[::1], int64[::1], int32[::1], int64, int64, "
    "float64[::1], int64[::1], float32[::1])"
)
def score_sentences(
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
    """See `ProbingTable.score`.

    Position 0 of a block is the token before it (the begin of the sentence, or the last token of the block before).
    `length[p]`: words of the longest n-gram found that ends at p. `backoff[k, p]`: back-off of the one with k + 1 words.
    `left[p]`: 1 where a longer n-gram than the longest found so far may end with it; bit n of `right[p]`: whether one may begin
    with the n-gram that ends at p. These are the sign bits that KenLM keeps in probability and back-off.
    """
    table, bits, floats = pointer(words.view(np.uint8)), pointer(words), pointer(words.view(np.float32))
    size = _BLOCK + 1
    history = np.empty(size + order, np.uint64)  # word ids + 1, those of `order` words before the block included
    keys, prob = np.empty(size, np.uint64), np.empty(size, np.float32)
    backoff, log10 = np.empty((order, size), np.float32), np.empty(size, np.float64)
    length, left, right = np.empty(size, np.uint8), np.empty(size, np.uint8), np.empty(size, np.int64)
    where, hits, slots = np.empty(size, np.int32), np.empty(size, np.int32), np.empty(size, np.int64)
    for row in range(len(rows) - 1):
        count = rows[row + 1] - rows[row] + 1
        score = 0.0
        oov = np.int64(0)
        done = np.int64(0)
        history[order] = begin + 1
        backoff[:, 0] = _NONE
        backoff[0, 0] = floats[unigrams + 2 * begin + 1]
        right[0] = 2
        while done < count:
            block = min(np.int64(_BLOCK), count - done)
            here = rows[row] + done
            for p in range(1, block + 1):
                word = np.int64(end)
                if done + p < count:
                    word = np.int64(ids[tokens[here + p - 1]])
                    oov += word == 0
                history[order + p] = word + 1
                keys[p] = word
                entry = unigrams + 2 * word
                prob[p] = floats[entry]
                backoff[0, p] = floats[entry + 1]
                left[p] = bits[entry] < _NO_EXTENSION
                right[p] = np.int64(bits[entry + 1] != _NO_EXTENSION) << 1
                length[p] = 1
                hits[p - 1] = p
            backoff[1:, 1:] = _NONE
            found = block
            for n in range(2, order + 1):
                base = 4 * offsets[n - 2]
                width = np.int64(12 if n == order else 16)
                live = np.int64(0)
                for q in range(found):
                    p = hits[q]
                    where[live] = p
                    live += np.int64(left[p]) & right[p - 1] >> (n - 1)
                for q in range(live):
                    p = where[q]
                    earlier = history[order + p - n + 1]
                    keys[p] = keys[p] * np.uint64(8978948897894561157) ^ earlier * np.uint64(17894857484156487943)
                    at = base + np.int64(keys[p] % buckets[n - 2]) * width
                    slots[q] = at
                    prefetch(table, at)
                    prefetch(table, at + 3 * width)
                found = _find(table, base, width, buckets[n - 2], keys, where, live, slots, hits)
                for q in range(found):
                    p, entry = hits[q], slots[q] >> 2
                    length[p] = n
                    prob[p] = floats[entry + 2]
                    if n < order:
                        backoff[n - 1, p] = floats[entry + 3]
                        left[p] = bits[entry + 2] < _NO_EXTENSION
                        right[p] |= np.int64(bits[entry + 3] != _NO_EXTENSION) << n
            for p in range(1, block + 1):
                log10[p] = -abs(np.float64(prob[p]))
            for n in range(1, order):
                for p in range(1, block + 1):
                    log10[p] += np.float64(backoff[n - 1, p - 1] if n >= length[p] else _NONE)
            for p in range(1, block + 1):
                score += log10[p]
            if len(each):
                for p in range(1, block + 1):
                    each[here + row + p - 1] = log10[p]
            done += block
            for k in range(order + 1):
                history[k] = history[block + k]
            for k in range(order):
                backoff[k, 0] = backoff[k, block]
            right[0] = right[block]
        total[row] = score
        unknown[row] = oov
