"""Splits UTF-8 text into words as spaCy's English tokenizer does, without Python objects (Numba, about 100 MB/s).

White space separates chunks. From a chunk, punctuation, quotation marks, currency signs and units are taken off at both
ends, what is left stays whole if it is a known abbreviation, contraction or a URL, and is else cut at hyphens between letters,
at ellipses and the like (rules: spacy/tokenizer.pyx and spacy/lang/en/punctuation.py, spaCy 3.8). Runs of Han, kana, Thai,
Lao, Khmer and Myanmar letters, written without spaces, are cut into pseudo-words where a hash of two neighbouring letters
falls under a threshold: the same phrase is cut in the same places wherever it stands, and the mean length is that of real words.

A word is a row of three uint64: its hash; its length in code points << 8 | four flags; its first byte << 32 | its bytes.
"""

import numpy as np
from curricle.models.compiled.memory import load64, pointer
from curricle.stages.heuristics import lexicon
from curricle.stages.heuristics import unicode_tables as u
from curricle.stages.heuristics.bytes64 import hash_range, letters, step
from curricle.stages.heuristics.compiled import export, inner
from curricle.stages.heuristics.lexicon import LONGEST, units

NOT_SYMBOL = 1  # flags of a word: has a character outside datatrove's symbols
HAS_ALPHA = 2  # has a letter
IS_PUNCTUATION = 4  # is all punctuation
IS_STOP = 8  # is one sentence terminal

BYTES, BYTES_MASK = np.uint64(32), np.uint64(0xFFFFFFFF)
ONE = np.uint64(1)
SPACE, ALPHA, LOWER, UPPER, SYMBOL = u.SPACE, u.ALPHA, u.LOWER, u.UPPER, u.SYMBOL
AFFIX, PREFIX, QUOTE, BEFORE_STOP, ICON, CURRENCY = u.AFFIX, u.PREFIX, u.QUOTE, u.BEFORE_STOP, u.ICON, u.CURRENCY
ACTIVE, MARK, DIGIT, UNSPACED, PUNCTUATION, TERMINAL = u.ACTIVE, u.MARK, u.DIGIT, u.UNSPACED, u.PUNCTUATION, u.TERMINAL
HAN, KANA, THAI = u.HAN, u.KANA, u.THAI
LONGEST_SPECIAL = LONGEST
TABLE_SLOTS = lexicon.SLOTS
SHIFT = np.uint64(64 - (TABLE_SLOTS - 1).bit_length())
FILTER_SHIFT = np.uint64(64 - lexicon.FILTER_BITS)


UNITS = np.array([int.from_bytes(unit.encode()) for unit in units() if len(unit.encode()) < 8])
"""Units of measure as integers of their bytes."""

CUT_HAN, CUT_KANA, CUT_THAI, CUT_KHMER = 600, 500, 240, 240
"""Of 1,024: how often a place between two letters is a cut (1024 / mean length)."""


@inner
def at(data, i, pages, flags):
    """(flags, bytes, code point) of the character at byte i of valid UTF-8."""
    b = np.int64(data[i])
    if b < 0x80:
        return np.int64(flags[b]), 1, b
    if b < 0xE0:
        c = (b & 0x1F) << 6 | (np.int64(data[i + 1]) & 0x3F)
        n = 2
    elif b < 0xF0:
        c = (b & 0x0F) << 12 | (np.int64(data[i + 1]) & 0x3F) << 6 | (np.int64(data[i + 2]) & 0x3F)
        n = 3
    else:
        c = (b & 0x07) << 18 | (np.int64(data[i + 1]) & 0x3F) << 12 | (np.int64(data[i + 2]) & 0x3F) << 6
        c |= np.int64(data[i + 3]) & 0x3F
        n = 4
    return np.int64(flags[np.int64(pages[c >> 8]) * 256 + (c & 255)]), n, c


@inner
def before(data, i, pages, flags):
    """(flags, bytes) of the character that ends before byte i; there must be one."""
    s = i - 1
    while (data[s] & 0xC0) == 0x80:
        s -= 1
    f, n, _ = at(data, s, pages, flags)
    return f, n


@inner
def is_lower_at(data, i, pages, flags):
    """Whether the character before byte i is a lower-case or uncased letter or a digit."""
    f, _ = before(data, i, pages, flags)
    return f & (LOWER | DIGIT) != 0


@inner
def find(h, table):
    """What the table (lexicon.special_table) holds for hash h, else -1."""
    bit = h >> FILTER_SHIFT
    if not (table[2 * TABLE_SLOTS + np.int64(bit >> np.uint64(6))] >> (bit & np.uint64(63))) & ONE:
        return -1
    slot = np.int64(h >> SHIFT)
    while table[2 * slot + 1]:
        if table[2 * slot] == h:
            return np.int64(table[2 * slot + 1])
        slot = (slot + 1) & (TABLE_SLOTS - 1)
    return -1


@inner
def special(data, s, e, table):
    """Byte lengths of the words of data[s:e] if it is a special string, else -1."""
    if e - s > LONGEST_SPECIAL or e <= s:
        return -1
    return find(hash_range(data, s, e), table)


@inner
def put_row(h, means, place, out, k):
    """Write row k; returns k + 1."""
    out[3 * k], out[3 * k + 1], out[3 * k + 2] = h, np.uint64(means), np.uint64(place)
    return k + 1


@inner
def put(data, s, e, out, k, chars, f):
    """Write word k, data[s:e]; returns k + 1."""
    return put_row(hash_range(data, s, e), chars << 8 | f, s << 32 | e - s, out, k)


@inner
def meaning(some, every, chars):
    """Flags of a word of so many characters, from the flags that some, and that all of them have."""
    f = (0 if every & SYMBOL else NOT_SYMBOL) | (HAS_ALPHA if some & ALPHA else 0)
    return f | (IS_PUNCTUATION if every & PUNCTUATION else 0) | (IS_STOP if chars == 1 and some & TERMINAL else 0)


@inner
def emit(data, s, e, pages, flags, out, k):
    """Write data[s:e] as word k; returns k + 1."""
    chars, or_, and_, i = np.int64(0), np.int64(0), np.int64(-1), s
    while i < e:
        f, n, _ = at(data, i, pages, flags)
        or_ |= f
        and_ &= f
        chars += 1
        i += n
    return put(data, s, e, out, k, chars, meaning(or_, and_, chars))


@inner
def put_ascii(data, i, flags, out, k):
    """Write the ASCII character at byte i as word k; returns k + 1."""
    f = np.int64(flags[data[i]])
    return put_row(step(ONE, np.uint64(data[i])), 1 << 8 | meaning(f, f, 1), i << 32 | 1, out, k)


@inner
def emit_parts(data, s, e, lengths, pages, flags, out, k):
    """Write the words of a special string."""
    while s < e and lengths > 0:
        k = emit(data, s, s + (lengths & 255), pages, flags, out, k)
        s += lengths & 255
        lengths >>= 8
    return k


@inner
def prefix_length(data, a, b, pages, flags):
    """Bytes to take off the start of data[a:b]."""
    f, n, c = at(data, a, pages, flags)
    if f & (AFFIX | PREFIX):
        return n
    if c == 43:  # + unless a digit follows
        return 0 if a + 1 < b and 48 <= data[a + 1] <= 57 else 1
    if c == 46:  # two or more dots
        i = a + 1
        while i < b and data[i] == 46:
            i += 1
        return i - a if i - a > 1 else 0
    if b - a >= 3 and c == 85 and data[a + 1] == 83 and data[a + 2] == 36:  # US$
        return 3
    if b - a >= 2 and (c == 65 or c == 67) and data[a + 1] == 36:  # A$, C$
        return 2
    return 0


@inner
def unit_length(data, a, b):
    """Bytes of the unit of measure (km, GB, %...) that ends data[a:b] right after a digit, else 0."""
    i = b
    while i > a and b - i < 8 and not 48 <= data[i - 1] <= 57:
        i -= 1
    n = b - i
    if n == 0 or i == a or not 48 <= data[i - 1] <= 57:
        return 0
    key = np.int64(0)
    for j in range(i, b):
        key = key << 8 | np.int64(data[j])
    for unit in UNITS:
        if unit == key:
            return n
    return 0


@inner
def is_ellipsis(data, i):
    """Whether the three bytes at i are the character U+2026."""
    return data[i] == 0xE2 and data[i + 1] == 0x80 and data[i + 2] == 0xA6


@inner
def suffix_length(data, a, b, pages, flags):
    """Bytes to take off the end of data[a:b]."""
    if a >= b:
        return 0
    f, n = before(data, b, pages, flags)
    last = np.int64(data[b - 1])
    if last == 46:
        i = b - 1
        while i > a and data[i - 1] == 46:
            i -= 1
        if b - i > 1:
            return b - i
        if i == a:
            return 0
        g, m = before(data, i, pages, flags)
        if g & BEFORE_STOP:
            return 1
        if (
            i - a >= 3
            and data[i - 3] == 0xC2
            and data[i - 2] == 0xB0
            and (data[i - 1] == 67 or data[i - 1] == 70 or data[i - 1] == 75)
        ):
            return 1
        if g & UPPER and i - m > a:
            g2, _ = before(data, i - m, pages, flags)
            return 1 if g2 & UPPER else 0
        return 0
    if last == 115 or last == 83:  # 's 'S and with the typographic apostrophe
        if b - a >= 2 and data[b - 2] == 39:
            return 2
        if b - a >= 4 and data[b - 4] == 0xE2 and data[b - 3] == 0x80 and data[b - 2] == 0x99:
            return 4
    if f & AFFIX:
        return 6 if b - a >= 6 and is_ellipsis(data, b - 3) and is_ellipsis(data, b - 6) else n
    if b - n > a:
        g = np.int64(data[b - n - 1])
        if 48 <= g <= 57 and (last == 43 or f & CURRENCY):
            return n
        if b - a > 3 and last == 36 and data[b - 2] == 83 and data[b - 3] == 85 and 48 <= data[b - 4] <= 57:
            return 3
    return unit_length(data, a, b)


@inner
def host_letter(c):
    """Whether code point c may stand in a host name."""
    return 48 <= c <= 57 or 65 <= c <= 90 or 97 <= c <= 122 or 0xA1 <= c <= 0xFFFF


@inner
def is_host(data, i, b, pages, flags):
    """Whether data[i:b] is labels and dots, a lower-case top level, then nothing, a port or a path."""
    labels = 0
    while i < b:
        chars, first, last, lower, letter = 0, False, False, True, False
        while i < b:
            f, n, c = at(data, i, pages, flags)
            letter = host_letter(c)
            if not (letter or c == 95 or c == 45):
                break
            if chars == 0:
                first = letter
            last = letter
            lower = lower and f & LOWER != 0
            chars += 1
            i += n
        if i < b and data[i] == 46:
            if chars == 0 or chars > 64 or not first or not last:
                return False
            labels += 1
            i += 1
            continue
        if labels == 0 or not lower or chars < 2 or chars > 63:
            return False
        if i < b and data[i] == 58:
            s = i + 1
            i = s
            while i < b and 48 <= data[i] <= 57:
                i += 1
            if not 2 <= i - s <= 5:
                return False
        return i == b or data[i] == 47 or data[i] == 63 or data[i] == 35
    return False


@inner
def is_url(data, a, b, pages, flags):
    """spaCy's URL pattern without its IPv4 part: [scheme://][user@]host[:port][/path]."""
    i, last_at, dot = a, -1, False
    for j in range(a, b):
        if data[j] == 64:
            last_at = j
        elif data[j] == 46:
            dot = True
    if not dot:
        return False
    while i < b:
        f, n, c = at(data, i, pages, flags)
        if not (f & (ALPHA | DIGIT) or c == 95 or c == 43 or c == 45 or c == 46):
            break
        i += n
    if i + 2 < b and i - a >= 2 and data[i] == 58 and data[i + 1] == 47 and data[i + 2] == 47:
        i += 3
    else:
        i = a
    return is_host(data, i, b, pages, flags) or (last_at > i and is_host(data, last_at + 1, b, pages, flags))


@inner
def infix_length(data, a, i, b, pages, flags):
    """Bytes of the cut that starts at byte i of data[a:b], a < i, else 0."""
    f, n, c = at(data, i, pages, flags)
    if f & ICON or c == 0x2026:
        return n
    if c == 46 and i + 1 < b and data[i + 1] == 46:
        e = i + 2
        while e < b and data[e] == 46:
            e += 1
        return e - i
    if i == a or i + n >= b:
        return 0
    p, _ = before(data, i, pages, flags)
    q, _, d = at(data, i + n, pages, flags)
    if c == 46:
        return n if p & (LOWER | QUOTE) and q & (UPPER | QUOTE) else 0
    if c == 44:
        return n if p & (LOWER | UPPER) and q & (LOWER | UPPER) else 0
    if (c == 43 or c == 45 or c == 42 or c == 94) and p & DIGIT and (q & DIGIT or d == 45):
        return n
    if not p & (LOWER | UPPER | DIGIT):
        return 0
    if c == 58 or c == 60 or c == 62 or c == 61 or c == 47:
        return n if q & (LOWER | UPPER) else 0
    if c == 45 or c == 0x2013 or c == 0x2014 or c == 126:
        if q & (LOWER | UPPER):
            return n
        e, again = i + n, 1  # two or three hyphens, or two em dashes, between letters
        while again < (3 if c == 45 else 2) and (c == 45 or c == 0x2014) and e < b:
            _, m, d = at(data, e, pages, flags)
            if d != c:
                return 0
            e += m
            again += 1
            if e < b:
                q, _, _ = at(data, e, pages, flags)
                if q & (LOWER | UPPER):
                    return e - i
    return 0


@inner
def split_infixes(data, a, b, pages, flags, out, k):
    """Cut data[a:b] and write its words."""
    s, i = a, a
    while i < b:
        f, m, _ = at(data, i, pages, flags)
        n = infix_length(data, a, i, b, pages, flags) if f & ACTIVE else 0
        if n == 0:
            i += m
            continue
        if i > a:
            if i > s:
                k = emit(data, s, i, pages, flags, out, k)
            k = emit(data, i, i + n, pages, flags, out, k)
            s = i + n
        i += n
    return emit(data, s, b, pages, flags, out, k) if s < b else k


@inner
def split_affixes(data, a, b, pages, flags, table, out, k, ends):
    """Take affixes off data[a:b], no special string, then write what is left; `ends` is scratch for lengths of suffixes."""
    size, taken, known, start = -1, 0, True, k
    while a < b and b - a != size:
        if not known and special(data, a, b, table) >= 0:
            break
        known = False
        size = b - a
        pre = prefix_length(data, a, b, pages, flags)
        if pre > 0 and special(data, a + pre, b, table) >= 0:
            k = emit(data, a, a + pre, pages, flags, out, k)
            a += pre
            break
        suf = suffix_length(data, a + pre, b, pages, flags)
        if suf > 0:
            ends[taken] = suf
            taken += 1
        if suf > 0 and special(data, a, b - suf, table) >= 0:
            b -= suf
            break
        if pre > 0:
            k = emit(data, a, a + pre, pages, flags, out, k)
        a += pre
        b -= suf
    if a < b:
        lengths = special(data, a, b, table) if taken or k > start else -1
        if lengths >= 0:
            k = emit_parts(data, a, b, lengths, pages, flags, out, k)
        elif is_url(data, a, b, pages, flags):
            k = emit(data, a, b, pages, flags, out, k)
        else:
            k = split_infixes(data, a, b, pages, flags, out, k)
    while taken > 0:
        taken -= 1
        k = emit(data, b, b + ends[taken], pages, flags, out, k)
        b += ends[taken]
    return k


@inner
def join_special(data, pages, flags, table, out, first, k):
    """Join two neighbouring words of one chunk that together are kept whole, such as `8)`."""
    t, w = first, first
    while t < k:
        if t + 1 < k:
            s = np.int64(out[3 * t + 2] >> BYTES)
            end = np.int64(out[3 * t + 5] >> BYTES) + np.int64(out[3 * t + 5] & BYTES_MASK)
            if end - s <= 6 and special(data, s, end, table) == end - s:
                w = emit(data, s, end, pages, flags, out, w)
                t += 2
                continue
        if w < t:
            put_row(out[3 * t], out[3 * t + 1], out[3 * t + 2], out, w)
        w += 1
        t += 1
    return w


@inner
def cut_between(f, c, g, d):
    """Whether letters c and d (flags f and g) of an unspaced script belong to two pseudo-words."""
    both = f & g & UNSPACED
    if both == 0:
        return True
    if g & MARK or 0xE40 <= c <= 0xE44 or 0xEC0 <= c <= 0xEC4:  # a vowel sign, or a vowel written before its consonant
        return False
    mixed = (np.uint64(c) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(d)) * np.uint64(0xD6E8FEB86659FD93)
    limit = CUT_HAN if both & HAN else CUT_KANA if both & KANA else CUT_THAI if both & THAI else CUT_KHMER
    return np.int64(mixed >> np.uint64(54)) < limit


@inner
def split_unspaced(data, a, b, pages, flags, out, k):
    """Write the words of a chunk with letters of unspaced scripts: pseudo-words, single punctuation, runs of the rest."""
    i = a
    while i < b:
        f, n, c = at(data, i, pages, flags)
        s = i
        i += n
        if f & AFFIX:
            k = emit(data, s, i, pages, flags, out, k)
            continue
        while i < b:
            g, m, d = at(data, i, pages, flags)
            if g & AFFIX or ((f | g) & UNSPACED and cut_between(f, c, g, d)):
                break
            if not g & MARK:
                f, c = g, d
            i += m
        k = emit(data, s, i, pages, flags, out, k)
    return k


@export("void(uint8[::1], int64[::1], uint8[::1], uint16[::1], uint32[::1], uint64[:, ::1], uint64[:, ::1], int64[::1])")
def split_words(data, offsets, english, pages, flags, table, out, first):
    """Words of documents data[offsets[d]:offsets[d + 1]] into `out`; first[d]:first[d + 1] are those of document d.

    `english[d]` is 0 where contractions without an apostrophe (im, dont) are not to be cut. `out` holds as many words as
    there are bytes.
    """
    data, pages, flags, table, out = pointer(data), pointer(pages), pointer(flags), pointer(table), pointer(out)
    ends = np.empty(16, np.int64)
    k = np.int64(0)
    for d in range(len(offsets) - 1):
        i, end = offsets[d], offsets[d + 1]
        first[d] = k
        while i < end:
            s, active, high, f, n = i, np.int64(0), np.int64(0), np.int64(0), 1
            n = letters(load64(data, i))
            n = min(n + letters(load64(data, i + 8)) if n == 8 else n, end - i)
            i += n
            if 0 < n < 16:  # most words: letters, then white space or one mark and white space
                h = hash_range(data, s, i)
                mark = i + 1 < end and ((flags[data[i]] & AFFIX and data[i] < 0x80) or (data[i] == 46 and data[i - 1] >= 97))
                if i == end or data[i + mark] == 32 or data[i + mark] == 10:
                    lengths = find(h, table) if english[d] or mark else -1
                    if mark and lengths < 0 and data[i] != 44:
                        lengths = find(hash_range(data, s, i + 1), table)
                    if lengths < 0 or (not mark and (lengths & 255) >= n):
                        k = put_row(h, n << 8 | NOT_SYMBOL | HAS_ALPHA, s << 32 | n, out, k)
                        if mark:
                            k = put_ascii(data, i, flags, out, k)
                        i += mark + 1
                        continue
            elif (
                n == 0
                and data[i] < 0x80
                and i + 1 < end
                and (data[i + 1] == 32 or data[i + 1] == 10)
                and not flags[data[i]] & SPACE
            ):
                k = put_ascii(data, i, flags, out, k)
                i += 2
                continue
            n = 1
            or_ = ALPHA if i > s else np.int64(0)
            while i < end:
                if data[i] < 0x80:
                    f, n = np.int64(flags[data[i]]), 1
                else:
                    f, n, _ = at(data, i, pages, flags)
                    high += n - 1
                if f & SPACE:
                    break
                i += n
                or_ |= f
                active += f & ACTIVE
            e = i
            if f & SPACE:
                i += n
                high -= n - 1
            if e == s:
                continue
            if not active and or_ & (ALPHA | DIGIT | UNSPACED) == ALPHA:
                lengths = special(data, s, e, table) if english[d] else -1
                if lengths > 0 and (lengths & 255) < e - s:
                    k = emit_parts(data, s, e, lengths, pages, flags, out, k)
                else:
                    k = put(data, s, e, out, k, e - s - high, NOT_SYMBOL | HAS_ALPHA)
            elif or_ & UNSPACED:
                k = split_unspaced(data, s, e, pages, flags, out, k)
            elif not active and not (or_ & DIGIT and or_ & ALPHA):
                k = emit(data, s, e, pages, flags, out, k)
            else:
                lengths = special(data, s, e, table)
                if lengths > 0:
                    k = emit_parts(data, s, e, lengths, pages, flags, out, k)
                    continue
                last_flags, n = before(data, e, pages, flags)
                last = e - n
                if last == s:
                    k = emit(data, s, e, pages, flags, out, k)
                elif (
                    active == ACTIVE
                    and (last_flags & AFFIX or (data[last] == 46 and is_lower_at(data, last, pages, flags)))
                    and not (or_ & DIGIT and or_ & ALPHA)
                    and special(data, s, last, table) < 0
                ):
                    if or_ & ALPHA:
                        k = put(data, s, last, out, k, last - s - high + n - 1, NOT_SYMBOL | HAS_ALPHA)
                    else:
                        k = emit(data, s, last, pages, flags, out, k)
                    k = emit(data, last, e, pages, flags, out, k)
                else:
                    if e - s > len(ends):
                        ends = np.empty(2 * (e - s), np.int64)
                    start = k
                    k = split_affixes(data, s, e, pages, flags, table, out, k, pointer(ends))
                    if k - start > 1:
                        k = join_special(data, pages, flags, table, out, start, k)
    first[len(offsets) - 1] = k
