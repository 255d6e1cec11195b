"""Hashed n-grams of a text's code points: words, pairs, pieces, shapes, each in its part of the slots."""

import numpy as np
from curricle.models.raters.compiled import export, inner

OTHER, SPACE, NEWLINE, LETTER, DIGIT, PUNCTUATION, SYMBOL, IDEOGRAPH = range(8)
"""Character classes; an ideograph (kana, Thai and Khmer letters too) is a word of its own."""

WORDS, PAIRS, PIECES, SHAPES, TRIPLES = range(5)
"""Feature groups: words, neighbouring words of a line, 4-character pieces of words, marks with the classes of their
neighbours, and neighbouring ideographs by three."""
BITS = (16, 16, 16, 12, 14)
STARTS = tuple(int(n) for n in np.cumsum([0, *(1 << bits for bits in BITS)]))
SLOTS = STARTS[-1]

_START = np.array(STARTS, dtype=np.uint32)
_MASK = np.array([(1 << bits) - 1 for bits in BITS], dtype=np.uint32)
_PRIME, _BASIS = np.uint32(16777619), np.uint32(2166136261)
_EDGE = np.uint32(0x2581)


@inner
def _mix(h):
    """Finaliser of a 32-bit hash (lowbias32)."""
    h ^= h >> np.uint32(16)
    h *= np.uint32(0x7FEB352D)
    h ^= h >> np.uint32(15)
    h *= np.uint32(0x846CA68B)
    return h ^ (h >> np.uint32(16))


@inner
def emit(classes, lower, n, word, slots, groups):
    """Write one slot and group per feature occurrence; returns how many. `word` is scratch, n + 2 long."""
    m = 0
    i = 0
    before = np.uint32(0)
    before2 = np.uint32(0)
    while i < n:
        k = classes[i]
        if LETTER <= k <= DIGIT or k == IDEOGRAPH:
            j = i
            size = 1
            word[0] = _EDGE
            h = _BASIS
            while j < n and classes[j] == k:
                c = np.uint32(48) if k == DIGIT else lower[j]
                h = (h ^ c) * _PRIME
                word[size] = c
                size += 1
                j += 1
                if k == IDEOGRAPH:
                    break
                if k == DIGIT and j - i == 5:  # longer numbers are alike
                    while j < n and classes[j] == DIGIT:
                        j += 1
            word[size] = _EDGE
            size += 1
            h = _mix(h)
            groups[m] = WORDS
            slots[m] = _START[WORDS] + (h & _MASK[WORDS])
            m += 1
            if before:
                pair = _mix(before * np.uint32(0x9E3779B1) + h)
                groups[m] = PAIRS
                slots[m] = _START[PAIRS] + (pair & _MASK[PAIRS])
                m += 1
                if k == IDEOGRAPH and before2:
                    triple = _mix((before2 * np.uint32(0x9E3779B1) + before) * np.uint32(0x85EBCA6B) + h)
                    groups[m] = TRIPLES
                    slots[m] = _START[TRIPLES] + (triple & _MASK[TRIPLES])
                    m += 1
            before2 = before
            before = h
            if k == LETTER:
                for s in range(size - 3):
                    g = _BASIS
                    for e in range(s, s + 4):
                        g = (g ^ word[e]) * _PRIME
                    groups[m] = PIECES
                    slots[m] = _START[PIECES] + (_mix(g) & _MASK[PIECES])
                    m += 1
            i = j
            continue
        left = classes[i - 1] if i > 0 else np.uint8(9)
        right = classes[i + 1] if i + 1 < n else np.uint8(9)
        if not (k == SPACE and right == LETTER and left in (LETTER, PUNCTUATION)):
            shape = lower[i] * np.uint32(128) + np.uint32(left) * np.uint32(10) + np.uint32(right)
            groups[m] = SHAPES
            slots[m] = _START[SHAPES] + (_mix(shape * np.uint32(0x9E3779B1) + np.uint32(7)) & _MASK[SHAPES])
            m += 1
        if k == NEWLINE:
            before = np.uint32(0)
            before2 = np.uint32(0)
        i += 1
    return m


@inner
def weights_of_counts(weights):
    """Fill `weights` with 1 + ln of each count."""
    for count in range(1, len(weights)):
        weights[count] = 1.0 + np.log(count)


@inner
def weigh(slots, groups, m, counts, weights, norms, values, out):
    """Distinct features of m occurrences: slots to `out`, (1 + ln count) / its group's norm to `values`. Returns how many.

    `counts` is all zeros, SLOTS long, and is left so; `weights` is of `weights_of_counts`, for counts up to the most code points;
    `norms` is scratch.
    """
    distinct = 0
    for i in range(m):
        slot = slots[i]
        count = counts[slot]
        counts[slot] = count + 1
        out[distinct] = slot
        groups[distinct] = groups[i]
        distinct += count == 0
    for group in range(len(BITS)):
        norms[group] = 0.0
    for i in range(distinct):
        v = weights[counts[out[i]]]
        norms[groups[i]] += v * v
    for group in range(len(BITS)):
        norms[group] = np.sqrt(norms[group])
    for i in range(distinct):
        values[i] = weights[counts[out[i]]] / norms[groups[i]]
        counts[out[i]] = 0
    return distinct


@export("void(int64[::1], int32[::1], uint8[::1], int64[:, ::1])")
def count_words(indptr, indices, known, out):
    """Each row of `out`: how many words a row of features has, and how many of them are `known` (1 or 0 by slot)."""
    words = len(known)
    for row in range(len(out)):
        seen = remembered = 0
        for k in range(indptr[row], indptr[row + 1]):
            if indices[k] < words:
                seen += 1
                remembered += known[indices[k]]
        out[row, 0], out[row, 1] = seen, remembered
