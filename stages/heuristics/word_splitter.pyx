"""Splits UTF-8 text into words as spaCy's English tokenizer does.

White space separates chunks. Punctuation, quotation marks, currency signs and units are taken off both ends of a chunk. What is
left stays whole if it is a known abbreviation, contraction or URL; otherwise it is cut at hyphens between letters, at ellipses
and the like (rules: spacy/tokenizer.pyx and spacy/lang/en/punctuation.py, spaCy 3.8).

Han, kana, Thai, Lao, Khmer and Myanmar letters are written without spaces. Runs of them are cut into pseudo-words where a hash of
two neighboring letters falls below a threshold: the same phrase is cut at the same places wherever it stands, and the mean length
is that of real words.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from curricle.c_checks cimport check_columns, check_rows
from curricle.stages.heuristics.bytes64 cimport hash_bytes, leading_letters, load_eight, mix
from curricle.stages.heuristics.characters cimport (
    ACTIVE,
    AFFIX,
    ALPHA,
    BEFORE_STOP,
    CURRENCY,
    DIGIT,
    HAN,
    ICON,
    KANA,
    LOWER,
    MARK,
    PREFIX,
    PUNCTUATION,
    QUOTE,
    SPACE,
    SYMBOL,
    TERMINAL,
    THAI,
    UNSPACED,
    UPPER,
    Character,
    Text,
    character_at,
    character_before,
)
from curricle.stages.heuristics.documents cimport check_text, text_of
from curricle.stages.heuristics.scan cimport is_ellipsis_at
from curricle.stages.heuristics.words cimport HAS_ALPHA, IS_PUNCTUATION, IS_STOP, NOT_SYMBOL, Word

cpdef enum:
    LONGEST_SPECIAL = 16  # bytes; longer chunks are never looked up
    SPECIAL_BITS = 12
    SPECIAL_SLOTS = 1 << 12  # slots of the table of special strings
    FILTER_BITS = 14  # of a hash, for the filter after the table

cdef enum:
    HORIZONTAL_ELLIPSIS = 0x2026
    EN_DASH = 0x2013
    EM_DASH = 0x2014
    SIMPLE_LETTERS = 16  # shorter runs of letters take a shortcut

cdef enum:  # of 1,024: how often the place between two letters is a cut, 1024 / mean length
    CUT_HAN = 600
    CUT_KANA = 500
    CUT_THAI = 240
    CUT_KHMER = 240

cdef struct Lexicon:
    const uint64_t *special  # `lexicon.Lexicon`
    const int64_t *units
    Py_ssize_t unit_count

cdef struct Chunk:  # what stands between white space
    int64_t start
    int64_t end
    int64_t continuations  # bytes that do not start a character
    uint32_t some  # flags of any of its characters; of ASCII letters at its start only ALPHA
    int64_t active  # characters with the flag ACTIVE

cdef struct Cursor:
    int64_t place  # in the text
    Word *out  # where the next word is written


cdef inline bint is_digit(int64_t code) noexcept nogil:
    return c'0' <= code <= c'9'


cdef inline int64_t find_special(const uint64_t *special, uint64_t hashed) noexcept nogil:
    """What `lexicon.special_table()` holds for a hash, -1 if nothing."""
    cdef uint64_t bit = hashed >> (64 - FILTER_BITS)
    cdef int64_t slot
    if not (special[2 * SPECIAL_SLOTS + (bit >> 6)] >> (bit & 63)) & 1:
        return -1
    slot = <int64_t>(hashed >> (64 - SPECIAL_BITS))
    while special[2 * slot + 1]:
        if special[2 * slot] == hashed:
            return <int64_t>special[2 * slot + 1]
        slot = (slot + 1) & (SPECIAL_SLOTS - 1)
    return -1


cdef inline int64_t special_at(const Lexicon *lexicon, Text text, int64_t start, int64_t end) noexcept nogil:
    """If data[start:end] is a special string: the byte lengths of its words, eight bits each, the first lowest. Otherwise -1."""
    if end - start > LONGEST_SPECIAL or end <= start:
        return -1
    return find_special(lexicon.special, hash_bytes(text.data + start, end - start))


cdef inline Word *put(Word *out, uint64_t hashed, int64_t chars, uint32_t flags, int64_t start, int64_t size) noexcept nogil:
    """Write a word; returns where the next one goes."""
    out.hash, out.chars, out.flags, out.start, out.size = hashed, <uint32_t>chars, flags, <uint32_t>start, <uint32_t>size
    return out + 1


cdef inline Word *put_letters(Word *out, Text text, int64_t start, int64_t end, int64_t chars) noexcept nogil:
    """Write data[start:end], which is all letters."""
    return put(out, hash_bytes(text.data + start, end - start), chars, NOT_SYMBOL | HAS_ALPHA, start, end - start)


cdef inline uint32_t word_flags(uint32_t some, uint32_t every, int64_t chars) noexcept nogil:
    """Flags of a word of so many characters, from the flags that some of them have, and those that all have."""
    cdef uint32_t flags = 0
    if not every & SYMBOL:
        flags |= NOT_SYMBOL
    if some & ALPHA:
        flags |= HAS_ALPHA
    if every & PUNCTUATION:
        flags |= IS_PUNCTUATION
    if chars == 1 and some & TERMINAL:
        flags |= IS_STOP
    return flags


cdef Word *put_span(Word *out, Text text, int64_t start, int64_t end) noexcept nogil:
    """Write data[start:end] as one word."""
    cdef Character character
    cdef uint32_t some = 0, every = ~<uint32_t>0
    cdef int64_t chars = 0, i = start
    while i < end:
        character = character_at(text, i)
        some |= character.flags
        every &= character.flags
        chars += 1
        i += character.width
    return put(out, hash_bytes(text.data + start, end - start), chars, word_flags(some, every, chars), start, end - start)


cdef inline Word *put_ascii(Word *out, Text text, int64_t i) noexcept nogil:
    """Write the ASCII character at byte i as one word."""
    cdef uint8_t byte = text.data[i]
    cdef uint32_t flags = text.flags[byte]
    return put(out, mix(1, byte), 1, word_flags(flags, flags, 1), i, 1)


cdef Word *put_parts(Word *out, Text text, int64_t start, int64_t end, int64_t lengths) noexcept nogil:
    """Write the words of a special string."""
    while start < end and lengths > 0:
        out = put_span(out, text, start, start + (lengths & 0xFF))
        start += lengths & 0xFF
        lengths >>= 8
    return out


cdef int64_t prefix_length(Text text, int64_t start, int64_t end) noexcept nogil:
    """Bytes to take off the start of data[start:end]."""
    cdef const uint8_t *data = text.data + start
    cdef Character first = character_at(text, start)
    cdef int64_t size = end - start, dots
    if first.flags & (AFFIX | PREFIX):
        return first.width
    if first.code == c'+':
        return 0 if size > 1 and is_digit(data[1]) else 1
    if first.code == c'.':
        dots = 1
        while dots < size and data[dots] == c'.':
            dots += 1
        return dots if dots > 1 else 0
    if size >= 3 and first.code == c'U' and data[1] == c'S' and data[2] == c'$':
        return 3
    if size >= 2 and (first.code == c'A' or first.code == c'C') and data[1] == c'$':
        return 2
    return 0


cdef int64_t unit_length(const Lexicon *lexicon, Text text, int64_t start, int64_t end) noexcept nogil:
    """Bytes of the unit of measure (km, GB, %...) that ends data[start:end] right after a digit; 0 if there is none."""
    cdef const uint8_t *data = text.data
    cdef int64_t i = end, j, key = 0
    cdef Py_ssize_t unit
    while i > start and end - i < 8 and not is_digit(data[i - 1]):
        i -= 1
    if i == end or i == start or not is_digit(data[i - 1]):
        return 0
    for j in range(i, end):
        key = key << 8 | data[j]
    for unit in range(lexicon.unit_count):
        if lexicon.units[unit] == key:
            return end - i
    return 0


cdef int64_t full_stop_length(Text text, int64_t start, int64_t end) noexcept nogil:
    """Bytes to take off the end of data[start:end], which ends in a full stop."""
    cdef const uint8_t *data = text.data
    cdef Character previous
    cdef int64_t i = end - 1
    while i > start and data[i - 1] == c'.':
        i -= 1
    if end - i > 1:
        return end - i
    if i == start:
        return 0
    previous = character_before(text, start, i)
    if previous.flags & BEFORE_STOP:
        return 1
    if i - start >= 3 and data[i - 3] == 0xC2 and data[i - 2] == 0xB0 and data[i - 1] in (c'C', c'F', c'K'):  # a degree sign
        return 1
    if previous.flags & UPPER and i - previous.width > start:
        return 1 if character_before(text, start, i - previous.width).flags & UPPER else 0
    return 0


cdef inline int64_t genitive_length(const uint8_t *data, int64_t start, int64_t end) noexcept nogil:
    """Bytes of the 's that ends data[start:end], which ends in s or S; 0 if there is no apostrophe, straight or U+2019."""
    if end - start >= 2 and data[end - 2] == c"'":
        return 2
    if end - start >= 4 and data[end - 4] == 0xE2 and data[end - 3] == 0x80 and data[end - 2] == 0x99:
        return 4
    return 0


cdef int64_t suffix_length(const Lexicon *lexicon, Text text, int64_t start, int64_t end) noexcept nogil:
    """Bytes to take off the end of data[start:end]."""
    cdef const uint8_t *data = text.data
    cdef Character last
    cdef int64_t genitive
    if start >= end:
        return 0
    if data[end - 1] == c'.':
        return full_stop_length(text, start, end)
    last = character_before(text, start, end)
    if last.code == c's' or last.code == c'S':
        genitive = genitive_length(data, start, end)
        if genitive:
            return genitive
    if last.flags & AFFIX:
        return 6 if end - start >= 6 and is_ellipsis_at(data, end - 3) and is_ellipsis_at(data, end - 6) else last.width
    if end - last.width > start:
        if is_digit(data[end - last.width - 1]) and (last.code == c'+' or last.flags & CURRENCY):
            return last.width
        if end - start > 3 and last.code == c'$' and data[end - 2] == c'S' and data[end - 3] == c'U' and is_digit(data[end - 4]):
            return 3
    return unit_length(lexicon, text, start, end)


cdef inline bint is_host_letter(int64_t code) noexcept nogil:
    """Whether a code point may stand in a host name."""
    return is_digit(code) or c'A' <= code <= c'Z' or c'a' <= code <= c'z' or 0xA1 <= code <= 0xFFFF


cdef bint ends_host(const uint8_t *data, int64_t i, int64_t end) noexcept nogil:
    """Whether data[i:end] is nothing, a port or a path."""
    cdef int64_t port
    if i < end and data[i] == c':':
        i += 1
        port = i
        while i < end and is_digit(data[i]):
            i += 1
        if not 2 <= i - port <= 5:
            return False
    return i == end or data[i] in (c'/', c'?', c'#')


cdef bint is_host(Text text, int64_t i, int64_t end) noexcept nogil:
    """Whether data[i:end] is labels and dots, a lower-case top level, then nothing, a port or a path."""
    cdef Character character
    cdef int64_t chars
    cdef int labels = 0
    cdef bint starts_well, ends_well, lower, letter
    while i < end:
        chars, starts_well, ends_well, lower = 0, False, False, True
        while i < end:
            character = character_at(text, i)
            letter = is_host_letter(character.code)
            if not (letter or character.code == c'_' or character.code == c'-'):
                break
            if chars == 0:
                starts_well = letter
            ends_well = letter
            lower = lower and character.flags & LOWER != 0
            chars += 1
            i += character.width
        if i < end and text.data[i] == c'.':
            if chars == 0 or chars > 64 or not starts_well or not ends_well:
                return False
            labels += 1
            i += 1
            continue
        return labels > 0 and lower and 2 <= chars <= 63 and ends_host(text.data, i, end)
    return False


cdef int64_t scheme_end(Text text, int64_t start, int64_t end) noexcept nogil:
    """Where the scheme of data[start:end] ends (`http://`); `start` if there is none."""
    cdef const uint8_t *data = text.data
    cdef Character character
    cdef int64_t i = start
    while i < end:
        character = character_at(text, i)
        if not (character.flags & (ALPHA | DIGIT) or character.code in (c'_', c'+', c'-', c'.')):
            break
        i += character.width
    if i + 2 < end and i - start >= 2 and data[i] == c':' and data[i + 1] == c'/' and data[i + 2] == c'/':
        return i + 3
    return start


cdef bint is_url(Text text, int64_t start, int64_t end) noexcept nogil:
    """spaCy's URL pattern without its IPv4 part: [scheme://][user@]host[:port][/path]."""
    cdef int64_t i, at_sign = -1
    cdef bint dot = False
    for i in range(start, end):
        if text.data[i] == c'@':
            at_sign = i
        elif text.data[i] == c'.':
            dot = True
    if not dot:
        return False
    i = scheme_end(text, start, end)
    return is_host(text, i, end) or (at_sign > i and is_host(text, at_sign + 1, end))


cdef int64_t hyphens_length(Text text, int64_t i, int64_t end, Character first) noexcept nogil:
    """Bytes of the two or three hyphens, or two em dashes, at byte i, the `first` of them given, if a letter follows; otherwise
    0.
    """
    cdef Character character
    cdef int64_t stop = i + first.width
    cdef int count = 1, most = 3 if first.code == c'-' else 2
    if first.code != c'-' and first.code != EM_DASH:
        return 0
    while count < most and stop < end:
        character = character_at(text, stop)
        if character.code != first.code:
            return 0
        stop += character.width
        count += 1
        if stop < end and character_at(text, stop).flags & (LOWER | UPPER):
            return stop - i
    return 0


cdef int64_t infix_length(Text text, int64_t start, int64_t i, int64_t end) noexcept nogil:
    """Bytes of the cut that starts at byte i of data[start:end]; 0 if there is none."""
    cdef Character here = character_at(text, i), after
    cdef int64_t stop
    cdef uint32_t previous
    if here.flags & ICON or here.code == HORIZONTAL_ELLIPSIS:
        return here.width
    if here.code == c'.' and i + 1 < end and text.data[i + 1] == c'.':
        stop = i + 2
        while stop < end and text.data[stop] == c'.':
            stop += 1
        return stop - i
    if i == start or i + here.width >= end:
        return 0
    previous = character_before(text, start, i).flags
    after = character_at(text, i + here.width)
    if here.code == c'.':
        return here.width if previous & (LOWER | QUOTE) and after.flags & (UPPER | QUOTE) else 0
    if here.code == c',':
        return here.width if previous & (LOWER | UPPER) and after.flags & (LOWER | UPPER) else 0
    if here.code in (c'+', c'-', c'*', c'^') and previous & DIGIT and (after.flags & DIGIT or after.code == c'-'):
        return here.width
    if not previous & (LOWER | UPPER | DIGIT):
        return 0
    if here.code in (c':', c'<', c'>', c'=', c'/'):
        return here.width if after.flags & (LOWER | UPPER) else 0
    if here.code in (c'-', EN_DASH, EM_DASH, c'~'):
        return here.width if after.flags & (LOWER | UPPER) else hyphens_length(text, i, end, here)
    return 0


cdef Word *split_infixes(Word *out, Text text, int64_t start, int64_t end) noexcept nogil:
    """Cut data[start:end] at its infixes and write the words."""
    cdef Character character
    cdef int64_t begin = start, i = start, size
    while i < end:
        character = character_at(text, i)
        size = infix_length(text, start, i, end) if character.flags & ACTIVE else 0
        if size == 0:
            i += character.width
            continue
        if i > start:
            if i > begin:
                out = put_span(out, text, begin, i)
            out = put_span(out, text, i, i + size)
            begin = i + size
        i += size
    return put_span(out, text, begin, end) if begin < end else out


cdef Word *split_rest(Word *out, const Lexicon *lexicon, Text text, int64_t start, int64_t end, bint changed) noexcept nogil:
    """Write the words of a chunk whose affixes are taken off; `changed`: whether there were any."""
    cdef int64_t lengths = special_at(lexicon, text, start, end) if changed else -1
    if lengths >= 0:
        return put_parts(out, text, start, end, lengths)
    if is_url(text, start, end):
        return put_span(out, text, start, end)
    return split_infixes(out, text, start, end)


cdef Word *split_affixes(Word *out, const Lexicon *lexicon, Text text, int64_t start, int64_t end) noexcept nogil:
    """Take affixes off data[start:end], which is not a special string, and write the words.

    Suffixes are found from the end on: they are written to the last of the rows that the chunk has, one for each byte, and moved
    up when all words before them are known.
    """
    cdef Word *first = out
    cdef Word *limit = out + (end - start)
    cdef Word *suffixes = limit
    cdef int64_t size = -1, prefix, suffix
    cdef bint known = True  # that it is not a special string
    while start < end and end - start != size:
        if not known and special_at(lexicon, text, start, end) >= 0:
            break
        known = False
        size = end - start
        prefix = prefix_length(text, start, end)
        if prefix > 0 and special_at(lexicon, text, start + prefix, end) >= 0:
            out = put_span(out, text, start, start + prefix)
            start += prefix
            break
        suffix = suffix_length(lexicon, text, start + prefix, end)
        if suffix > 0:
            suffixes -= 1
            put_span(suffixes, text, end - suffix, end)
            if special_at(lexicon, text, start, end - suffix) >= 0:
                end -= suffix
                break
        if prefix > 0:
            out = put_span(out, text, start, start + prefix)
        start += prefix
        end -= suffix
    if start < end:
        out = split_rest(out, lexicon, text, start, end, suffixes < limit or out > first)
    while suffixes < limit:
        out[0] = suffixes[0]
        out += 1
        suffixes += 1
    return out


cdef Word *join_special(Word *first, Word *end, const Lexicon *lexicon, Text text) noexcept nogil:
    """Join neighboring words of one chunk that are kept whole together, such as `8)`; returns the new end."""
    cdef Word *out = first
    cdef Word *word = first
    cdef int64_t stop, size
    while word < end:
        if word + 1 < end:
            stop = <int64_t>word[1].start + word[1].size
            size = stop - word.start
            if size <= 6 and special_at(lexicon, text, word.start, stop) == size:
                out = put_span(out, text, word.start, stop)
                word += 2
                continue
        out[0] = word[0]
        out += 1
        word += 1
    return out


cdef inline bint is_cut(Character left, Character right) noexcept nogil:
    """Whether two letters of scripts without spaces belong to two pseudo-words."""
    cdef uint32_t both = left.flags & right.flags & UNSPACED
    cdef uint64_t mixed
    cdef int64_t limit
    if both == 0:
        return True
    if right.flags & MARK:
        return False
    if 0xE40 <= left.code <= 0xE44 or 0xEC0 <= left.code <= 0xEC4:  # Thai and Lao vowels, written before their consonant
        return False
    mixed = (<uint64_t>left.code * 0x9E3779B97F4A7C15ULL + <uint64_t>right.code) * 0xD6E8FEB86659FD93ULL
    if both & HAN:
        limit = CUT_HAN
    elif both & KANA:
        limit = CUT_KANA
    else:
        limit = CUT_THAI if both & THAI else CUT_KHMER
    return <int64_t>(mixed >> 54) < limit


cdef Word *split_unspaced(Word *out, Text text, int64_t i, int64_t end) noexcept nogil:
    """Write the words of a chunk with letters of scripts without spaces: pseudo-words, single punctuation, runs of the rest."""
    cdef Character left, right
    cdef int64_t start
    while i < end:
        left = character_at(text, i)
        start = i
        i += left.width
        while i < end and not left.flags & AFFIX:
            right = character_at(text, i)
            if right.flags & AFFIX or ((left.flags | right.flags) & UNSPACED and is_cut(left, right)):
                break
            if not right.flags & MARK:
                left = right
            i += right.width
        out = put_span(out, text, start, i)
    return out


cdef inline bint ends_simply(Text text, const Chunk *chunk, Character last, int64_t place) noexcept nogil:
    """Whether the last character of a chunk, at byte `place`, is its only active one and is split off."""
    if chunk.active != 1 or (chunk.some & DIGIT and chunk.some & ALPHA):
        return False
    return last.flags & AFFIX or (last.code == c'.' and character_before(text, chunk.start, place).flags & (LOWER | DIGIT))


cdef Word *split_marked(Word *out, const Lexicon *lexicon, Text text, const Chunk *chunk) noexcept nogil:
    """Write the words of a chunk that has active characters, or letters and digits."""
    cdef int64_t start = chunk.start, end = chunk.end, place
    cdef int64_t lengths = special_at(lexicon, text, start, end)
    cdef Character last
    if lengths > 0:
        return put_parts(out, text, start, end, lengths)
    last = character_before(text, start, end)
    place = end - last.width
    if place == start:
        return put_span(out, text, start, end)
    if ends_simply(text, chunk, last, place) and special_at(lexicon, text, start, place) < 0:
        if chunk.some & ALPHA:
            out = put_letters(out, text, start, place, place - start - (chunk.continuations - (last.width - 1)))
        else:
            out = put_span(out, text, start, place)
        return put_span(out, text, place, end)
    return join_special(out, split_affixes(out, lexicon, text, start, end), lexicon, text)


cdef inline Word *split_chunk(Word *out, const Lexicon *lexicon, Text text, const Chunk *chunk, bint english) noexcept nogil:
    """Write the words of a chunk."""
    cdef int64_t start = chunk.start, end = chunk.end, lengths
    if not chunk.active and chunk.some & (ALPHA | DIGIT | UNSPACED) == ALPHA:
        lengths = special_at(lexicon, text, start, end) if english else -1
        if lengths > 0 and (lengths & 0xFF) < end - start:
            return put_parts(out, text, start, end, lengths)
        return put_letters(out, text, start, end, end - start - chunk.continuations)
    if chunk.some & UNSPACED:
        return split_unspaced(out, text, start, end)
    if not chunk.active and not (chunk.some & DIGIT and chunk.some & ALPHA):
        return put_span(out, text, start, end)
    return split_marked(out, lexicon, text, chunk)


cdef inline bint is_blank_or_newline(uint8_t byte) noexcept nogil:
    return byte == c' ' or byte == c'\n'


cdef inline int64_t letters_at(const uint8_t *data, int64_t i, int64_t end) noexcept nogil:
    """How many ASCII letters data[i:end] starts with, as far as 16."""
    cdef int64_t count = leading_letters(load_eight(data + i))
    if count == 8:
        count += leading_letters(load_eight(data + i + 8))
    return min(count, end - i)


cdef inline bint take_letters(
    Cursor *cursor, const Lexicon *lexicon, Text text, int64_t letters, int64_t end, bint english
) noexcept nogil:
    """The shortcut for most words: letters, at most one mark, and one space or newline. Writes them and returns whether it
    could.
    """
    cdef const uint8_t *data = text.data
    cdef int64_t start = cursor.place, stop = cursor.place + letters, lengths
    cdef uint64_t hashed = hash_bytes(data + start, letters)
    cdef bint mark = False
    if stop + 1 < end:
        mark = (text.flags[data[stop]] & AFFIX and data[stop] < 0x80) or (data[stop] == c'.' and data[stop - 1] >= c'a')
    if stop != end and not is_blank_or_newline(data[stop + mark]):
        return False
    lengths = find_special(lexicon.special, hashed) if english or mark else -1
    if mark and lengths < 0 and data[stop] != c',':
        lengths = find_special(lexicon.special, hash_bytes(data + start, letters + 1))
    if lengths >= 0 and (mark or (lengths & 0xFF) < letters):
        return False
    cursor.out = put(cursor.out, hashed, letters, NOT_SYMBOL | HAS_ALPHA, start, letters)
    if mark:
        cursor.out = put_ascii(cursor.out, text, stop)
    cursor.place = stop + mark + 1
    return True


cdef inline bint is_single(Text text, int64_t i, int64_t end) noexcept nogil:
    """Whether an ASCII character that is not white space stands at byte i, and a space or newline after it."""
    cdef uint8_t byte = text.data[i]
    return byte < 0x80 and i + 1 < end and is_blank_or_newline(text.data[i + 1]) and not text.flags[byte] & SPACE


cdef inline int64_t find_chunk(Chunk *chunk, Text text, int64_t start, int64_t letters, int64_t end) noexcept nogil:
    """Describe the chunk at byte `start`, which starts with so many ASCII letters; returns where the next one may start."""
    cdef Character character
    cdef int64_t i = start + letters, active = 0, continuations = 0
    cdef uint32_t some = ALPHA if letters else 0
    character.width = 0
    while i < end:
        character = character_at(text, i)
        if character.flags & SPACE:
            break
        i += character.width
        continuations += character.width - 1
        some |= character.flags
        active += character.flags & ACTIVE != 0
    if i > end:  # the last character is cut off
        continuations -= i - end
        i = end
    chunk.start, chunk.end, chunk.some, chunk.active, chunk.continuations = start, i, some, active, continuations
    return i + character.width if i < end else end


cdef Word *split_document(Word *out, const Lexicon *lexicon, Text text, int64_t start, int64_t end, bint english) noexcept nogil:
    """Write the words of data[start:end]."""
    cdef Cursor cursor
    cdef Chunk chunk
    cdef int64_t letters
    cursor.place, cursor.out = start, out
    while cursor.place < end:
        letters = letters_at(text.data, cursor.place, end)
        if 0 < letters < SIMPLE_LETTERS:
            if take_letters(&cursor, lexicon, text, letters, end, english):
                continue
        elif letters == 0 and is_single(text, cursor.place, end):
            cursor.out = put_ascii(cursor.out, text, cursor.place)
            cursor.place += 2
            continue
        cursor.place = find_chunk(&chunk, text, cursor.place, letters, end)
        if chunk.start < chunk.end:
            cursor.out = split_chunk(cursor.out, lexicon, text, &chunk, english)
    return cursor.out


def split_words(texts, const uint8_t[::1] english, tables, lexicon, Word[::1] words, int64_t[::1] first):
    """Write the words of `texts` (a `Texts`) to `words`; words[first[d]:first[d + 1]] are those of document d.

    english[d] is 0 where contractions without an apostrophe (im, dont) are not cut. `tables`: `unicode_tables.tables()`;
    `lexicon`: `lexicon.lexicon()`. `words` has a row for each byte of the texts, `first` one more than there are documents.
    """
    cdef const uint8_t[::1] data = texts.data
    cdef const int64_t[::1] offsets = texts.offsets
    cdef const uint64_t[:, ::1] special = lexicon.special
    cdef const int64_t[::1] units = lexicon.units
    cdef Py_ssize_t documents = offsets.shape[0] - 1, d
    cdef Text text = text_of(data, tables.pages, tables.flags)
    cdef Lexicon entries
    cdef Word *out
    check_text(data, offsets)
    check_rows("english", english.shape[0], documents)
    check_rows("words", words.shape[0], offsets[documents] - offsets[0])
    check_rows("first", first.shape[0], documents + 1)
    check_rows("lexicon.special", special.shape[0], SPECIAL_SLOTS + (1 << FILTER_BITS) // 128)
    check_columns("lexicon.special", special.shape[1], 2)
    entries.special, entries.units, entries.unit_count = &special[0, 0], &units[0], units.shape[0]
    with nogil:
        out = &words[0]
        for d in range(documents):
            first[d] = out - &words[0]
            out = split_document(out, &entries, text, offsets[d], offsets[d + 1], english[d])
        first[documents] = out - &words[0]
