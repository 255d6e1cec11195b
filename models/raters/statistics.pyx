"""93 cheap statistics of a cut document: of its lines, characters, words, sentences, scripts and punctuation marks.

`Statistic` in `statistics.pxd` names them in their order. All are finite, whatever the text.
"""

from libc.math cimport sqrt
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memset

from curricle.c_math cimport log1p
from curricle.models.raters.document cimport (
    DIGIT,
    IDEOGRAPH,
    LETTER,
    NEWLINE,
    OTHER,
    PUNCTUATION,
    SPACE,
    SYMBOL,
    Document,
    in_word,
)

cdef const char* MARKS = b",.;:!?\"'()|-/@$#%&*+<=>_{\\"

cdef enum:
    MARK_COUNT = 26
    CLASSES = 8
    SCRIPTS = 15
    ASCII = 128
    SHORT_LINE = 30  # characters, at most
    LONG_LINE = 200  # characters, at least
    SHORT_WORD = 3
    LONG_WORD = 9
    NEARLY_CUT_CHARS = 2000

cdef uint32_t FNV_BASIS_32 = 2166136261
cdef uint64_t FNV_BASIS = 2166136261
cdef uint64_t FNV_PRIME = 16777619
cdef uint64_t PAIR_FACTOR = 0x9E3779B97F4A7C15  # 2^64 / the golden ratio: spreads values over the slots, too
cdef uint64_t FOUR_FACTOR = 0xC2B2AE3D27D4EB4F


cdef inline bint ends_sentence(Py_UCS4 character) noexcept nogil:
    return character in u".!?\u3002\uff01\uff1f\u0964\u203d"


cdef inline bint ends_line(Py_UCS4 character) noexcept nogil:
    return character in u".!?\"\u201d\u3002\uff01\uff1f\u2026"


cdef inline bint is_bullet(Py_UCS4 character) noexcept nogil:
    return character in u"-\u2022*\u00b7\u203a\u00bb>\u25cf\u2013"


cdef inline Statistic script_of(uint32_t character) noexcept nogil:
    """The statistic that counts letters of this character's script."""
    if character < 0x250:
        return LATIN_LETTERS
    if character < 0x370:
        return PHONETIC_LETTERS
    if character < 0x400:
        return GREEK_LETTERS
    if character < 0x530:
        return CYRILLIC_LETTERS
    if 0x590 <= character < 0x750:
        return HEBREW_AND_ARABIC_LETTERS
    if 0x900 <= character < 0x1100:
        return INDIC_TO_GEORGIAN_LETTERS
    if 0x3040 <= character < 0x3100:
        return KANA_LETTERS
    if 0x3400 <= character < 0xA000:
        return IDEOGRAPH_LETTERS
    if 0xAC00 <= character < 0xD7B0:
        return HANGUL_LETTERS
    return OTHER_LETTERS


cdef inline double ratio(double part, double whole) noexcept nogil:
    """part / whole, and `part` (which is then 0) where the whole is 0."""
    return part / max(1.0, whole)


cdef inline double deviation(double total, double squares, double count) noexcept nogil:
    """Standard deviation from the sums of values and of their squares."""
    cdef double mean = total / count
    return sqrt(max(0.0, squares / count - mean * mean))


cdef void count_values(Tally* tally, const uint64_t* values, Py_ssize_t size) noexcept nogil:
    """Fill `tally` with the distinct values in the order of their first occurrence."""
    cdef Py_ssize_t k, place
    cdef uint64_t value
    cdef uint32_t slot
    memset(tally.slots, 0, sizeof(tally.slots))
    tally.size = 0
    for k in range(size):
        value = values[k]
        slot = <uint32_t>(value * PAIR_FACTOR >> 52)
        while tally.slots[slot] > 0 and tally.values[tally.slots[slot] - 1] != value:
            slot = (slot + 1) & (TALLY_SLOTS - 1)
        place = tally.slots[slot] - 1
        if place < 0:
            place = tally.size
            tally.values[place] = value
            tally.counts[place] = 0
            tally.size += 1
            tally.slots[slot] = <int16_t>tally.size
        tally.counts[place] += 1


cdef void describe_characters(
    const Document* document, const uint16_t* ascii_classes, int64_t* ascii_counts, float* out
) noexcept nogil:
    cdef const uint8_t* classes = document.classes
    cdef int64_t[<int>CLASSES] kinds
    cdef int64_t[<int>STATISTICS] letters_of  # by the script's statistic
    cdef int64_t upper = 0, beyond = 0, double_spaces = 0
    cdef Py_ssize_t k, size = document.size
    cdef uint32_t character
    cdef int kind, statistic
    cdef double letters
    memset(kinds, 0, sizeof(kinds))
    memset(letters_of, 0, sizeof(letters_of))
    memset(ascii_counts, 0, ASCII * sizeof(int64_t))
    for k in range(size):
        upper += document.lower[k] != document.codes[k]
    for k in range(1, size):
        double_spaces += (classes[k] == SPACE) & (classes[k - 1] == SPACE)
    for k in range(size):
        character = document.codes[k]
        if character < ASCII:
            ascii_counts[character] += 1
        else:
            kind = classes[k]
            beyond += 1
            kinds[kind] += 1
            if kind == LETTER or kind == IDEOGRAPH:
                letters_of[<int>script_of(character)] += 1
    for k in range(ASCII):
        kind = ascii_classes[k]
        kinds[kind] += ascii_counts[k]
        if kind == LETTER or kind == IDEOGRAPH:
            letters_of[<int>LATIN_LETTERS] += ascii_counts[k]
    out[<int>UPPER_CASE_LETTERS] = ratio(upper, kinds[<int>LETTER])
    out[<int>DIGITS] = ratio(kinds[<int>DIGIT], size)
    out[<int>PUNCTUATION_MARKS] = ratio(kinds[<int>PUNCTUATION], size)
    out[<int>SYMBOLS] = ratio(kinds[<int>SYMBOL], size)
    out[<int>SPACES] = ratio(kinds[<int>SPACE], size)
    out[<int>OTHER_CHARACTERS] = ratio(kinds[<int>OTHER], size)
    out[<int>IDEOGRAPHS] = ratio(kinds[<int>IDEOGRAPH], size)
    out[<int>NON_ASCII] = ratio(beyond, size)
    out[<int>DOUBLE_SPACES] = ratio(double_spaces, size)
    out[<int>NEWLINES] = ratio(kinds[<int>NEWLINE], size)
    letters = kinds[<int>LETTER] + kinds[<int>IDEOGRAPH]
    for statistic in range(LATIN_LETTERS, OTHER_LETTERS + 1):
        out[statistic] = ratio(letters_of[statistic], letters)


cdef struct Sizes:
    int64_t words
    int64_t sentences


cdef Sizes describe_words(const Document* document, StatisticsScratch* scratch, float* out) noexcept nogil:
    cdef const uint8_t* classes = document.classes
    cdef const uint32_t* lower = document.lower
    cdef const uint32_t* codes = document.codes
    cdef uint64_t* hashes = scratch.hashes
    cdef Py_ssize_t size = document.size, start = 0, end, place
    cdef int64_t words = 0, capitals = 0, titles = 0, long_words = 0, short_words = 0, one_letter = 0, upper, length
    cdef int64_t sentences = 0, current = 0, longest = 0, starts = 0, lower_starts = 0
    cdef int64_t once = 0, first = 0, second = 0, third = 0, count, distinct, pairs = 0, fours = 0
    cdef double letters = 0, squares = 0, sentence_words = 0, sentence_squares = 0
    cdef bint at_start = True
    cdef uint8_t kind
    cdef uint64_t hashed
    cdef Sizes sizes
    while start < size:
        kind = classes[start]
        if in_word(kind):
            end = start
            hashed = FNV_BASIS
            upper = 0
            while end < size and classes[end] == kind:
                upper += lower[end] != codes[end]
                hashed = (hashed ^ lower[end]) * FNV_PRIME
                end += 1
                if kind == IDEOGRAPH:
                    break
            hashes[words] = hashed
            words += 1
            current += 1
            if kind == LETTER:
                length = end - start
                letters += length
                squares += length * length
                if length >= 2 and upper == length:
                    capitals += 1
                elif lower[start] != codes[start]:
                    titles += 1
                long_words += length >= LONG_WORD
                short_words += length <= SHORT_WORD
                one_letter += length == 1
                if at_start:
                    starts += 1
                    lower_starts += upper == 0
                    at_start = False
            start = end
            continue
        if (
            current > 0
            and ends_sentence(codes[start])
            and not (start + 1 < size and (classes[start + 1] == LETTER or classes[start + 1] == DIGIT))
        ):
            sentences += 1
            sentence_words += current
            sentence_squares += current * current
            longest = max(longest, current)
            current = 0
            at_start = True
        start += 1
    count_values(&scratch.tally, hashes, words)
    distinct = scratch.tally.size
    for place in range(distinct):
        count = scratch.tally.counts[place]
        once += count == 1
        if count > first:
            third = second
            second = first
            first = count
        elif count > second:
            third = second
            second = count
        elif count > third:
            third = count
    if words > 4:
        for place in range(words - 1):
            scratch.pairs[place] = hashes[place] * PAIR_FACTOR + hashes[place + 1]
        for place in range(words - 3):
            scratch.fours[place] = scratch.pairs[place] * FOUR_FACTOR + scratch.pairs[place + 2]
        count_values(&scratch.tally, scratch.pairs, words - 1)
        pairs = words - 1 - scratch.tally.size
        count_values(&scratch.tally, scratch.fours, words - 3)
        fours = words - 3 - scratch.tally.size
    out[<int>WORDS_LOG] = log1p(words)
    out[<int>WORD_CHARS_MEAN] = ratio(letters, words)
    out[<int>WORD_CHARS_DEVIATION] = deviation(letters, squares, max(1, words))
    out[<int>UPPER_CASE_WORDS] = ratio(capitals, words)
    out[<int>TITLE_CASE_WORDS] = ratio(titles, words)
    out[<int>LONG_WORDS] = ratio(long_words, words)
    out[<int>SHORT_WORDS] = ratio(short_words, words)
    out[<int>ONE_LETTER_WORDS] = ratio(one_letter, words)
    out[<int>DISTINCT_WORDS] = ratio(distinct, words)
    out[<int>DISTINCT_WORDS_SEEN_ONCE] = ratio(once, distinct)
    out[<int>MOST_FREQUENT_WORD] = ratio(first, words)
    out[<int>SECOND_MOST_FREQUENT_WORD] = ratio(second, words)
    out[<int>THIRD_MOST_FREQUENT_WORD] = ratio(third, words)
    out[<int>REPEATED_WORD_PAIRS] = ratio(pairs, words)
    out[<int>REPEATED_WORD_FOURS] = ratio(fours, words)
    out[<int>SENTENCES_PER_WORD] = ratio(sentences, words)
    out[<int>SENTENCE_WORDS_MEAN_LOG] = log1p(ratio(sentence_words, sentences))
    out[<int>SENTENCE_WORDS_DEVIATION_LOG] = log1p(deviation(sentence_words, sentence_squares, max(1, sentences)))
    out[<int>LONGEST_SENTENCE_WORDS_LOG] = log1p(longest)
    out[<int>SENTENCES_IN_LOWER_CASE] = ratio(lower_starts, starts)
    out[<int>WORDS_AFTER_LAST_SENTENCE_LOG] = log1p(current)
    out[<int>LETTERS] = ratio(letters, size)
    out[<int>DISTINCT_WORDS_COUNT] = distinct
    sizes.words = words
    sizes.sentences = sentences
    return sizes


cdef int64_t describe_lines(const Document* document, StatisticsScratch* scratch, float* out) noexcept nogil:
    """Fill the statistics of lines; return how many lines are not blank."""
    cdef const uint8_t* classes = document.classes
    cdef const uint32_t* codes = document.codes
    cdef int64_t* line_chars = scratch.line_chars
    cdef Py_ssize_t size = document.size, start = 0, end, first, last, k, half
    cdef int64_t lines = 0, blank = 0, ended = 0, ended_chars = 0, short_lines = 0, long_lines = 0, bullets = 0, capitals = 0
    cdef int64_t digits = 0, pipes = 0, colons = 0, run = 0, longest_run = 0, longest = 0, repeated = 0, repeated_chars = 0
    cdef int64_t length, first_half = 0, second_half = 0
    cdef double total = 0, squares = 0, measured
    cdef uint32_t hashed
    while start <= size:
        end = start
        while end < size and classes[end] != NEWLINE:
            end += 1
        first = start
        last = end
        while first < last and classes[first] == SPACE:
            first += 1
        while last > first and classes[last - 1] == SPACE:
            last -= 1
        length = last - first
        start = end + 1
        if length == 0:
            blank += 1
            continue
        hashed = FNV_BASIS_32
        for k in range(first, last):
            hashed = <uint32_t>((hashed ^ codes[k]) * FNV_PRIME)
        scratch.hashes[lines] = (<uint64_t>hashed << 32) | <uint64_t>length
        line_chars[lines] = length
        lines += 1
        total += length
        squares += length * length
        longest = max(longest, length)
        if ends_line(codes[last - 1]):
            ended += 1
            ended_chars += length
        colons += codes[last - 1] == c':'
        if length <= SHORT_LINE:
            short_lines += 1
            run += 1
            longest_run = max(longest_run, run)
        else:
            run = 0
        long_lines += length >= LONG_LINE
        bullets += is_bullet(codes[first])
        pipes += codes[first] == c'|'
        capitals += document.lower[first] != codes[first]
        digits += classes[first] == DIGIT
    count_values(&scratch.tally, scratch.hashes, lines)
    for k in range(scratch.tally.size):
        repeated += scratch.tally.counts[k] - 1
        repeated_chars += (scratch.tally.counts[k] - 1) * <uint32_t>scratch.tally.values[k]
    half = lines // 2 if lines > 1 else lines
    for k in range(half):
        first_half += line_chars[k]
    for k in range(half, lines):
        second_half += line_chars[k]
    measured = max(1.0, total)
    out[<int>LINES_LOG] = log1p(lines)
    out[<int>BLANK_LINES] = <double>blank / (blank + max(1, lines))
    out[<int>LINE_CHARS_MEAN_LOG] = log1p(ratio(total, lines))
    out[<int>LINE_CHARS_DEVIATION_LOG] = log1p(deviation(total, squares, max(1, lines)))
    out[<int>LONGEST_LINE_CHARS_LOG] = log1p(longest)
    out[<int>SHORT_LINES] = ratio(short_lines, lines)
    out[<int>ENDED_LINES] = ratio(ended, lines)
    out[<int>ENDED_LINES_CHARS] = ended_chars / measured
    out[<int>BULLET_LINES] = ratio(bullets, lines)
    out[<int>CAPITALIZED_LINES] = ratio(capitals, lines)
    out[<int>REPEATED_LINES] = ratio(repeated, lines)
    out[<int>REPEATED_LINES_CHARS] = repeated_chars / measured
    out[<int>LONG_LINES] = ratio(long_lines, lines)
    out[<int>COLON_LINES] = ratio(colons, lines)
    out[<int>FIRST_LINE_CHARS_LOG] = log1p(line_chars[0]) if lines else 0.0
    out[<int>DIGIT_LINES] = ratio(digits, lines)
    out[<int>LONGEST_RUN_OF_SHORT_LINES] = ratio(longest_run, lines)
    out[<int>PIPE_LINES] = ratio(pipes, lines)
    out[<int>FIRST_HALF_LINE_CHARS_MEAN_LOG] = log1p(ratio(first_half, half))
    out[<int>SECOND_HALF_LINE_CHARS_MEAN_LOG] = log1p(ratio(second_half, lines - half))
    out[<int>LINE_CHARS_CONCENTRATION] = squares / (measured * measured)
    return lines


cdef void describe(
    const Document* document, const uint16_t* ascii_classes, StatisticsScratch* scratch, float* out
) noexcept nogil:
    """Fill `out` (STATISTICS values); `ascii_classes` gives the classes of the ASCII characters."""
    cdef Sizes sizes
    cdef int64_t lines
    cdef int k
    describe_characters(document, ascii_classes, scratch.ascii_counts, out)
    sizes = describe_words(document, scratch, out)
    lines = describe_lines(document, scratch, out)
    out[<int>CHARS_LOG] = log1p(document.size)
    out[<int>SENTENCES_PER_LINE] = ratio(sizes.sentences, lines)
    for k in range(MARK_COUNT):
        out[<int>FIRST_MARK_PER_100_WORDS_LOG + k] = log1p(ratio(100.0 * scratch.ascii_counts[<int>MARKS[k]], sizes.words))
    out[<int>NEARLY_CUT] = document.size >= NEARLY_CUT_CHARS
