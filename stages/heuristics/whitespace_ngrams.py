"""Repeated n-grams over the words of `str.split()`, n = 2 to 10, in linear time (Numba).

Sources: NeMo Curator 1.4.0 (filters/heuristic/repetition/repetition.py) and Dolma 1.2.1 (taggers/gopher.py). Both compare
n-grams word by word and look at each position, so one chain serves both: a repeated (n+1)-gram starts with two repeated n-grams,
and is known by the numbers of those two.
"""

import numpy as np
from curricle.models.compiled.memory import load64, pointer
from curricle.stages.heuristics.bytes64 import low_bytes
from curricle.stages.heuristics.compiled import export, inner
from curricle.stages.heuristics.ngrams import BITS_32, LOW_32, group, longer, repeated_pairs, table_bits

COUNT, START, TOP_CHARS = range(3)  # of the most frequent n-gram, n = 2 to 4
FRESH_CHARS, REPEATED_CHARS, ALL_CHARS = range(3)  # of n-grams, n = 5 to 10
SIZES = 9
"""n-grams of 2 to 10 words."""


@inner
def count_repeated(positions, alive, groups, counts, firsts, ends, n, row):
    """Characters in repeated n-grams. REPEATED_CHARS: in all copies, each for itself. FRESH_CHARS: in second and later copies,
    each character once, and the spaces inside.
    """
    repeated, fresh, last = np.int64(0), np.int64(0), np.int64(-n)
    for j in range(alive):
        p = positions[j]
        g = groups[p]
        if counts[g] < 2:
            continue
        repeated += ends[p + n] - ends[p]
        if firsts[g] != p:
            overlap = max(n - (p - last), 0)
            fresh += ends[p + n] - ends[p + overlap] + min(n - overlap, n - 1)
            last = p
    row[REPEATED_CHARS], row[FRESH_CHARS] = repeated, fresh


@inner
def count_document(words, a, m, rows, table, once, twice, keys, positions, ends, groups, counts, firsts):
    """`count_spaced_ngrams` for the document of the m words from word a on; the rest is scratch."""
    words, table, once, twice, keys = pointer(words), pointer(table), pointer(once), pointer(twice), pointer(keys)
    positions, ends = pointer(positions), pointer(ends)
    groups, counts, firsts = pointer(groups), pointer(counts), pointer(firsts)
    total = np.int64(0)
    for i in range(m):
        ends[i + 1] = ends[i] + np.int64(words[3 * (a + i) + 1])
        total += ends[i + 1]
    alive = repeated_pairs(words, a, m, keys, positions, once, twice)
    heads, tails = total - ends[m], total  # sums of where the n-grams of n words start and end
    for n in range(2, min(m, 10) + 1):
        tails -= ends[n - 1]
        heads -= ends[m - n + 1]
        row = pointer(rows[n - 2])
        most, best = group(keys, positions, alive, table, groups, counts, firsts)
        if n < 5:
            start = np.int64(firsts[best]) if most > 1 else 0
            row[COUNT], row[START], row[TOP_CHARS] = most, a + start, ends[start + n] - ends[start]
        else:
            row[ALL_CHARS] = tails - heads
            count_repeated(positions, alive, groups, counts, firsts, ends, n, row)
        alive = longer(keys, positions, alive, groups, counts)


@export("void(uint64[:, ::1], int64[::1], int64[:, :, ::1])")
def count_spaced_ngrams(words, first, out):
    """out[d, n - 2] for n = 2, 3, 4: count, first word and characters (without spaces) of the most frequent n-gram, the earliest
    of several; for n = 5 to 10: characters in repeated n-grams, see `count_repeated`, and in all n-grams, each for itself. 0
    where the document has too few words.
    """
    longest = np.int64(0)
    for d in range(len(first) - 1):
        longest = max(longest, first[d + 1] - first[d])
    table = np.empty(1 << table_bits(longest), np.int32)
    once, twice = np.empty(longest + 2, np.uint64), np.empty(longest + 2, np.uint64)
    keys, positions, ends = np.empty(longest + 1, np.uint64), np.empty(longest + 1, np.int64), np.zeros(longest + 1, np.int64)
    groups, counts, firsts = np.empty(longest, np.int32), np.empty(longest, np.int32), np.empty(longest, np.int32)
    out[:] = 0
    for d in range(len(first) - 1):
        a, m = first[d], first[d + 1] - first[d]
        if m >= 2:
            count_document(words, a, m, out[d], table, once, twice, keys, positions, ends, groups, counts, firsts)


@export("void(uint8[::1], uint64[:, ::1], int64[::1], int64[:, :, ::1], int64[:, ::1])")
def count_copies(data, words, first, tops, out):
    """out[d, n - 2] = how often the most frequent n-gram (`tops` of `count_spaced_ngrams`) stands in the text as its words with
    one space between, found from left to right without overlaps; the first and the last word may be parts of longer ones.
    """
    needle = np.empty(len(data) + 16, np.uint8)
    data, words = pointer(data), pointer(words)
    for d in range(len(first) - 1):
        for n in range(2, 5):
            out[d, n - 2] = 0
            if tops[d, n - 2, COUNT] == 0:
                continue
            size, lead = np.int64(0), np.int64(0)
            for k in range(tops[d, n - 2, START], tops[d, n - 2, START] + n):
                start, length = np.int64(words[3 * k + 2] >> BITS_32), np.int64(words[3 * k + 2] & LOW_32)
                for i in range(length):
                    needle[size + i] = data[start + i]
                size += length
                if lead == 0:
                    lead = size
                needle[size] = 32
                size += 1
            size -= 1
            short = size < 8
            head = low_bytes(load64(needle, 0), size) if short else load64(needle, 0)
            final = words[3 * first[d + 1] - 1]
            free, stop = np.int64(0), np.int64(final >> BITS_32) + np.int64(final & LOW_32)
            for k in range(first[d], first[d + 1] - 1):
                start = np.int64(words[3 * k + 2] >> BITS_32)
                end = start + np.int64(words[3 * k + 2] & LOW_32)
                p = end - lead
                if p < start or p < free or p + size > stop or data[end] != 32:
                    continue
                block = load64(data, p)
                if (low_bytes(block, size) if short else block) != head:
                    continue
                i = np.int64(8)
                while i < size and data[p + i] == needle[i]:
                    i += 1
                if i >= size:
                    out[d, n - 2] += 1
                    free = p + size
