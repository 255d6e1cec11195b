"""Repeated n-grams over the words of `str.split()`, n = 2 to 10, in linear time.

Sources: NeMo Curator 1.4.0 (filters/heuristic/repetition/repetition.py) and Dolma 1.2.1 (taggers/gopher.py). Both compare n-grams
word by word and look at each position, so one chain serves both: a repeated (n+1)-gram starts with two repeated n-grams, and the
numbers of those two identify it.
"""

import numpy as np

from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memcpy

from curricle.c_checks cimport check_columns, check_ranges, check_rows
from curricle.stages.heuristics.bytes64 cimport keep_bytes, load_eight
from curricle.stages.heuristics.documents cimport SPARE
from curricle.stages.heuristics.ngrams cimport (
    Scratch,
    Top,
    check_words,
    find_pairs,
    group_keys,
    lengthen,
    most_words,
    new_scratch,
)
from curricle.stages.heuristics.words cimport Word

cpdef enum:  # of the most frequent n-gram, n = 2 to 4
    COUNT = 0
    START = 1
    TOP_CHARS = 2

cpdef enum:  # of n-grams, n = 5 to 10
    FRESH_CHARS = 0
    REPEATED_CHARS = 1
    ALL_CHARS = 2

cpdef enum:
    MEASURES = 3  # third dimension of count_whitespace_ngrams
    SIZES = 9  # n-grams of 2 to 10 words
    TOP_SIZES = 3  # n-grams of 2 to 4 words

cdef struct Needle:
    const uint8_t *data  # words with one space between, and eight spare bytes
    int64_t size
    int64_t lead  # bytes of the first word


cdef void count_repeated(const Scratch *scratch, int64_t candidates, int64_t n, int64_t *row) noexcept nogil:
    """Characters in repeated n-grams. REPEATED_CHARS: in all copies, each for itself. FRESH_CHARS: in second and later copies,
    each character once, and the spaces inside.
    """
    cdef const int64_t *ends = scratch.ends
    cdef int64_t repeated = 0, fresh = 0, last = -n, j, position, group, overlap
    for j in range(candidates):
        position = scratch.positions[j]
        group = scratch.groups[position]
        if scratch.counts[group] < 2:
            continue
        repeated += ends[position + n] - ends[position]
        if scratch.firsts[group] != position:
            overlap = max(n - (position - last), 0)
            fresh += ends[position + n] - ends[position + overlap] + min(n - overlap, n - 1)
            last = position
    row[REPEATED_CHARS], row[FRESH_CHARS] = repeated, fresh


cdef void count_document(const Word *words, int64_t first, int64_t count, const Scratch *scratch, int64_t *row) noexcept nogil:
    """Fill the rows of a document, one for each n, from the given one on; `first`: number of the first of its `count` words."""
    cdef int64_t *ends = scratch.ends
    cdef int64_t total = 0, candidates, heads, tails, i, n, start
    cdef Top top
    ends[0] = 0
    for i in range(count):
        ends[i + 1] = ends[i] + words[i].chars
        total += ends[i + 1]
    candidates = find_pairs(words, count, scratch)
    heads, tails = total - ends[count], total  # sums of where the n-grams of n words start and end
    for n in range(2, min(count, SIZES + 1) + 1):
        tails -= ends[n - 1]
        heads -= ends[count - n + 1]
        top = group_keys(scratch, candidates)
        if n - 2 < TOP_SIZES:
            start = scratch.firsts[top.group] if top.count > 1 else 0
            row[COUNT], row[START], row[TOP_CHARS] = top.count, first + start, ends[start + n] - ends[start]
        else:
            row[ALL_CHARS] = tails - heads
            count_repeated(scratch, candidates, n, row)
        candidates = lengthen(scratch, candidates)
        row += MEASURES


def count_whitespace_ngrams(const Word[::1] words, const int64_t[::1] first, int64_t[:, :, ::1] out):
    """Measure the n-grams of the words[first[d]:first[d + 1]] of each document d.

    out[d, n - 2] for n = 2, 3, 4: count, number of the first word, and characters (without spaces) of the most frequent n-gram,
    the earliest of several; for n = 5 to 10: characters in repeated n-grams, see `count_repeated`, and in all n-grams, each for
    itself. 0 where the document has too few words.
    """
    cdef Py_ssize_t documents = first.shape[0] - 1, d
    cdef list owned = []
    cdef Scratch scratch
    check_ranges("first", first, words.shape[0])
    check_rows("out", out.shape[0], documents)
    check_columns("out", out.shape[1], SIZES)
    check_columns("out[0]", out.shape[2], MEASURES)
    scratch = new_scratch(owned, most_words(first))
    out[:] = 0
    with nogil:
        for d in range(documents):
            if first[d + 1] - first[d] >= 2:
                count_document(&words[0] + first[d], first[d], first[d + 1] - first[d], &scratch, &out[d, 0, 0])


cdef inline Needle join_words(const uint8_t *data, const Word *words, int64_t count, uint8_t *out) noexcept nogil:
    """Write the words with one space between to `out`."""
    cdef Needle needle
    cdef int64_t k
    needle.data, needle.size, needle.lead = out, 0, words[0].size
    for k in range(count):
        if k > 0:
            out[needle.size] = c' '
            needle.size += 1
        memcpy(out + needle.size, data + words[k].start, words[k].size)
        needle.size += words[k].size
    return needle


cdef inline bint matches(const uint8_t *data, Needle needle, uint64_t head) noexcept nogil:
    """Whether the needle, which starts with the bytes `head`, stands at `data`."""
    cdef bint short = needle.size < 8
    cdef uint64_t block = load_eight(data)
    cdef int64_t i = 8
    if (keep_bytes(block, needle.size) if short else block) != head:
        return False
    while i < needle.size and data[i] == needle.data[i]:
        i += 1
    return i >= needle.size


cdef int64_t count_matches(const uint8_t *data, const Word *words, int64_t count, Needle needle) noexcept nogil:
    """How often the needle stands in the text of the words, from left to right without overlaps."""
    cdef uint64_t head = load_eight(needle.data)
    cdef int64_t stop = <int64_t>words[count - 1].start + words[count - 1].size
    cdef int64_t found = 0, free = 0, k, end, place
    if needle.size < 8:
        head = keep_bytes(head, needle.size)
    for k in range(count - 1):
        end = <int64_t>words[k].start + words[k].size
        place = end - needle.lead
        if place < words[k].start or place < free or place + needle.size > stop or data[end] != c' ':
            continue
        if matches(data + place, needle, head):
            found += 1
            free = place + needle.size
    return found


def count_copies(
    const uint8_t[::1] data, const Word[::1] words, const int64_t[::1] first, const int64_t[:, :, ::1] tops, int64_t[:, ::1] out
):
    """out[d, n - 2] = how often the most frequent n-gram (`tops` of `count_whitespace_ngrams`) stands in the text as its words
    with one space between, found from left to right without overlaps; the first and the last word may be parts of longer ones.
    `data` ends in SPARE spare bytes.
    """
    cdef Py_ssize_t documents = first.shape[0] - 1, d
    cdef uint8_t[::1] scratch = np.empty(data.shape[0] + TOP_SIZES + 8, np.uint8)
    cdef int64_t n, start
    check_ranges("first", first, words.shape[0])
    check_words(words, data.shape[0] - SPARE)
    check_rows("tops", tops.shape[0], documents)
    check_columns("tops", tops.shape[1], SIZES)
    check_columns("tops[0]", tops.shape[2], MEASURES)
    check_rows("out", out.shape[0], documents)
    check_columns("out", out.shape[1], TOP_SIZES)
    for d in range(documents):
        for n in range(2, 2 + TOP_SIZES):
            start = tops[d, n - 2, START]
            if tops[d, n - 2, COUNT] and not first[d] <= start <= first[d + 1] - n:
                raise ValueError(f"tops[{d}, {n - 2}] starts at word {start}, outside its document")
    with nogil:
        for d in range(documents):
            for n in range(2, 2 + TOP_SIZES):
                out[d, n - 2] = 0
                if tops[d, n - 2, COUNT]:
                    out[d, n - 2] = count_matches(
                        &data[0],
                        &words[0] + first[d],
                        first[d + 1] - first[d],
                        join_words(&data[0], &words[0] + tops[d, n - 2, START], n, &scratch[0]),
                    )
