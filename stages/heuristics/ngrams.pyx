"""Repeated word n-grams of each document, in linear time: hash tables of word positions, sized by the document.

Source: Gopher (arXiv 2112.11446), table A1, as datatrove 0.10.1 counts it (gopher_repetition_filter.py): the most frequent 2- to
4-gram, joined by spaces, and the characters of 5- to 10-grams that occurred before, joined by nothing, where a walk jumps over
each repeated n-gram that it finds.

Two observations make it fast. A repeated (n+1)-gram starts with two repeated n-grams, so only few positions need a look for 3 and
4. And two equal n-grams of five or more words either are shorter than 13 bytes or start with the same 13 bytes, so one pass over
those finds the positions that can matter for any n from 5 to 10 (a sixth of them in web text); a pass over the first 24 bytes of
these leaves even fewer for the larger n.
"""

import numpy as np

from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t
from libc.string cimport memcpy, memset

from curricle.c_checks cimport check_columns, check_ranges, check_rows
from curricle.stages.heuristics.bytes64 cimport HASH_FACTOR, keep_bytes, load_eight, mix
from curricle.stages.heuristics.documents cimport SPARE
from curricle.stages.heuristics.hash_sets cimport table_bits
from curricle.stages.heuristics.words cimport Word

cdef enum:
    WINDOW = 13  # bytes, 9 to 15: more words share fewer, and fewer 5-grams reach more
    WIDE = 24  # bytes; 20 and 32 are no better
    LONGEST_NGRAM = 10

cpdef enum:
    SIZES = 9  # columns of count_ngrams: n-grams of 2 to 10 words

cdef struct Stream:  # the words of a document without gaps, and what the walks carry from one n to the next
    uint8_t *data
    int64_t *starts  # where each word begins
    int32_t *shared  # 1 if the WIDE bytes from this word on occur twice
    uint64_t *states  # hash of the full blocks of eight from this word on, up to `reached`
    int64_t *reached


cdef void *allocate(list owned, Py_ssize_t size) except NULL:
    """Memory that lives as long as the list."""
    cdef uint8_t[::1] memory = np.empty(max(size, 1), np.uint8)
    owned.append(memory)
    return &memory[0]


cdef int64_t most_words(const int64_t[::1] first) noexcept:
    """Words of the longest document."""
    cdef int64_t most = 0
    cdef Py_ssize_t d
    for d in range(first.shape[0] - 1):
        most = max(most, first[d + 1] - first[d])
    return most


cdef int check_words(const Word[::1] words, int64_t size) except -1:
    """Raise ValueError if the words are not in order, without overlaps, within `size` bytes."""
    cdef Py_ssize_t k
    cdef int64_t end = 0
    cdef bint ordered = True
    for k in range(words.shape[0]):
        ordered &= words[k].start >= end
        end = <int64_t>words[k].start + words[k].size
    if not ordered or end > size:
        raise ValueError(f"the words must be in order, without overlaps, within {size} bytes")
    return 0


cdef Scratch new_scratch(list owned, int64_t longest) except *:
    """Memory for documents of at most `longest` words."""
    cdef Scratch scratch
    scratch.once = <uint64_t *>allocate(owned, 8 * (longest + 2))
    scratch.twice = <uint64_t *>allocate(owned, 8 * (longest + 2))
    scratch.keys = <uint64_t *>allocate(owned, 8 * (longest + 1))
    scratch.positions = <int64_t *>allocate(owned, 8 * (longest + 1))
    scratch.ends = <int64_t *>allocate(owned, 8 * (longest + 1))
    scratch.table = <int32_t *>allocate(owned, <Py_ssize_t>4 << table_bits(longest))
    scratch.groups = <int32_t *>allocate(owned, 4 * (longest + 1))
    scratch.counts = <int32_t *>allocate(owned, 4 * (longest + 1))
    scratch.firsts = <int32_t *>allocate(owned, 4 * (longest + 1))
    return scratch


cdef Stream new_stream(list owned, int64_t longest, Py_ssize_t size) except *:
    """Memory for documents of at most `longest` words and `size` bytes."""
    cdef Stream stream
    stream.data = <uint8_t *>allocate(owned, size + 4 * 8)
    stream.starts = <int64_t *>allocate(owned, 8 * (longest + 2))
    stream.shared = <int32_t *>allocate(owned, 4 * (longest + 1))
    stream.states = <uint64_t *>allocate(owned, 8 * (longest + 1))
    stream.reached = <int64_t *>allocate(owned, 8 * (longest + 1))
    return stream


cdef void count_top_ngrams(const Word *words, int64_t count, const Scratch *scratch, int64_t *row) noexcept nogil:
    """row[n - 2] = characters of the most frequent n-gram, spaces included, times its count, for n = 2, 3, 4."""
    cdef int64_t candidates = find_pairs(words, count, scratch), n, start
    cdef Top top
    for n in range(2, 5):
        if count < n:
            return
        top = group_keys(scratch, candidates)
        start = scratch.firsts[top.group] if top.count > 1 else 0
        row[n - 2] = top.count * (scratch.ends[start + n] - scratch.ends[start] + n - 1)
        candidates = lengthen(scratch, candidates)


cdef inline void copy_words(const uint8_t *data, const Word *words, int64_t count, const Stream *stream) noexcept nogil:
    """Copy the words' bytes to the stream, without gaps and 16 zeros after them."""
    cdef int64_t size = 0, i, j
    for i in range(count):
        stream.starts[i] = size
        j = 0
        while j < words[i].size:
            memcpy(stream.data + size + j, data + words[i].start + j, 8)
            j += 8
        size += words[i].size
    stream.starts[count] = stream.starts[count + 1] = size
    memset(stream.data + size, 0, 16)


cdef int64_t find_candidates(int64_t count, const Scratch *scratch, const Stream *stream) noexcept nogil:
    """Set the positions at which a repeated 5-gram or longer n-gram may start; returns how many."""
    cdef uint64_t *keys = scratch.keys
    cdef const int64_t *starts = stream.starts
    cdef int64_t *positions = scratch.positions
    cdef int64_t i, j, near = 0, found = 0
    cdef const uint8_t *place
    cdef int bits
    for i in range(count):
        place = stream.data + starts[i]
        keys[i] = load_eight(place) * SECOND_FACTOR ^ keep_bytes(load_eight(place + 8), WINDOW - 8)
    bits = mark_repeated(keys, count, scratch.once, scratch.twice)
    for i in range(count - 4):
        positions[near] = i
        near += is_marked(keys[i], scratch.twice, bits) | (starts[i + 5] - starts[i] < WINDOW)
    for j in range(near):
        place = stream.data + starts[positions[j]]
        keys[j] = mix(mix(load_eight(place), load_eight(place + 8)), load_eight(place + 16))
    bits = mark_repeated(keys, near, scratch.once, scratch.twice)
    for j in range(near):
        i = positions[j]
        positions[found] = i
        stream.shared[i] = <int32_t>is_marked(keys[j], scratch.twice, bits)
        found += stream.shared[i] | (starts[i + 5] - starts[i] < WIDE)
    return found


cdef inline uint64_t ngram_key(const Stream *stream, int64_t i, int64_t n) noexcept nogil:
    """Hash of the bytes of the n-gram at word i; goes on from the state of the shorter one."""
    cdef uint64_t state = stream.states[i]
    cdef int64_t place = stream.reached[i], end = stream.starts[i + n]
    while end - place >= 8:
        state = mix(state, load_eight(stream.data + place))
        place += 8
    stream.states[i], stream.reached[i] = state, place
    state ^= <uint64_t>(end - stream.starts[i]) * SECOND_FACTOR
    return mix(state, keep_bytes(load_eight(stream.data + place), end - place)) if end > place else mix(state, 0)


cdef int64_t count_repeated_chars(
    int64_t *candidates, int64_t n, const Scratch *scratch, const Stream *stream
) noexcept nogil:
    """Characters in n-grams that a walk over the candidates has met before. Sets `candidates` to how many are left for n + 1."""
    cdef int bits = table_bits(candidates[0])
    cdef const int64_t *starts = stream.starts
    cdef int32_t *table = scratch.table
    cdef int64_t mask = (<int64_t>1 << bits) - 1, chars = 0, free = 0, left = 0, i, j, slot, other
    cdef uint64_t key
    clear_table(table, bits)
    for j in range(candidates[0]):
        i = scratch.positions[j]
        scratch.positions[left] = i
        left += stream.shared[i] | (starts[i + n + 1] - starts[i] < WIDE)
        if i < free:
            continue
        key = scratch.keys[i] = ngram_key(stream, i, n)
        slot = <int64_t>((key * HASH_FACTOR) >> (64 - bits))
        other = table[slot] - 1
        while other >= 0 and scratch.keys[other] != key:
            slot = (slot + 1) & mask
            other = table[slot] - 1
        if other >= 0:
            chars += scratch.ends[i + n] - scratch.ends[i]
            free = i + n
        else:
            table[slot] = <int32_t>(i + 1)
    candidates[0] = left
    return chars


cdef void count_document(
    const uint8_t *data, const Word *words, int64_t count, const Scratch *scratch, const Stream *stream, int64_t *row
) noexcept nogil:
    cdef int64_t candidates, i, j, n
    scratch.ends[0] = 0
    for i in range(count):
        scratch.ends[i + 1] = scratch.ends[i] + words[i].chars
    count_top_ngrams(words, count, scratch, row)
    if count < 5:
        return
    copy_words(data, words, count, stream)
    candidates = find_candidates(count, scratch, stream)
    for j in range(candidates):
        i = scratch.positions[j]
        stream.states[i], stream.reached[i] = 0, stream.starts[i]
    for n in range(5, LONGEST_NGRAM + 1):
        while candidates > 0 and scratch.positions[candidates - 1] > count - n:
            candidates -= 1
        if candidates == 0:
            break
        row[n - 2] = count_repeated_chars(&candidates, n, scratch, stream)


def count_ngrams(const uint8_t[::1] data, const Word[::1] words, const int64_t[::1] first, int64_t[:, ::1] out):
    """Measure the n-grams of the words[first[d]:first[d + 1]] of each document d in `data`, which ends in SPARE spare bytes.

    out[d, n - 2] for n = 2, 3, 4: characters of the most frequent n-gram times its count (the earliest wins a tie; spaces count);
    for n = 5 to 10: characters in repeated n-grams. 0 where the document has too few words.
    """
    cdef Py_ssize_t documents = first.shape[0] - 1, d
    cdef int64_t longest
    cdef list owned = []
    cdef Scratch scratch
    cdef Stream stream
    check_ranges("first", first, words.shape[0])
    check_rows("out", out.shape[0], documents)
    check_columns("out", out.shape[1], SIZES)
    check_words(words, data.shape[0] - SPARE)
    longest = most_words(first)
    scratch, stream = new_scratch(owned, longest), new_stream(owned, longest, data.shape[0])
    out[:] = 0
    with nogil:
        for d in range(documents):
            if first[d + 1] - first[d] >= 2:
                count_document(&data[0], &words[0] + first[d], first[d + 1] - first[d], &scratch, &stream, &out[d, 0])
