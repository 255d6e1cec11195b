"""Repeated word n-grams of each document in linear time (Numba): hash tables of word positions, sized by the document.

Source: Gopher (arXiv 2112.11446), table A1, as datatrove 0.10.1 counts it (gopher_repetition_filter.py): the most frequent
2- to 4-gram, joined by spaces, and the characters of 5- to 10-grams that occurred before, joined by nothing, where a walk
jumps over each repeated n-gram that it finds.

Two observations make it fast. A repeated (n+1)-gram starts with two repeated n-grams, so only few positions are looked at for
3 and 4. And two equal n-grams of five or more words either are shorter than 13 bytes or start with the same 13 bytes, so that
one pass over those finds the positions that can matter for any n from 5 to 10 (a sixth of them in web text); a pass over the
first 24 bytes of these leaves even fewer for the larger n.
"""

import numpy as np
from curricle.models.compiled.memory import load64, pointer, store64
from curricle.stages.heuristics.bytes64 import low_bytes, step
from curricle.stages.heuristics.compiled import export, inner

SPREAD, SPREAD_2 = np.uint64(0xD6E8FEB86659FD93), np.uint64(0xC2B2AE3D27D4EB4F)
LOW_32, BITS_32, BITS_8 = np.uint64(0xFFFFFFFF), np.uint64(32), np.uint64(8)
WINDOW = 13
"""Bytes, 9 to 15: fewer are shared by more words, more are not reached by more 5-grams."""
WIDE = 24
"""Bytes; 20 and 32 are no better."""


@inner
def table_bits(n):
    """Bits of a table's size that is at least twice n."""
    bits = 4
    while (1 << bits) < 2 * n:
        bits += 1
    return bits


@inner
def mark(keys, m, once, twice):
    """Bits of a filter in which bit `keys[i] >> shift` of `twice` is set if another of keys[:m] has the same; keys[i] becomes
    its mixed form. `once` and `twice` hold m words or more.
    """
    bits = 6
    while (1 << bits) < 32 * m:
        bits += 1
    shift, low = np.uint64(64 - bits), np.uint64(63)
    for w in range(1 << (bits - 6)):
        once[w] = twice[w] = np.uint64(0)
    for i in range(m):
        keys[i] *= SPREAD
        slot = keys[i] >> shift
        w, bit = np.int64(slot >> np.uint64(6)), np.uint64(1) << (slot & low)
        old = once[w]
        once[w] = old | bit
        twice[w] |= old & bit
    return bits


@inner
def is_marked(key, twice, bits):
    """1 if the mixed key's bit is set, else 0."""
    slot = key >> np.uint64(64 - bits)
    return np.int64((twice[np.int64(slot >> np.uint64(6))] >> (slot & np.uint64(63))) & np.uint64(1))


@inner
def group(keys, positions, m, table, groups, counts, firsts):
    """Number the distinct keys[p], p in positions[:m], in order of first occurrence; returns (highest count, its number): the
    earliest number of those with that count, or (1, 0).

    groups[p] is the number of p's key, counts[g] how often it occurs, firsts[g] where first.
    """
    bits = table_bits(m)
    shift, mask = np.uint64(64 - bits), (1 << bits) - 1
    for slot in range(mask + 1):
        table[slot] = 0
    found, most, best = np.int64(0), np.int64(1), np.int64(0)
    for j in range(m):
        p = positions[j]
        key = keys[p]
        slot = np.int64((key * SPREAD_2) >> shift)
        g = np.int64(table[slot]) - 1
        while g >= 0 and keys[firsts[g]] != key:
            slot = (slot + 1) & mask
            g = np.int64(table[slot]) - 1
        if g < 0:
            g = found
            found += 1
            table[slot] = found
            counts[g], firsts[g] = 1, p
        else:
            count = np.int64(counts[g]) + 1
            counts[g] = count
            if count > most or (count == most and g < best):
                most, best = count, g
        groups[p] = g
    return most, best


@inner
def repeated_pairs(words, a, m, keys, positions, once, twice):
    """Puts the key of each 2-gram into keys[:m - 1], and where those start that may occur twice into `positions`; how many."""
    for i in range(m - 1):
        keys[i] = words[3 * (a + i)] * SPREAD_2 + words[3 * (a + i) + 3]
    bits = mark(keys, m - 1, once, twice)
    alive = np.int64(0)
    for i in range(m - 1):
        positions[alive] = i
        alive += is_marked(keys[i], twice, bits)
    return alive


@inner
def longer(keys, positions, alive, groups, counts):
    """From grouped n-grams to candidates one word longer, in place: a repeated (n+1)-gram starts with two repeated n-grams."""
    kept, repeated = np.int64(0), alive > 0 and counts[groups[positions[0]]] > 1
    for j in range(alive - 1):
        i, next_repeated = positions[j], counts[groups[positions[j + 1]]] > 1
        if repeated and next_repeated and positions[j + 1] == i + 1:
            keys[i] = np.uint64(groups[i]) << BITS_32 | np.uint64(groups[i + 1])
            positions[kept] = i
            kept += 1
        repeated = next_repeated
    return kept


@inner
def top_ngrams(words, a, m, ends, keys, positions, once, twice, table, groups, counts, firsts, row):
    """row[n - 2] = characters of the most frequent n-gram, spaces included, times its count, n = 2, 3, 4."""
    alive = repeated_pairs(words, a, m, keys, positions, once, twice)
    for n in range(2, 5):
        if m < n:
            return
        most, best = group(keys, positions, alive, table, groups, counts, firsts)
        start = np.int64(firsts[best]) if most > 1 else 0
        row[n - 2] = most * (ends[start + n] - ends[start] + n - 1)
        alive = longer(keys, positions, alive, groups, counts)


@inner
def copy_words(data, words, a, m, stream, starts):
    """Write the words' bytes without gaps to `stream`, starts[i] is where word i begins."""
    w = np.int64(0)
    for i in range(m):
        s, n = np.int64(words[3 * (a + i) + 2] >> BITS_32), np.int64(words[3 * (a + i) + 2] & LOW_32)
        starts[i] = w
        j = np.int64(0)
        while j < n:
            store64(stream, w + j, load64(data, s + j))
            j += 8
        w += n
    starts[m] = w
    store64(stream, w, np.uint64(0))
    store64(stream, w + 8, np.uint64(0))


@inner
def candidates(stream, starts, m, keys, once, twice, positions, shared):
    """Positions < m - 4 at which a 5-gram or longer n-gram may start that occurs twice; returns how many. Of those, shared[i] is
    1 where the first WIDE bytes occur twice.
    """
    for i in range(m):
        p = starts[i]
        keys[i] = load64(stream, p) * SPREAD_2 ^ low_bytes(load64(stream, p + 8), WINDOW - 8)
    bits = mark(keys, m, once, twice)
    near = np.int64(0)
    for i in range(m - 4):
        positions[near] = i
        near += is_marked(keys[i], twice, bits) | (starts[i + 5] - starts[i] < WINDOW)
    for j in range(near):
        p = starts[positions[j]]
        keys[j] = step(step(load64(stream, p), load64(stream, p + 8)), load64(stream, p + 16))
    bits = mark(keys, near, once, twice)
    found = np.int64(0)
    for j in range(near):
        i = positions[j]
        positions[found] = i
        shared[i] = is_marked(keys[j], twice, bits)
        found += shared[i] | (starts[i + 5] - starts[i] < WIDE)
    return found


@inner
def repeated_chars(stream, starts, positions, shared, c, n, ends, states, reached, keys, table):
    """(characters in n-grams that a walk over positions[:c] has met before, how many of positions are left for n + 1).

    keys[i] becomes the hash of the bytes of the n-gram at i; states[i] is the hash of its full blocks of eight up to reached[i],
    carried from one n to the next.
    """
    bits = table_bits(c)
    shift, mask = np.uint64(64 - bits), (1 << bits) - 1
    for slot in range(mask + 1):
        table[slot] = 0
    total, free, left = np.int64(0), np.int64(0), np.int64(0)
    for j in range(c):
        i = positions[j]
        positions[left] = i
        left += shared[i] | (starts[i + n + 1] - starts[i] < WIDE)
        if i < free:
            continue
        h, p, e = states[i], reached[i], starts[i + n]
        while e - p >= 8:
            h = step(h, load64(stream, p))
            p += 8
        states[i], reached[i] = h, p
        h ^= np.uint64(e - starts[i]) * SPREAD_2
        key = step(h, low_bytes(load64(stream, p), e - p)) if e > p else step(h, np.uint64(0))
        keys[i] = key
        slot = np.int64((key * SPREAD) >> shift)
        q = np.int64(table[slot]) - 1
        while q >= 0 and keys[q] != key:
            slot = (slot + 1) & mask
            q = np.int64(table[slot]) - 1
        if q >= 0:
            total += ends[i + n] - ends[i]
            free = i + n
        else:
            table[slot] = i + 1
    return total, left


@inner
def count_document(
    data, words, a, m, row, table, once, twice, keys, positions, ends, starts, states, reached, groups, counts, firsts, stream
):
    """`count_ngrams` for the document of the m words from word a on; the rest is scratch."""
    data, words, row, table, stream = pointer(data), pointer(words), pointer(row), pointer(table), pointer(stream)
    once, twice, keys, positions, states = pointer(once), pointer(twice), pointer(keys), pointer(positions), pointer(states)
    ends, starts, reached = pointer(ends), pointer(starts), pointer(reached)
    groups, counts, firsts = pointer(groups), pointer(counts), pointer(firsts)
    for i in range(m):
        ends[i + 1] = ends[i] + np.int64(words[3 * (a + i) + 1] >> BITS_8)
    top_ngrams(words, a, m, ends, keys, positions, once, twice, table, groups, counts, firsts, row)
    if m < 5:
        return
    copy_words(data, words, a, m, stream, starts)
    c = candidates(stream, starts, m, keys, once, twice, positions, firsts)
    for j in range(c):
        states[positions[j]] = 0
        reached[positions[j]] = starts[positions[j]]
    for n in range(5, 11):
        while c > 0 and positions[c - 1] > m - n:
            c -= 1
        if c == 0:
            break
        row[n - 2], c = repeated_chars(stream, starts, positions, firsts, c, n, ends, states, reached, keys, table)


@export("void(uint8[::1], uint64[:, ::1], int64[::1], int64[:, ::1])")
def count_ngrams(data, words, first, out):
    """out[d, j] for j = 0..2: characters of the most frequent 2-, 3-, 4-gram times its count (the earliest wins a tie; spaces
    count); for j = 3..8: characters in repeated 5- to 10-grams. 0 where the document has too few words.
    """
    longest = np.int64(0)
    for d in range(len(first) - 1):
        longest = max(longest, first[d + 1] - first[d])
    table = np.empty(1 << table_bits(longest), np.int32)
    once, twice = np.empty(longest + 2, np.uint64), np.empty(longest + 2, np.uint64)
    keys, positions = np.empty(longest + 1, np.uint64), np.empty(longest + 1, np.int64)
    ends, starts = np.zeros(longest + 1, np.int64), np.zeros(longest + 2, np.int64)
    states, reached = np.empty(longest, np.uint64), np.empty(longest, np.int64)
    groups, counts, firsts = np.empty(longest, np.int32), np.empty(longest, np.int32), np.empty(longest, np.int32)
    stream = np.empty(len(data) + 32, np.uint8)
    out[:] = 0
    for d in range(len(first) - 1):
        a, m = first[d], first[d + 1] - first[d]
        if m >= 2:
            count_document(
                data,
                words,
                a,
                m,
                out[d],
                table,
                once,
                twice,
                keys,
                positions,
                ends,
                starts,
                states,
                reached,
                groups,
                counts,
                firsts,
                stream,
            )
