"""Characters of UTF-8 text and their flags, for kernels. Invalid text gives any characters, but none that is outside it."""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t

cpdef enum:
    SPACE = 1 << 0  # str.isspace
    ALPHA = 1 << 1  # str.isalpha
    LOWER = 1 << 2  # lower case, or a letter without case
    UPPER = 1 << 3  # upper case, or a letter without case
    SYMBOL = 1 << 4  # in datatrove's PUNCTUATION_SET: a word of only these is a "symbol"
    TERMINAL = 1 << 5  # ends a line or a sentence
    PUNCTUATION = 1 << 6  # Unicode category P*
    BREAK = 1 << 7  # str.splitlines breaks here
    AFFIX = 1 << 8  # split off at either end of a word
    PREFIX = 1 << 9  # split off at the start only
    QUOTE = 1 << 10
    BEFORE_STOP = 1 << 11  # a full stop after this is split off
    ICON = 1 << 12  # Unicode category So: split off anywhere
    CURRENCY = 1 << 13  # split off after a digit
    ACTIVE = 1 << 14  # an affix, a prefix, a currency sign, or a joiner such as - / : . that may split a word
    MARK = 1 << 15  # Unicode category M*
    DIGIT = 1 << 16  # ASCII 0-9
    HAN = 1 << 17
    KANA = 1 << 18
    THAI = 1 << 19  # Thai and Lao
    KHMER = 1 << 20  # Khmer and Myanmar
    DECIMAL = 1 << 21  # Unicode category Nd
    ALPHABETIC = 1 << 22  # not a letter, but Alphabetic in Unicode: vowel signs, letter numbers, circled letters
    UNSPACED = HAN | KANA | THAI | KHMER  # scripts written without spaces

    PAGES = 0x2000  # of 256 code points each: all that four bytes of UTF-8 can encode

cdef struct Text:
    const uint8_t *data  # UTF-8
    const uint16_t *pages  # `unicode_tables.tables()`
    const uint32_t *flags

cdef struct Character:
    uint32_t flags
    int64_t width  # bytes
    int64_t code  # code point

cdef struct Span:
    int64_t start
    int64_t end


cdef inline Character character_at(Text text, int64_t i) noexcept nogil:
    """The character at byte i."""
    cdef const uint8_t *data = text.data + i
    cdef Character found
    found.code = data[0]
    if found.code < 0x80:
        found.flags, found.width = text.flags[found.code], 1
        return found
    if found.code < 0xE0:
        found.code = (found.code & 0x1F) << 6 | (data[1] & 0x3F)
        found.width = 2
    elif found.code < 0xF0:
        found.code = (found.code & 0x0F) << 12 | (data[1] & 0x3F) << 6 | (data[2] & 0x3F)
        found.width = 3
    else:
        found.code = (found.code & 0x07) << 18 | (data[1] & 0x3F) << 12 | (data[2] & 0x3F) << 6 | (data[3] & 0x3F)
        found.width = 4
    found.flags = text.flags[<int64_t>text.pages[found.code >> 8] * 256 + (found.code & 0xFF)]
    return found


cdef inline bint is_continuation(uint8_t byte) noexcept nogil:
    """Whether a byte is the second or a later one of a character."""
    return (byte & 0xC0) == 0x80


cdef inline Character character_before(Text text, int64_t start, int64_t i) noexcept nogil:
    """The last character of data[start:i], which is not empty."""
    cdef Character found
    cdef int64_t place = i - 1
    while place > start and is_continuation(text.data[place]):
        place -= 1
    found = character_at(text, place)
    found.width = min(found.width, i - place)
    return found


cdef inline Span strip(Text text, int64_t start, int64_t end) noexcept nogil:
    """data[start:end] without white space at its ends; empty, at `end`, if it is all white space."""
    cdef Character character
    cdef Span span
    while start < end:
        character = character_at(text, start)
        if not character.flags & SPACE:
            break
        start += character.width
    start = min(start, end)
    while start < end:
        character = character_before(text, start, end)
        if not character.flags & SPACE:
            break
        end -= character.width
    span.start, span.end = start, end
    return span


cdef inline bint has_words(Text text, Span span, int wanted) noexcept nogil:
    """Whether the span holds at least that many words, separated by white space."""
    cdef Character character
    cdef int64_t i = span.start
    cdef int words = 0
    cdef bint inside = False
    while i < span.end:
        character = character_at(text, i)
        i += character.width
        if character.flags & SPACE:
            inside = False
        elif not inside:
            inside = True
            words += 1
            if words == wanted:
                return True
    return False
