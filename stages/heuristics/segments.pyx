"""Lines and paragraphs of each document: kinds of lines, duplicates, and which lines C4's rules keep.

Sources: datatrove 0.10.1 (gopher_quality_filter.py, gopher_repetition_filter.py, fineweb_quality_filter.py, c4_filters.py). They
have three different ideas of a line: `str.splitlines` (Gopher quality, C4), `re.split("\\n+")` (Gopher repetition) and
`str.split("\\n")` without blank lines (FineWeb).
"""

import numpy as np

from libc.stdint cimport int64_t, uint8_t, uint64_t

from curricle.c_checks cimport check_columns, check_rows
from curricle.stages.heuristics.bytes64 cimport hash_bytes
from curricle.stages.heuristics.characters cimport (
    BREAK,
    DECIMAL,
    SPACE,
    TERMINAL,
    Character,
    Span,
    Text,
    character_at,
    character_before,
    has_words,
    is_continuation,
    strip,
)
from curricle.stages.heuristics.documents cimport check_text, size_line_tables, text_of
from curricle.stages.heuristics.hash_sets cimport HashSet, add, clear
from curricle.stages.heuristics.scan cimport (
    CASE_BIT,
    LineMarks,
    ends_in_dots,
    ends_in_ellipsis,
    has_phrase,
    is_ellipsis_at,
    is_plain,
    line_end,
    mark_line,
    may_matter,
)

cpdef enum:  # columns of measure_lines
    CHARS
    NEWLINES
    HASHES
    ELLIPSES
    LINES
    BULLET_LINES
    ELLIPSIS_LINES
    PARAGRAPHS
    DUP_PARAGRAPHS
    DUP_PARAGRAPH_CHARS
    RUN_LINES
    DUP_RUN_LINES
    DUP_RUN_LINE_CHARS
    FULL_LINES
    DUP_FULL_LINE_CHARS
    TERMINAL_LINES
    SHORT_LINES
    LOREM_LINES
    CURLY_LINES
    KEPT_LINES
    MEASURES  # how many columns

cpdef enum:
    SHORT_CHARS = 30  # FineWeb: a line of at most this many characters is short
    LONG_WORD_CHARS = 1000  # C4: a line with a longer word is dropped

cdef enum:
    LINE_WORDS = 3  # C4: a line with fewer words is dropped

cdef enum Verdict:  # what C4 does because of a line
    DROP_LINE
    KEEP_LINE
    DROP_FOR_LOREM  # the whole document
    DROP_FOR_CURLY  # the whole document

cdef enum:  # kinds of bytes
    WHITE = 1  # ASCII white space
    TELLING = 2  # f, j, k, p, v: letters that C4's phrases are found by; and the curly bracket

cdef struct KeptLine:
    int64_t start
    int64_t end
    int64_t document

cdef struct Kept:
    KeptLine *plain  # grows up
    KeptLine *bracketed  # grows down
    uint8_t *cited  # the bracketed lines without their citations
    int64_t cited_size

cdef uint8_t[256] KINDS


def _fill_kinds() -> None:
    for byte in range(256):
        white, telling = byte < 0x80 and chr(byte).isspace(), chr(byte) in "fFjJkKpPvV{"
        KINDS[byte] = WHITE * white + TELLING * telling


_fill_kinds()


cdef inline bint is_bullet(const uint8_t *data, Span line) noexcept nogil:
    """Whether the line starts with a hyphen or the bullet U+2022."""
    cdef int64_t size = line.end - line.start
    data += line.start
    return size > 0 and (data[0] == c'-' or (size >= 3 and data[0] == 0xE2 and data[1] == 0x80 and data[2] == 0xA2))


cdef int64_t count_ellipses(const uint8_t *data, int64_t start, int64_t end) noexcept nogil:
    """Ellipses in data[start:end]: U+2026, and groups of three dots."""
    cdef int64_t ellipses = 0, i
    cdef int dots = 0
    for i in range(start, end):
        dots = dots + 1 if data[i] == c'.' else 0
        if dots == 3:
            ellipses += 1
            dots = 0
        ellipses += is_ellipsis_at(data, i)
    return ellipses


cdef bint has_long_word(Text text, Span line) noexcept nogil:
    """Whether a word of the line has more than LONG_WORD_CHARS characters, and so at least as many bytes."""
    cdef Character character
    cdef int64_t i, chars
    while line.end - line.start > LONG_WORD_CHARS:
        i = line.start + LONG_WORD_CHARS
        while i > line.start and not KINDS[text.data[i]] & WHITE:
            i -= 1
        if i > line.start:
            line.start = i
            continue
        chars = 0
        while line.start < line.end:
            character = character_at(text, line.start)
            line.start += character.width
            if character.flags & SPACE:
                break
            chars += 1
            if chars > LONG_WORD_CHARS:
                return True
    return False


cdef inline bint phrase_before(
    const uint8_t *data, int64_t start, int64_t i, int64_t before, int64_t end, const char *lower
) noexcept nogil:
    """Whether data[start:end] has the phrase that many bytes before byte i."""
    return i - before >= start and has_phrase(data, i - before, end, lower)


cdef bint is_policy(const uint8_t *data, int64_t start, int64_t i, int64_t end) noexcept nogil:
    """Whether one of C4's policy phrases stands in the line data[start:end] around byte i, which is its f, k or v."""
    cdef uint8_t letter = data[i] | CASE_BIT
    if letter == c'f':
        return phrase_before(data, start, i, 7, end, b"terms of use")
    if letter == c'v':
        return phrase_before(data, start, i, 3, end, b"privacy policy")
    if phrase_before(data, start, i, 3, end, b"cookie policy"):
        return True
    return phrase_before(data, start, i, 3, end, b"cookies") and (
        phrase_before(data, start, i, 7, end, b"use cookies")
        or phrase_before(data, start, i, 8, end, b"uses cookies")
        or phrase_before(data, start, i, 10, end, b"use of cookies")
    )


cdef inline bint ends_sentence(uint8_t last) noexcept nogil:
    """Whether C4 takes the last byte of a line for the end of a sentence."""
    return last in (c'.', c'?', c'!', c'"', c"'")


cdef Verdict line_verdict(const uint8_t *data, int64_t start, int64_t end) noexcept nogil:
    """What C4 does because of the line data[start:end]. Letters are compared without regard to ASCII case."""
    cdef bint curly = False, policy = False, script = False
    cdef uint8_t letter
    cdef int64_t i
    if start >= end or ends_in_dots(data, start, end) or not ends_sentence(data[end - 1]):
        return DROP_LINE
    for i in range(start, end):
        if not KINDS[data[i]] & TELLING:
            continue
        curly = curly or data[i] == c'{'
        letter = data[i] | CASE_BIT
        if letter in (c'f', c'k', c'v'):
            policy = policy or is_policy(data, start, i, end)
        elif letter == c'j':
            script = script or has_phrase(data, i, end, b"javascript")
        elif letter == c'p' and phrase_before(data, start, i, 7, end, b"lorem ipsum"):
            return DROP_FOR_LOREM
    if script:
        return DROP_LINE
    if curly:
        return DROP_FOR_CURLY
    return DROP_LINE if policy else KEEP_LINE


cdef int64_t citation_length(Text text, int64_t start, int64_t end) noexcept nogil:
    """Bytes of the citation that data[start:end] starts with: `[12]`, `[edit]` or `[citation needed]`; 0 if there is none."""
    cdef const uint8_t *data = text.data
    cdef Character character
    cdef int64_t i = start + 1
    while i < end:
        character = character_at(text, i)
        if not character.flags & DECIMAL:
            break
        i += character.width
    if i < end and data[i] == c']':
        return i + 1 - start
    if has_phrase(data, start, end, b"[edit]") and data[start + 1] == c'e' and data[start + 4] == c't':
        return 6
    return 17 if has_phrase(data, start, end, b"[citation needed]") else 0


cdef int64_t remove_citations(Text text, Span line, uint8_t *out) noexcept nogil:
    """Copy the line to `out` without citations; returns how many bytes were written."""
    cdef int64_t i = line.start, size = 0, skipped
    while i < line.end:
        skipped = citation_length(text, i, line.end) if text.data[i] == c'[' else 0
        if skipped:
            i += skipped
            continue
        out[size] = text.data[i]
        size += 1
        i += 1
    return size


cdef bint has_bracket(const uint8_t *data, Span line) noexcept nogil:
    cdef int64_t i
    for i in range(line.start, line.end):
        if data[i] == c'[':
            return True
    return False


cdef void keep_line(KeptLine *kept, int64_t start, int64_t end, int64_t document) noexcept nogil:
    kept.start, kept.end, kept.document = start, end, document


cdef void judge_line(Text text, Span line, int64_t document, int64_t *row, Kept *kept) noexcept nogil:
    """Count what C4 does with a stripped line that has a character; if it keeps the line, note where it is."""
    cdef const uint8_t *data = text.data
    cdef uint8_t last = data[line.end - 1]
    cdef const uint8_t *judged = data
    cdef bint bracket = False
    cdef int64_t start = line.start, end = line.end
    cdef Verdict verdict
    if not ends_sentence(last) and last != c']':  # a citation may follow the end of the sentence
        return
    if not has_words(text, line, LINE_WORDS) or has_long_word(text, line):
        return
    if may_matter(data, line.start, line.end):
        bracket = has_bracket(data, line)
        if bracket:
            start = kept.cited_size
            end = start + remove_citations(text, line, kept.cited + start)
            judged = kept.cited
        verdict = line_verdict(judged, start, end)
    else:
        verdict = DROP_LINE if last == c']' or ends_in_ellipsis(data, line.start, line.end) else KEEP_LINE
    row[LOREM_LINES] += verdict == DROP_FOR_LOREM
    row[CURLY_LINES] += verdict == DROP_FOR_CURLY
    if verdict != KEEP_LINE:
        return
    row[KEPT_LINES] += 1
    if bracket:
        kept.bracketed -= 1
        kept.cited_size = end
    keep_line(kept.bracketed if bracket else kept.plain, start, end, document)
    if not bracket:
        kept.plain += 1


cdef void measure_split_line(Text text, Span stripped, int64_t document, int64_t *row, Kept *kept) noexcept nogil:
    """Count a line of str.splitlines, given without white space at its ends."""
    row[LINES] += 1
    if stripped.start == stripped.end:
        return
    row[BULLET_LINES] += is_bullet(text.data, stripped)
    row[ELLIPSIS_LINES] += ends_in_ellipsis(text.data, stripped.start, stripped.end)
    judge_line(text, stripped, document, row, kept)


cdef int64_t split_at_breaks(Text text, int64_t start, int64_t end, int64_t document, int64_t *row, Kept *kept) noexcept nogil:
    """Count the lines of data[start:end], which has no newline, that end in another break; returns where the last one ends."""
    cdef Character character
    cdef int64_t i = start
    while i < end:
        character = character_at(text, i)
        if character.flags & BREAK:
            measure_split_line(text, strip(text, start, i), document, row, kept)
            start = i + character.width
        i += character.width
    return start


cdef inline void measure_full_line(
    Text text, int64_t start, int64_t end, int64_t chars, bint repeated, int64_t *row
) noexcept nogil:
    """Count the line data[start:end] of FineWeb, which is not blank."""
    row[FULL_LINES] += 1
    row[SHORT_LINES] += chars <= SHORT_CHARS
    row[TERMINAL_LINES] += character_before(text, start, end).flags & TERMINAL != 0
    if repeated:
        row[DUP_FULL_LINE_CHARS] += chars


cdef void count_paragraphs(Text text, Span stripped, HashSet *seen, int64_t *row) noexcept nogil:
    """Count the paragraphs of a document without white space at its ends: two or more newlines stand between them."""
    cdef const uint8_t *data = text.data
    cdef int64_t start = stripped.start, end, chars
    while True:
        end, chars = start, 0
        while end < stripped.end and not (data[end] == c'\n' and data[end + 1] == c'\n'):
            chars += not is_continuation(data[end])
            end += 1
        row[PARAGRAPHS] += 1
        if not add(seen, hash_bytes(data + start, end - start)):
            row[DUP_PARAGRAPHS] += 1
            row[DUP_PARAGRAPH_CHARS] += chars
        if end >= stripped.end:
            break
        while data[end] == c'\n':
            end += 1
        start = end


cdef inline LineMarks inspect_line(const uint8_t *data, int64_t start, int64_t end, int64_t *row) noexcept nogil:
    """The marks of the line data[start:end]; counts its hashes and ellipses."""
    cdef LineMarks marks
    marks.continuations, marks.line_break = 0, False
    if not is_plain(data, start, end):
        marks = mark_line(data, start, end)
        row[HASHES] += marks.hashes
        if marks.ellipsis:
            row[ELLIPSES] += count_ellipses(data, start, end)
    return marks


cdef void measure_document(
    Text text, int64_t start, int64_t end, int64_t document, uint64_t *keys, int bits, int64_t *row, Kept *kept
) noexcept nogil:
    """Fill the row of the document data[start:end]; `keys` has room for a set of 2**bits slots."""
    cdef const uint8_t *data = text.data
    cdef int64_t line = start, stop, rest, chars
    cdef bint gap = False, repeated  # gap: two newlines in a row
    cdef LineMarks marks
    cdef HashSet seen
    cdef Span stripped
    clear(&seen, keys, bits)
    while line < end:
        stop = line_end(data, line, end)
        marks = inspect_line(data, line, stop, row)
        chars = stop - line - marks.continuations
        row[CHARS] += chars
        stripped.start, stripped.end = line, stop
        if stop > line:
            stripped = strip(text, line, stop)
            row[RUN_LINES] += 1
            repeated = not add(&seen, hash_bytes(data + line, stop - line))
            if repeated:
                row[DUP_RUN_LINES] += 1
                row[DUP_RUN_LINE_CHARS] += chars
            if stripped.start < stripped.end:
                measure_full_line(text, line, stop, chars, repeated, row)
        else:
            gap = True
        rest = line
        if marks.line_break:
            rest = split_at_breaks(text, line, stop, document, row, kept)
            stripped = strip(text, rest, stop)
        if rest < stop or (stop < end and not (rest > line and data[rest - 1] == c'\r')):
            measure_split_line(text, stripped, document, row, kept)
        if stop < end:
            row[CHARS] += 1
            row[NEWLINES] += 1
        line = stop + 1
    if start < end:
        count_edges(data, start, end, row)
        row[PARAGRAPHS] = not gap
        if gap:
            clear(&seen, keys, bits)
            count_paragraphs(text, strip(text, start, end), &seen, row)


cdef inline void count_edges(const uint8_t *data, int64_t start, int64_t end, int64_t *row) noexcept nogil:
    """Count the empty lines that re.split gives for newlines at either end of a document."""
    cdef int edges = (data[start] == c'\n') + (data[end - 1] == c'\n')
    row[RUN_LINES] += edges
    row[DUP_RUN_LINES] += edges == 2


def measure_lines(texts, tables, int64_t[:, ::1] out, int64_t[:, ::1] kept, uint8_t[::1] cited):
    """Fill out[d] with the measures named above, for each document d of `texts` (a `Texts`); `tables`: `unicode_tables.tables()`.

    Returns (n, m, size): the lines that C4 keeps are kept[:n], rows of start, end and document, in the texts; and kept[-m:], the
    last line first, in cited[:size]: lines with brackets, without their citations. `kept` has a row for each byte and document,
    `cited` a byte for each byte.
    """
    cdef const uint8_t[::1] data = texts.data
    cdef const int64_t[::1] offsets = texts.offsets
    cdef Py_ssize_t documents = offsets.shape[0] - 1, d
    cdef Text text = text_of(data, tables.pages, tables.flags)
    cdef uint64_t[::1] keys
    cdef int64_t[::1] bits = np.empty(documents, np.int64)
    cdef int64_t slots
    cdef KeptLine *first_kept
    cdef KeptLine *end_kept
    cdef Kept lines
    cdef int64_t size
    check_text(data, offsets)
    size = offsets[documents] - offsets[0]
    check_rows("out", out.shape[0], documents)
    check_columns("out", out.shape[1], MEASURES)
    check_rows("kept", kept.shape[0], size + documents)
    check_columns("kept", kept.shape[1], 3)
    check_rows("cited", cited.shape[0], size)
    out[:] = 0
    slots = 1 << size_line_tables(data, offsets, bits)
    keys = np.empty(slots, np.uint64)
    first_kept = <KeptLine *>&kept[0, 0]
    end_kept = first_kept + kept.shape[0]
    lines.plain, lines.bracketed, lines.cited, lines.cited_size = first_kept, end_kept, &cited[0], 0
    with nogil:
        for d in range(documents):
            measure_document(text, offsets[d], offsets[d + 1], d, &keys[0], <int>bits[d], &out[d, 0], &lines)
    return lines.plain - first_kept, end_kept - lines.bracketed, lines.cited_size
