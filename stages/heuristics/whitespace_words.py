"""Words as `str.split()` gives them, and counts over those of each document (Numba).

Sources: NeMo Curator 1.4.0 (stages/text/filters/heuristic/string.py) and Dolma 1.2.1 (taggers/gopher.py).
A word is a row of three uint64: its hash; its length in code points; its first byte << 32 | its bytes.
"""

import numpy as np
from curricle.models.compiled.memory import load64, pointer
from curricle.stages.heuristics import unicode_tables as u
from curricle.stages.heuristics.bytes64 import hash_range, letters, low_bytes, step
from curricle.stages.heuristics.compiled import export, inner
from curricle.stages.heuristics.lexicon import hash_bytes
from curricle.stages.heuristics.word_splitter import at, put_row
from curricle.stages.heuristics.words import stop_bit

WORDS, CHARS, LONGEST, MEDIAN_TWICE, LETTER_WORDS, ALPHABETIC_WORDS, SYMBOL_WORDS, HASH_WORDS, STOP_WORDS = range(9)
MEASURES = 9

SPACE, ALPHA, ALPHABETIC = u.SPACE, u.ALPHA, u.ALPHABETIC
BITS_32 = np.uint64(32)

ELLIPSIS_HASHES = np.array([hash_bytes(mark.encode()) for mark in ("...", "[...]", "…", "(...)", "[…]", "-»")], np.uint64)
"""The words that NeMo Curator takes for an ellipsis."""

BUCKETS = 128
"""Lengths from BUCKETS - 1 on share the last bucket."""


@inner
def length_at_rank(histogram, words, a, b, longest, rank):
    """The length of the word at `rank` (from 0) when words[a:b] are sorted by length."""
    below = np.int64(0)
    for length in range(BUCKETS - 1):
        below += histogram[length]
        if below > rank:
            return np.int64(length)
    low, high = np.int64(BUCKETS - 1), longest
    while low < high:
        middle, below = (low + high) // 2, np.int64(0)
        for k in range(a, b):
            below += np.int64(words[3 * k + 1]) <= middle
        if below > rank:
            high = middle
        else:
            low = middle + 1
    return low


@inner
def is_symbol(h, chars, runs):
    """Whether NeMo Curator counts a word as a symbol: an ellipsis, or runs of `#` for over half of its characters."""
    found = 2 * runs > chars
    for ellipsis in ELLIPSIS_HASHES:
        found |= h == ellipsis
    return found


@export("void(uint8[::1], int64[::1], uint16[::1], uint32[::1], uint64[:, ::1], uint64[:, ::1], int64[::1], int64[:, ::1])")
def split_spaced(data, offsets, pages, flags, stop_table, words, first, out):
    """Words of documents data[offsets[d]:offsets[d + 1]] into `words`; first[d]:first[d + 1] are those of document d, out[d]
    the measures named above. `words` has a row for every two bytes and document.
    """
    data, pages, flags, stop_table, words = pointer(data), pointer(pages), pointer(flags), pointer(stop_table), pointer(words)
    histogram = np.empty(BUCKETS, np.int64)
    k = np.int64(0)
    for d in range(len(offsets) - 1):
        i, end = offsets[d], offsets[d + 1]
        first[d] = k
        histogram[:] = 0
        total, longest = np.int64(0), np.int64(0)
        letter, alphabetic, symbols, hashes, stops = 0, 0, 0, 0, 0
        while i < end:
            block, s = load64(data, i), i
            n = min(letters(block), end - i)
            e, chars = i + n, n
            if 0 < n < 8 and (e == end or data[e] == 32):
                h = step(np.uint64(n), low_bytes(block, n))
                letter += 1
                alphabetic += 1
                i = e + 1
            else:
                i = e
                or_, high, runs, last, ellipsis, width = ALPHA if n else np.int64(0), np.int64(0), 0, np.int64(0), False, 1
                while i < end:
                    f, width, c = at(data, i, pages, flags)
                    if f & SPACE:
                        break
                    or_ |= f
                    high += width - 1
                    if c == 35:
                        runs += last != 35
                    elif c == 0x2026:
                        ellipsis = True
                    last = c
                    i += width
                e = i
                i += width
                if e == s:
                    continue
                chars = e - s - high
                h = hash_range(data, s, e)
                letter += or_ & ALPHA != 0
                alphabetic += or_ & (ALPHA | ALPHABETIC) != 0
                symbols += is_symbol(h, chars, runs)
                hashes += runs > 0 or ellipsis
            k = put_row(h, chars, s << 32 | e - s, words, k)
            stops += chars <= 4 and stop_bit(stop_table, h) != 0
            histogram[min(chars, BUCKETS - 1)] += 1
            total += chars
            longest = max(longest, chars)
        m = k - first[d]
        out[d, WORDS], out[d, CHARS], out[d, LONGEST], out[d, STOP_WORDS] = m, total, longest, stops
        out[d, LETTER_WORDS], out[d, ALPHABETIC_WORDS], out[d, SYMBOL_WORDS], out[d, HASH_WORDS] = (
            letter,
            alphabetic,
            symbols,
            hashes,
        )
        out[d, MEDIAN_TWICE] = 0
        if m > 0:
            for rank in ((m - 1) // 2, m // 2):
                out[d, MEDIAN_TWICE] += length_at_rank(histogram, words, first[d], k, longest, rank)
    first[len(offsets) - 1] = k
