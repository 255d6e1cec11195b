"""Words as `str.split()` gives them, and counts over those of each document.

Sources: NeMo Curator 1.4.0 (stages/text/filters/heuristic/string.py) and Dolma 1.2.1 (taggers/gopher.py).
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memset

from curricle.c_checks cimport check_columns, check_rows
from curricle.stages.heuristics.bytes64 cimport hash_bytes, keep_bytes, leading_letters, load_eight, mix
from curricle.stages.heuristics.characters cimport ALPHA, ALPHABETIC, SPACE, Character, Text, character_at
from curricle.stages.heuristics.documents cimport check_text, text_of
from curricle.stages.heuristics.words cimport STOP_SLOTS, Word, stop_bit

from curricle.stages.heuristics.lexicon import hash_bytes as python_hash

cpdef enum:  # columns of split_at_whitespace
    WORDS
    CHARS
    LONGEST
    MEDIAN_TWICE
    LETTER_WORDS
    ALPHABETIC_WORDS
    SYMBOL_WORDS
    HASH_WORDS
    STOP_WORDS
    MEASURES  # how many columns

cdef enum:
    BUCKETS = 128  # of the histogram of lengths; lengths from BUCKETS - 1 on share the last one
    ELLIPSES = 6
    LONGEST_STOP_WORD = 4  # characters; of Gopher's eight
    HORIZONTAL_ELLIPSIS = 0x2026

cdef struct Counts:
    int64_t chars
    int64_t longest
    int64_t letter_words
    int64_t alphabetic_words
    int64_t symbol_words
    int64_t hash_words
    int64_t stop_words
    int64_t[BUCKETS] histogram  # words of each length

cdef struct Marks:  # of a word
    uint32_t some  # flags of any of its characters; of the ASCII letters at its start only ALPHA
    int64_t continuations  # bytes that do not start a character
    int64_t hash_runs
    bint ellipsis
    int64_t end
    int64_t next_place  # after the character of white space that ends it

cdef uint64_t[ELLIPSES] ELLIPSIS_HASHES
"""Of the words that NeMo Curator takes for an ellipsis."""


def _fill_ellipses() -> None:
    for n, word in enumerate(("...", "[...]", "…", "(...)", "[…]", "-»")):
        ELLIPSIS_HASHES[n] = python_hash(word.encode())


_fill_ellipses()


cdef int64_t length_at_rank(
    const int64_t *histogram, const Word *first, const Word *end, int64_t longest, int64_t rank
) noexcept nogil:
    """The length of the word at `rank` (from 0) if the words were sorted by length."""
    cdef int64_t below = 0, length, low, high, middle
    cdef const Word *word
    for length in range(BUCKETS - 1):
        below += histogram[length]
        if below > rank:
            return length
    low, high = BUCKETS - 1, longest
    while low < high:
        middle, below = (low + high) // 2, 0
        word = first
        while word < end:
            below += word.chars <= middle
            word += 1
        if below > rank:
            high = middle
        else:
            low = middle + 1
    return low


cdef int64_t twice_the_median(const int64_t *histogram, const Word *first, const Word *end, int64_t longest) noexcept nogil:
    """Twice the median length of the words; 0 without words."""
    cdef int64_t words = end - first
    if words == 0:
        return 0
    return length_at_rank(histogram, first, end, longest, (words - 1) // 2) + length_at_rank(
        histogram, first, end, longest, words // 2
    )


cdef inline bint is_symbol(uint64_t hashed, int64_t chars, int64_t hash_runs) noexcept nogil:
    """Whether NeMo Curator counts a word as a symbol: an ellipsis, or runs of `#` for over half of its characters."""
    cdef bint found = 2 * hash_runs > chars
    cdef int n
    for n in range(ELLIPSES):
        found |= hashed == ELLIPSIS_HASHES[n]
    return found


cdef inline Marks find_end(Text text, int64_t start, int64_t letters, int64_t end) noexcept nogil:
    """The marks of the word at byte `start`, which starts with so many ASCII letters."""
    cdef Character character
    cdef Marks marks
    cdef int64_t i = start + letters, previous = 0, width = 1
    marks.some, marks.continuations, marks.hash_runs, marks.ellipsis = ALPHA if letters else 0, 0, 0, False
    while i < end:
        character = character_at(text, i)
        width = character.width
        if character.flags & SPACE:
            break
        marks.some |= character.flags
        marks.continuations += width - 1
        if character.code == c'#':
            marks.hash_runs += previous != c'#'
        elif character.code == HORIZONTAL_ELLIPSIS:
            marks.ellipsis = True
        previous = character.code
        i += width
    if i > end:  # the last character is cut off
        marks.continuations -= i - end
        i = end
    marks.end, marks.next_place = i, i + width
    return marks


cdef inline Word *put_word(
    Word *out, uint64_t hashed, int64_t chars, int64_t start, int64_t size, const uint64_t *stop_table, Counts *counts
) noexcept nogil:
    """Write a word and count what depends on its length and hash; returns where the next one goes."""
    out.hash, out.chars, out.flags, out.start, out.size = hashed, <uint32_t>chars, 0, <uint32_t>start, <uint32_t>size
    counts.stop_words += chars <= LONGEST_STOP_WORD and stop_bit(stop_table, hashed) != 0
    counts.histogram[min(chars, BUCKETS - 1)] += 1
    counts.chars += chars
    counts.longest = max(counts.longest, chars)
    return out + 1


cdef inline void count_marks(Counts *counts, const Marks *marks, uint64_t hashed, int64_t chars) noexcept nogil:
    counts.letter_words += marks.some & ALPHA != 0
    counts.alphabetic_words += marks.some & (ALPHA | ALPHABETIC) != 0
    counts.symbol_words += is_symbol(hashed, chars, marks.hash_runs)
    counts.hash_words += marks.hash_runs > 0 or marks.ellipsis


cdef Word *split_document(Word *out, Text text, int64_t i, int64_t end, const uint64_t *stop_table, int64_t *row) noexcept nogil:
    """Write the words of data[i:end], and the row of counts over them."""
    cdef const uint8_t *data = text.data
    cdef Word *first = out
    cdef Counts counts
    cdef Marks marks
    cdef int64_t start, letters, chars
    cdef uint64_t block, hashed
    memset(&counts, 0, sizeof(Counts))
    while i < end:
        start, block = i, load_eight(data + i)
        letters = min(leading_letters(block), end - i)
        i += letters
        if 0 < letters < 8 and (i == end or data[i] == c' '):  # most words
            counts.letter_words += 1
            counts.alphabetic_words += 1
            out = put_word(out, mix(letters, keep_bytes(block, letters)), letters, start, letters, stop_table, &counts)
            i += 1
            continue
        marks = find_end(text, start, letters, end)
        i = marks.next_place
        if marks.end > start:
            chars = marks.end - start - marks.continuations
            hashed = hash_bytes(data + start, marks.end - start)
            count_marks(&counts, &marks, hashed, chars)
            out = put_word(out, hashed, chars, start, marks.end - start, stop_table, &counts)
    row[WORDS], row[CHARS], row[LONGEST], row[STOP_WORDS] = out - first, counts.chars, counts.longest, counts.stop_words
    row[LETTER_WORDS], row[ALPHABETIC_WORDS] = counts.letter_words, counts.alphabetic_words
    row[SYMBOL_WORDS], row[HASH_WORDS] = counts.symbol_words, counts.hash_words
    row[MEDIAN_TWICE] = twice_the_median(counts.histogram, first, out, counts.longest)
    return out


def split_at_whitespace(
    texts, tables, const uint64_t[:, ::1] stop_table, Word[::1] words, int64_t[::1] first, int64_t[:, ::1] out
):
    """Write the words of `texts` (a `Texts`) to `words`; words[first[d]:first[d + 1]] are those of document d, out[d] the
    measures named above.

    `tables`: `unicode_tables.tables()`; `stop_table`: one of `lexicon.stop_tables()`, with words of at most LONGEST_STOP_WORD
    characters. `words` has a row for every two bytes and each document, `first` one more than there are documents.
    """
    cdef const uint8_t[::1] data = texts.data
    cdef const int64_t[::1] offsets = texts.offsets
    cdef Py_ssize_t documents = offsets.shape[0] - 1, d
    cdef Text text = text_of(data, tables.pages, tables.flags)
    cdef Word *word
    check_text(data, offsets)
    check_columns("stop_table", stop_table.shape[1], 2)
    check_rows("stop_table", stop_table.shape[0], STOP_SLOTS)
    check_rows("words", words.shape[0], (offsets[documents] - offsets[0]) // 2 + documents)
    check_rows("first", first.shape[0], documents + 1)
    check_rows("out", out.shape[0], documents)
    check_columns("out", out.shape[1], MEASURES)
    with nogil:
        word = &words[0]
        for d in range(documents):
            first[d] = word - &words[0]
            word = split_document(word, text, offsets[d], offsets[d + 1], &stop_table[0, 0], &out[d, 0])
        first[documents] = word - &words[0]
