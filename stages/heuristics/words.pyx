"""Counts over the words of each document: how many, of which kinds, and which stop words."""

from libc.stdint cimport int64_t, uint8_t, uint64_t

from curricle.c_checks cimport check_columns, check_ranges, check_rows
from curricle.stages.heuristics.words cimport HAS_ALPHA, IS_PUNCTUATION, IS_STOP, NOT_SYMBOL, STOP_SLOTS, Word, stop_bit

cdef extern from * nogil:
    int __builtin_popcountll(unsigned long long value) noexcept

cpdef enum:  # columns of count_words
    WORDS
    NOT_SYMBOLS
    NOT_SYMBOL_CHARS
    ALPHA_WORDS
    STOP_KINDS
    LANGUAGE_STOP_KINDS
    MEASURES  # how many columns


def count_words(
    const Word[::1] words, const int64_t[::1] first, const uint64_t[:, :, ::1] stop_tables,
    const int64_t[::1] lists, int64_t[:, ::1] out,
):
    """Count the words[first[d]:first[d + 1]] of each document d.

    `stop_tables`: `lexicon.stop_tables()`; lists[d] chooses the table of the document's language, -1: none. out[d]: words, words
    that are not all symbols, their characters, words with a letter, distinct stop words of table 0 (English) and of the
    language's table (without one, the English ones again).
    """
    cdef Py_ssize_t documents = first.shape[0] - 1, d
    cdef const uint64_t *language_table
    check_ranges("first", first, words.shape[0])
    check_rows("lists", lists.shape[0], documents)
    check_rows("out", out.shape[0], documents)
    check_columns("out", out.shape[1], MEASURES)
    check_columns("stop_tables", stop_tables.shape[1], STOP_SLOTS)
    check_columns("stop_tables[0]", stop_tables.shape[2], 2)
    for d in range(documents):
        if lists[d] >= stop_tables.shape[0]:
            raise ValueError(f"there is no stop table {lists[d]}")
    with nogil:
        for d in range(documents):
            language_table = &stop_tables[lists[d], 0, 0] if lists[d] > 0 else NULL
            count_document(&words[0] + first[d], &words[0] + first[d + 1], &stop_tables[0, 0, 0], language_table, &out[d, 0])


cdef inline void count_document(
    const Word *word, const Word *end, const uint64_t *english_table, const uint64_t *language_table, int64_t *row
) noexcept nogil:
    cdef int64_t not_symbols = 0, chars = 0, alpha = 0
    cdef uint64_t english = 0, language = 0
    row[WORDS] = end - word
    while word < end:
        if word.flags & NOT_SYMBOL:
            not_symbols += 1
            chars += word.chars
        if word.flags & HAS_ALPHA:
            alpha += 1
        english |= stop_bit(english_table, word.hash)
        if language_table:
            language |= stop_bit(language_table, word.hash)
        word += 1
    row[NOT_SYMBOLS], row[NOT_SYMBOL_CHARS], row[ALPHA_WORDS] = not_symbols, chars, alpha
    row[STOP_KINDS] = __builtin_popcountll(english)
    row[LANGUAGE_STOP_KINDS] = __builtin_popcountll(language if language_table else english)


def count_sentences(
    const uint8_t[::1] data, const Word[::1] words, const int64_t[::1] starts, const int64_t[::1] ends, int64_t[::1] out
):
    """Count the sentences of the lines data[starts[r]:ends[r]] into out[r]. `words` are those of `data`, in order; the lines are
    ascending and hold whole words.
    """
    cdef Py_ssize_t rows = starts.shape[0], r
    cdef const Word *word = &words[0]
    cdef const Word *end = word + words.shape[0]
    check_rows("ends", ends.shape[0], rows)
    check_rows("out", out.shape[0], rows)
    with nogil:
        for r in range(rows):
            while word < end and word.start < starts[r]:
                word += 1
            out[r] = count_line_sentences(&data[0], &word, end, ends[r])


cdef inline int64_t count_line_sentences(
    const uint8_t *data, const Word **next_word, const Word *last, int64_t line_end
) noexcept nogil:
    """Sentences of the words before byte `line_end`, as spaCy's sentencizer counts them; moves `next_word` past them.

    One, plus one for each word after a sentence terminal that is not punctuation. White space other than one space counts as such
    a word. 0 without words.
    """
    cdef const Word *word = next_word[0]
    cdef int64_t sentences = 0, end = -1
    cdef bint ended = False
    while word < last and word.start < line_end:
        if end < 0:
            sentences = 1
        elif ended and word.start > end and (word.start > end + 1 or data[end] != c' '):
            sentences += 1
            ended = False
        if word.flags & IS_STOP:
            ended = True
        elif ended and not word.flags & IS_PUNCTUATION:
            sentences += 1
            ended = False
        end = <int64_t>word.start + word.size
        word += 1
    next_word[0] = word
    return sentences
