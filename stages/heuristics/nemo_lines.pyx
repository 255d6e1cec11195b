"""Characters, lines and paragraphs as NeMo Curator 1.4.0 counts them.

Source: stages/text/filters/heuristic/string.py and repetition/repetition.py, stages/text/utils/constants.py. A line is what
`str.split("\\n")` gives, if it is not blank; a paragraph is what `str.split("\\n\\n")` gives. Letters are compared without regard
to ASCII case; NeMo's `lower()` also folds U+212A, the Kelvin sign.
"""

import numpy as np

from libc.stdint cimport int64_t, uint8_t, uint64_t

from curricle.c_checks cimport check_columns, check_rows
from curricle.stages.heuristics.bytes64 cimport hash_bytes
from curricle.stages.heuristics.characters cimport Span, Text, character_at, strip
from curricle.stages.heuristics.documents cimport check_text, size_line_tables, text_of
from curricle.stages.heuristics.hash_sets cimport HashSet, add, clear
from curricle.stages.heuristics.scan cimport CASE_BIT, ends_in_ellipsis, has_phrase, is_ellipsis_at

cpdef enum:  # columns of measure_nemo; the first five are the classes of bytes
    CHARS
    WHITE
    PLAIN
    BRACKETS
    DIGITS
    URL_CHARS
    LINES
    UNIQUE_LINES
    LINE_CHARS
    UNIQUE_LINE_CHARS
    BULLET_LINES
    ELLIPSIS_LINES
    UNENDED_LINES
    PARAGRAPHS
    UNIQUE_PARAGRAPHS
    PARAGRAPH_CHARS
    UNIQUE_PARAGRAPH_CHARS
    BOILERPLATE_PARAGRAPHS
    LOREM_IPSUM
    MEASURES  # how many columns

cdef enum:
    CLASSES = 5
    LANE_BITS = 12  # one lane for each class, and above them the bit of telling bytes
    LANE_MASK = (1 << 12) - 1
    BLOCK = LANE_MASK  # bytes that can be counted before a lane runs over
    PHRASES = 12
    BULLETS = 12

cdef enum:  # kinds of bytes
    IN_URL = 1
    HEXADECIMAL = 2

_LETTERS_AND_DIGITS = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
_CLASSES = (
    bytes([*range(0x80), *range(0xC0, 256)]),  # all but continuation bytes
    b"\t\n\r\b ",
    _LETTERS_AND_DIGITS + b"\n?!,.",
    b"{}[]()",
    b"0123456789",
)
_URL = _LETTERS_AND_DIGITS + b"$-_@.&+/:=?#~!*(),"
_TELLING = b"\n:kKvVfFpP\xe2"  # ends a line, is inside a URL or one of the phrases, or starts an angle bracket
_BULLETS = "•‣⁃⁌⁍∙○●◘◦⦾⦿"

_PHRASES = (
    (b"k", b"cookie policy"),
    (b"k", b"uses cookies"),
    (b"k", b"use of cookies"),
    (b"k", b"use cookies"),
    (b"k", b"privacy & cookies policy"),
    (b"k", b"privacy and cookies policy"),
    (
        b"k",
        b"necessary cookies are absolutely essential for the website to function properly. this category only includes cookies "
        b"that ensures basic functionalities and security features of the website. these cookies do not store any personal "
        b"information.",
    ),
    (
        b"k",
        b"any cookies that may not be particularly necessary for the website to function and is used specifically to collect "
        b"user personal data via analytics, ads, other embedded contents are termed as non-necessary cookies. it is mandatory "
        b"to procure user consent prior to running these cookies on your website.",
    ),
    (b"k", b"if you continue to browse this site without changing your cookie settings, you agree to this use. acceptread more"),
    (b"v", b"privacy policy"),
    (b"v", b"privacy overview"),
    (b"f", b"terms of use"),
)
"""The letter by which a phrase is found, and the phrase; NeMo's two that contain `uses cookies` need no entry."""

cdef struct Phrase:
    const char *text
    uint8_t letter
    int64_t place  # of the first such letter

cdef struct Position:  # in a document: what has been counted up to a byte
    int64_t line  # where the line starts
    int64_t line_chars  # characters before the line
    int64_t paragraph
    int64_t paragraph_chars
    bint boilerplate  # whether a policy phrase stands in the paragraph
    int64_t after_url  # where the last URL ends

cdef struct Seen:
    HashSet lines
    HashSet paragraphs

cdef uint64_t[256] LANES  # of a byte: 1 in the lane of each of its classes, and the bit above them if it is a telling one
cdef uint8_t[256] URL_KINDS
cdef int64_t[BULLETS] BULLET_CODES
cdef Phrase[PHRASES] POLICY


def _fill_tables() -> None:
    for byte in range(256):
        LANES[byte] = 0
        for n, members in enumerate((*_CLASSES, _TELLING)):
            if byte in members:
                LANES[byte] += 2 ** (LANE_BITS * n)
        URL_KINDS[byte] = IN_URL * (byte in _URL) + HEXADECIMAL * (byte in b"0123456789abcdefABCDEF")
    for n, bullet in enumerate(_BULLETS):
        BULLET_CODES[n] = ord(bullet)
    for n, (letter, phrase) in enumerate(_PHRASES):
        POLICY[n].text, POLICY[n].letter, POLICY[n].place = phrase, letter[0], phrase.index(letter)


_fill_tables()


cdef bint is_policy(const uint8_t *data, int64_t start, int64_t i, int64_t end) noexcept nogil:
    """Whether one of the phrases stands in data[start:end] with its letter at byte i."""
    cdef uint8_t letter = data[i] | CASE_BIT
    cdef int n
    for n in range(PHRASES):
        if POLICY[n].letter == letter and i - POLICY[n].place >= start:
            if has_phrase(data, i - POLICY[n].place, end, POLICY[n].text):
                return True
    return False


cdef inline bint may_be_policy(uint8_t letter, uint8_t after) noexcept nogil:
    """Whether a small letter and what follows may be the `ki` of cookies, the `va` of privacy or the `f ` of terms of use."""
    return (letter == c'k' and after == c'i') or (letter == c'v' and after == c'a') or (letter == c'f' and after == c' ')


cdef int64_t url_start(const uint8_t *data, int64_t colon, int64_t least) noexcept nogil:
    """Where the URL starts that has its colon at this byte, at `least` or later; -1 if there is none."""
    cdef int64_t start
    if data[colon + 1] != c'/' or data[colon + 2] != c'/':
        return -1
    start = colon - 5 if colon - 5 >= least and data[colon - 1] == c's' else colon - 4
    if start < least:
        return -1
    if data[start] == c'h' and data[start + 1] == c't' and data[start + 2] == c't' and data[start + 3] == c'p':
        return start
    return -1


cdef int64_t url_end(const uint8_t *data, int64_t i, int64_t end) noexcept nogil:
    """Where the URL ends whose part after `://` starts at byte i."""
    while i < end:
        if URL_KINDS[data[i]] & IN_URL:
            i += 1
        elif data[i] == c'%' and i + 2 < end and URL_KINDS[data[i + 1]] & HEXADECIMAL and URL_KINDS[data[i + 2]] & HEXADECIMAL:
            i += 3
        else:
            break
    return i


cdef inline bint is_angle_bracket(const uint8_t *data, int64_t i) noexcept nogil:
    """Whether U+27E8 or U+27E9 stands at byte i."""
    return data[i] == 0xE2 and data[i + 1] == 0x9F and (data[i + 2] == 0xA8 or data[i + 2] == 0xA9)


cdef bint is_bullet(Text text, int64_t i) noexcept nogil:
    """Whether one of the twelve bullets, all of which start with the byte E2, stands at byte i."""
    cdef bint found = False
    cdef int64_t code
    cdef int n
    if text.data[i] != 0xE2:
        return False
    code = character_at(text, i).code
    for n in range(BULLETS):
        found |= code == BULLET_CODES[n]
    return found


cdef inline bint ends_in(const uint8_t *data, Span line, int64_t size, const char *lower) noexcept nogil:
    """Whether the line ends in a phrase of this size."""
    return has_phrase(data, max(line.end - size, line.start), line.end, lower)


cdef bint is_cut_off(const uint8_t *data, Span line) noexcept nogil:
    """Whether the line ends in what NeMo Curator takes for an ellipsis."""
    cdef uint8_t last = data[line.end - 1]
    cdef int64_t size = line.end - line.start
    if last == c'.':
        return ends_in_ellipsis(data, line.start, line.end) or ends_in(data, line, 11, b"read more..")
    if last == c')':
        return ends_in(data, line, 5, b"(...)")
    if last == c']':
        if ends_in(data, line, 5, b"[...]"):
            return True
        return size >= 5 and data[line.end - 5] == c'[' and is_ellipsis_at(data, line.end - 4)
    if last == 0xBB:  # the second byte of U+00BB, a guillemet
        return size >= 3 and data[line.end - 2] == 0xC2 and data[line.end - 3] == c'-'
    return ends_in_ellipsis(data, line.start, line.end) or ends_in(data, line, 9, b"read more")


cdef void count_line(Text text, int64_t start, int64_t end, int64_t chars, HashSet *seen, int64_t *row) noexcept nogil:
    """Count the line data[start:end] of that many characters, unless it is blank."""
    cdef Span line = strip(text, start, end)
    if line.start == line.end:
        return
    row[LINES] += 1
    row[LINE_CHARS] += chars
    if add(seen, hash_bytes(text.data + start, end - start)):
        row[UNIQUE_LINES] += 1
        row[UNIQUE_LINE_CHARS] += chars
    row[BULLET_LINES] += is_bullet(text, line.start)
    row[ELLIPSIS_LINES] += is_cut_off(text.data, line)
    row[UNENDED_LINES] += text.data[line.end - 1] not in (c'.', c'?', c'!', c'"', c"'")


cdef void count_paragraph(Text text, Position *position, int64_t end, int64_t chars, HashSet *seen, int64_t *row) noexcept nogil:
    """Count the paragraph that ends at byte `end`, before which there are so many characters."""
    cdef int64_t start = position.paragraph
    chars -= position.paragraph_chars
    row[PARAGRAPHS] += 1
    row[PARAGRAPH_CHARS] += chars
    row[BOILERPLATE_PARAGRAPHS] += position.boilerplate
    if add(seen, hash_bytes(text.data + start, end - start)):
        row[UNIQUE_PARAGRAPHS] += 1
        row[UNIQUE_PARAGRAPH_CHARS] += chars


cdef void pass_newline(
    Text text, int64_t i, int64_t end, int64_t chars, Position *position, Seen *seen, int64_t *row
) noexcept nogil:
    """Count what ends at the newline at byte i; `chars`: characters up to and with it."""
    count_line(text, position.line, i, chars - 1 - position.line_chars, &seen.lines, row)
    position.line, position.line_chars = i + 1, chars
    if i >= position.paragraph and i + 1 < end and text.data[i + 1] == c'\n':
        count_paragraph(text, position, i, chars - 1, &seen.paragraphs, row)
        position.paragraph, position.paragraph_chars, position.boilerplate = i + 2, chars + 1, False


cdef void pass_colon(const uint8_t *data, int64_t i, int64_t end, Position *position, int64_t *row) noexcept nogil:
    """Count the characters of the URL that has its colon at byte i."""
    cdef int64_t start = url_start(data, i, position.after_url), stop
    if start < 0:
        return
    stop = url_end(data, i + 3, end)
    if stop > i + 3:
        row[URL_CHARS] += stop - start
        position.after_url = stop


cdef inline void pass_letter(
    const uint8_t *data, int64_t start, int64_t i, int64_t end, Position *position, int64_t *row
) noexcept nogil:
    """Look for a phrase around the letter at byte i of the document data[start:end]."""
    cdef uint8_t letter = data[i] | CASE_BIT, after = data[i + 1] | CASE_BIT
    if letter == c'p':
        if after == c's' and i - 7 >= start and has_phrase(data, i - 7, end, b"lorem ipsum"):
            row[LOREM_IPSUM] = 1
    elif may_be_policy(letter, after):
        position.boilerplate = position.boilerplate or is_policy(data, start, i, end)


cdef void measure_document(Text text, int64_t start, int64_t end, Seen *seen, int64_t *row) noexcept nogil:
    cdef const uint8_t *data = text.data
    cdef Position position
    cdef int64_t i = start, stop
    cdef uint64_t sums, lanes
    cdef int lane
    position.line, position.line_chars, position.paragraph, position.paragraph_chars = start, 0, start, 0
    position.boilerplate, position.after_url = False, start
    while i < end:
        stop, sums = min(i + BLOCK, end), 0
        while i < stop:
            lanes = LANES[data[i]]
            sums += lanes
            if lanes >> (LANE_BITS * CLASSES):
                if data[i] == c'\n':
                    pass_newline(text, i, end, row[CHARS] + <int64_t>(sums & LANE_MASK), &position, seen, row)
                elif data[i] == c':':
                    pass_colon(data, i, end, &position, row)
                elif data[i] == 0xE2:
                    row[BRACKETS] += is_angle_bracket(data, i)
                else:
                    pass_letter(data, start, i, end, &position, row)
            i += 1
        for lane in range(CLASSES):
            row[CHARS + lane] += <int64_t>(sums & LANE_MASK)
            sums >>= LANE_BITS
    count_line(text, position.line, end, row[CHARS] - position.line_chars, &seen.lines, row)
    count_paragraph(text, &position, end, row[CHARS], &seen.paragraphs, row)


def measure_nemo(texts, tables, int64_t[:, ::1] out):
    """Fill out[d] with the measures named above, for each document d of `texts` (a `Texts`).

    `tables`: `unicode_tables.tables()`.
    """
    cdef const uint8_t[::1] data = texts.data
    cdef const int64_t[::1] offsets = texts.offsets
    cdef Py_ssize_t documents = offsets.shape[0] - 1, d
    cdef Text text = text_of(data, tables.pages, tables.flags)
    cdef int64_t[::1] bits = np.empty(documents, np.int64)
    cdef int64_t slots
    cdef uint64_t[:, ::1] keys
    cdef Seen seen
    check_text(data, offsets)
    check_rows("out", out.shape[0], documents)
    check_columns("out", out.shape[1], MEASURES)
    out[:] = 0
    slots = 1 << size_line_tables(data, offsets, bits)
    keys = np.empty((2, slots), np.uint64)
    with nogil:
        for d in range(documents):
            clear(&seen.lines, &keys[0, 0], <int>bits[d])
            clear(&seen.paragraphs, &keys[1, 0], <int>bits[d])
            measure_document(text, offsets[d], offsets[d + 1], &seen, &out[d, 0])
