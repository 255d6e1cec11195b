"""Groups of equal word n-grams, for kernels."""

from libc.stdint cimport int32_t, int64_t, uint64_t

from curricle.stages.heuristics.bytes64 cimport HASH_FACTOR
from curricle.stages.heuristics.hash_sets cimport table_bits
from curricle.stages.heuristics.words cimport Word

cdef extern from * nogil:
    """
    #define SECOND_FACTOR 0xC2B2AE3D27D4EB4FULL
    """
    const uint64_t SECOND_FACTOR

cdef struct Scratch:  # memory for the words of one document
    uint64_t *once  # filters of `mark_repeated`
    uint64_t *twice
    uint64_t *keys  # of the n-gram that starts at each word
    int64_t *positions  # words at which n-grams start that may be repeated, ascending
    int64_t *ends  # characters up to each word
    int32_t *table  # hash table of numbers of groups or of positions, plus 1
    int32_t *groups  # number of the n-gram at each word
    int32_t *counts  # of each group: how often it occurs
    int32_t *firsts  # of each group: where it occurs first

cdef struct Top:
    int64_t count
    int64_t group

cdef void *allocate(list owned, Py_ssize_t size) except NULL
cdef Scratch new_scratch(list owned, int64_t longest) except *
cdef int64_t most_words(const int64_t[::1] first) noexcept
cdef int check_words(const Word[::1] words, int64_t size) except -1


cdef inline int mark_repeated(uint64_t *keys, int64_t count, uint64_t *once, uint64_t *twice) noexcept nogil:
    """Mix the keys, and mark in the filter `twice` the top bits of those whose top bits another one has too; returns how many
    bits those are. `once` and `twice` hold `count` words, or more.
    """
    cdef int bits = 6
    cdef int64_t i
    cdef uint64_t slot, bit, old
    while (<int64_t>1 << bits) < 32 * count:
        bits += 1
    for i in range(<int64_t>1 << (bits - 6)):
        once[i] = twice[i] = 0
    for i in range(count):
        keys[i] *= HASH_FACTOR
        slot = keys[i] >> (64 - bits)
        bit = <uint64_t>1 << (slot & 63)
        old = once[slot >> 6]
        once[slot >> 6] = old | bit
        twice[slot >> 6] |= old & bit
    return bits


cdef inline int64_t is_marked(uint64_t key, const uint64_t *twice, int bits) noexcept nogil:
    """1 if the mixed key is marked, otherwise 0."""
    cdef uint64_t slot = key >> (64 - bits)
    return <int64_t>((twice[slot >> 6] >> (slot & 63)) & 1)


cdef inline void clear_table(int32_t *table, int bits) noexcept nogil:
    cdef int64_t slot
    for slot in range(<int64_t>1 << bits):
        table[slot] = 0


cdef inline Top group_keys(const Scratch *scratch, int64_t count) noexcept nogil:
    """Number the distinct keys at the first `count` positions, in order of first occurrence. Returns the highest count and the
    earliest group that has it; (1, 0) if none occurs twice.
    """
    cdef int bits = table_bits(count)
    cdef int64_t mask = (<int64_t>1 << bits) - 1, found = 0, position, slot, group, j, repeats
    cdef uint64_t key
    cdef Top top
    top.count, top.group = 1, 0
    clear_table(scratch.table, bits)
    for j in range(count):
        position = scratch.positions[j]
        key = scratch.keys[position]
        slot = <int64_t>((key * SECOND_FACTOR) >> (64 - bits))
        group = scratch.table[slot] - 1
        while group >= 0 and scratch.keys[scratch.firsts[group]] != key:
            slot = (slot + 1) & mask
            group = scratch.table[slot] - 1
        if group < 0:
            group = found
            found += 1
            scratch.table[slot] = <int32_t>found
            scratch.counts[group], scratch.firsts[group] = 1, <int32_t>position
        else:
            repeats = scratch.counts[group] + 1
            scratch.counts[group] = <int32_t>repeats
            if repeats > top.count or (repeats == top.count and group < top.group):
                top.count, top.group = repeats, group
        scratch.groups[position] = <int32_t>group
    return top


cdef inline int64_t find_pairs(const Word *words, int64_t count, const Scratch *scratch) noexcept nogil:
    """Set the keys of the 2-grams of `count` words, and the positions of those that may be repeated; returns how many."""
    cdef int64_t i, candidates = 0
    cdef int bits
    for i in range(count - 1):
        scratch.keys[i] = words[i].hash * SECOND_FACTOR + words[i + 1].hash
    bits = mark_repeated(scratch.keys, count - 1, scratch.once, scratch.twice)
    for i in range(count - 1):
        scratch.positions[candidates] = i
        candidates += is_marked(scratch.keys[i], scratch.twice, bits)
    return candidates


cdef inline bint is_repeated(const Scratch *scratch, int64_t j) noexcept nogil:
    """Whether the n-gram at position j occurs more than once."""
    return scratch.counts[scratch.groups[scratch.positions[j]]] > 1


cdef inline int64_t lengthen(const Scratch *scratch, int64_t count) noexcept nogil:
    """Go from grouped n-grams at `count` positions to those one word longer that may be repeated; returns how many.

    A repeated (n+1)-gram starts with two repeated n-grams, and their numbers identify it.
    """
    cdef int64_t kept = 0, j, position
    cdef bint repeated = count > 0 and is_repeated(scratch, 0), next_repeated
    for j in range(count - 1):
        position, next_repeated = scratch.positions[j], is_repeated(scratch, j + 1)
        if repeated and next_repeated and scratch.positions[j + 1] == position + 1:
            scratch.keys[position] = <uint64_t>scratch.groups[position] << 32 | <uint64_t>scratch.groups[position + 1]
            scratch.positions[kept] = position
            kept += 1
        repeated = next_repeated
    return kept
