from libc.stdint cimport int16_t, int64_t, uint16_t, uint64_t

from curricle.models.raters.document cimport LIMIT, Document

cpdef enum Statistic:
    # `_log` is ln(1 + x). Without a unit in its name, a statistic is a share: of all characters, words or lines.
    CHARS_LOG
    WORDS_LOG
    LINES_LOG
    BLANK_LINES
    WORD_CHARS_MEAN
    WORD_CHARS_DEVIATION
    LINE_CHARS_MEAN_LOG
    LINE_CHARS_DEVIATION_LOG
    LONGEST_LINE_CHARS_LOG
    SHORT_LINES
    ENDED_LINES
    ENDED_LINES_CHARS
    BULLET_LINES
    CAPITALIZED_LINES
    REPEATED_LINES
    REPEATED_LINES_CHARS
    LONG_LINES
    COLON_LINES
    FIRST_LINE_CHARS_LOG
    DIGIT_LINES
    UPPER_CASE_LETTERS
    DIGITS
    PUNCTUATION_MARKS
    SYMBOLS
    SPACES
    OTHER_CHARACTERS
    IDEOGRAPHS
    NON_ASCII
    DOUBLE_SPACES
    NEWLINES
    UPPER_CASE_WORDS
    TITLE_CASE_WORDS
    LONG_WORDS
    SHORT_WORDS
    ONE_LETTER_WORDS
    DISTINCT_WORDS
    DISTINCT_WORDS_SEEN_ONCE
    MOST_FREQUENT_WORD
    SECOND_MOST_FREQUENT_WORD
    THIRD_MOST_FREQUENT_WORD
    REPEATED_WORD_PAIRS
    REPEATED_WORD_FOURS
    SENTENCES_PER_WORD
    SENTENCE_WORDS_MEAN_LOG
    SENTENCE_WORDS_DEVIATION_LOG
    LONGEST_SENTENCE_WORDS_LOG
    SENTENCES_IN_LOWER_CASE
    WORDS_AFTER_LAST_SENTENCE_LOG
    SENTENCES_PER_LINE
    LONGEST_RUN_OF_SHORT_LINES
    LATIN_LETTERS
    GREEK_LETTERS
    CYRILLIC_LETTERS
    HEBREW_AND_ARABIC_LETTERS
    INDIC_TO_GEORGIAN_LETTERS
    KANA_LETTERS
    IDEOGRAPH_LETTERS
    HANGUL_LETTERS
    PHONETIC_LETTERS
    OTHER_LETTERS
    FIRST_MARK_PER_100_WORDS_LOG  # of the 26 characters in MARKS, in their order
    PIPE_LINES = FIRST_MARK_PER_100_WORDS_LOG + 26
    LETTERS
    DISTINCT_WORDS_COUNT
    NEARLY_CUT  # 1 for a document of at least 2,000 characters
    FIRST_HALF_LINE_CHARS_MEAN_LOG
    SECOND_HALF_LINE_CHARS_MEAN_LOG
    LINE_CHARS_CONCENTRATION
    STATISTICS

cdef enum:
    TALLY_SLOTS = 4096  # a power of two, about twice as many as there can be values
    MOST_VALUES = LIMIT + 1

cdef struct Tally:  # distinct values and how often each occurs
    Py_ssize_t size
    uint64_t[<int>MOST_VALUES] values
    int64_t[<int>MOST_VALUES] counts
    int16_t[<int>TALLY_SLOTS] slots  # 1 + a place in `values`, 0 for an empty slot

cdef struct StatisticsScratch:
    uint64_t[<int>MOST_VALUES] hashes
    uint64_t[<int>MOST_VALUES] pairs
    uint64_t[<int>MOST_VALUES] fours
    int64_t[<int>MOST_VALUES] line_chars
    int64_t[128] ascii_counts
    Tally tally

cdef void describe(
    const Document* document, const uint16_t* ascii_classes, StatisticsScratch* scratch, float* out
) noexcept nogil
