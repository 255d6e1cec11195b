"""A document as the student reads it: its cut text, one entry for each code point."""

from libc.stdint cimport uint8_t, uint32_t

cpdef enum CutLimits:
    LIMIT = 2100
    HEAD = 1400
    TAIL = 650

cpdef enum CharacterClass:
    OTHER
    SPACE
    NEWLINE
    LETTER
    DIGIT
    PUNCTUATION
    SYMBOL
    IDEOGRAPH

cdef struct Document:
    Py_ssize_t size  # at most LIMIT
    const uint32_t* codes
    const uint32_t* lower
    const uint8_t* classes


cdef inline bint in_word(uint8_t character_class) noexcept nogil:
    """Whether a character is part of a word: a letter, a digit or an ideograph."""
    return character_class == LETTER or character_class == DIGIT or character_class == IDEOGRAPH
