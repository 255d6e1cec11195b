"""Counts over the words of each document (Numba): how many, of which kind, which stop words."""

import numpy as np
from curricle.models.compiled.memory import pointer
from curricle.stages.heuristics.compiled import export, inner
from curricle.stages.heuristics.lexicon import STOP_SLOTS
from curricle.stages.heuristics.word_splitter import BYTES, BYTES_MASK, HAS_ALPHA, IS_PUNCTUATION, IS_STOP, NOT_SYMBOL

SHIFT = np.uint64(64 - (STOP_SLOTS - 1).bit_length())
MASK = STOP_SLOTS - 1
WORDS, NOT_SYMBOLS, NOT_SYMBOL_CHARS, ALPHA_WORDS, STOP_KINDS, LANGUAGE_STOP_KINDS = range(6)


@inner
def stop_bit(table, h):
    """Bit of the stop word with hash h, 0 if it is none."""
    slot = np.int64(h >> SHIFT)
    while table[2 * slot + 1]:
        if table[2 * slot] == h:
            return np.uint64(1) << (table[2 * slot + 1] - np.uint64(1))
        slot = (slot + 1) & MASK
    return np.uint64(0)


@inner
def ones(bits):
    """Number of bits set."""
    n = 0
    while bits:
        bits &= bits - np.uint64(1)
        n += 1
    return n


@export("void(uint64[:, ::1], int64[::1], uint64[:, :, ::1], int64[::1], int64[:, ::1])")
def count_words(words, first, stop_tables, lists, out):
    """out[d] = words, words that are not all symbols, their characters, words with a letter, distinct stop words of list 0
    (English) and of list lists[d] (-1: none).
    """
    words, english_stops = pointer(words), pointer(stop_tables[0])
    for d in range(len(first) - 1):
        solid, chars, alpha, english, other = 0, np.int64(0), 0, np.uint64(0), np.uint64(0)
        has_own_list, stops = lists[d] > 0, pointer(stop_tables[max(lists[d], 0)])
        for k in range(first[d], first[d + 1]):
            h, word = words[3 * k], np.int64(words[3 * k + 1])
            if word & NOT_SYMBOL:
                solid += 1
                chars += word >> 8
            if word & HAS_ALPHA:
                alpha += 1
            english |= stop_bit(english_stops, h)
            if has_own_list:
                other |= stop_bit(stops, h)
        out[d, WORDS] = first[d + 1] - first[d]
        out[d, NOT_SYMBOLS], out[d, NOT_SYMBOL_CHARS], out[d, ALPHA_WORDS] = solid, chars, alpha
        out[d, STOP_KINDS] = ones(english)
        out[d, LANGUAGE_STOP_KINDS] = ones(other if has_own_list else english)


@export("void(uint8[::1], uint64[:, ::1], int64[::1], int64[::1], int64[::1])")
def count_sentences(data, words, starts, ends, out):
    """out[r] = sentences of data[starts[r]:ends[r]], ascending ranges of whole words, as spaCy's sentencizer counts them:
    one, plus one for each word after a sentence terminal that is not punctuation. White space other than one space counts as
    such a word. 0 without words. `words` are those of `data`, in order.
    """
    k, count = 0, len(words)
    words = pointer(words)
    for r in range(len(starts)):
        while k < count and np.int64(words[3 * k + 2] >> BYTES) < starts[r]:
            k += 1
        sentences, ended, end = 0, False, np.int64(-1)
        while k < count and np.int64(words[3 * k + 2] >> BYTES) < ends[r]:
            f, start = np.int64(words[3 * k + 1]), np.int64(words[3 * k + 2] >> BYTES)
            if end < 0:
                sentences = 1
            elif ended and start > end and (start > end + 1 or data[end] != 32):
                sentences += 1
                ended = False
            if f & IS_STOP:
                ended = True
            elif ended and not f & IS_PUNCTUATION:
                sentences += 1
                ended = False
            end = start + np.int64(words[3 * k + 2] & BYTES_MASK)
            k += 1
        out[r] = sentences
