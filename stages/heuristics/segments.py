"""Lines and paragraphs of each document (Numba): kinds of lines, duplicates, and which lines C4's rules keep.

Sources: datatrove 0.10.1 (gopher_quality_filter.py, gopher_repetition_filter.py, fineweb_quality_filter.py, c4_filters.py).
Three different ideas of a line live here: `str.splitlines` (Gopher quality, C4), `re.split("\\n+")` (Gopher repetition) and
`str.split("\\n")` without blank lines (FineWeb).
"""

import numpy as np
from curricle.models.compiled.memory import pointer
from curricle.stages.heuristics import unicode_tables as u
from curricle.stages.heuristics.bytes64 import hash_range
from curricle.stages.heuristics.compiled import export, inner
from curricle.stages.heuristics.scan import is_plain, line_end, line_marks, line_table_bits, may_matter

(
    CHARS,
    NEWLINES,
    HASHES,
    ELLIPSES,
    LINES,
    BULLET_LINES,
    ELLIPSIS_LINES,
    PARAGRAPHS,
    DUP_PARAGRAPHS,
    DUP_PARAGRAPH_CHARS,
    RUN_LINES,
    DUP_RUN_LINES,
    DUP_RUN_LINE_CHARS,
    FULL_LINES,
    DUP_FULL_LINE_CHARS,
    TERMINAL_LINES,
    SHORT_LINES,
    LOREM_LINES,
    CURLY_LINES,
    KEPT_LINES,
) = range(20)
MEASURES = 20

SHORT_CHARS = 30
LONG_WORD_CHARS = 1000
ONE = np.uint64(1)
SPREAD = np.uint64(0xD6E8FEB86659FD93)
SPACE, TERMINAL, BREAK = u.SPACE, u.TERMINAL, u.BREAK


@inner
def at(data, i, pages, flags):
    """(flags, bytes) of the character at byte i of valid UTF-8."""
    b = np.int64(data[i])
    if b < 0x80:
        return np.int64(flags[b]), 1
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
    return np.int64(flags[np.int64(pages[c >> 8]) * 256 + (c & 255)]), n


@inner
def last_at(data, e, pages, flags):
    """(flags, bytes) of the character that ends before byte e."""
    s = e - 1
    while (data[s] & 0xC0) == 0x80:
        s -= 1
    return at(data, s, pages, flags)


@inner
def strip(data, a, b, pages, flags):
    """Range of data[a:b] without white space at its ends; empty (b, b) if it is all white space."""
    while a < b:
        f, n = at(data, a, pages, flags)
        if not f & SPACE:
            break
        a += n
    while a < b:
        f, n = last_at(data, b, pages, flags)
        if not f & SPACE:
            break
        b -= n
    return a, b


@inner
def seen_before(h, keys, mask, shift):
    """Whether h is in the set `keys` (0: an empty slot); adds it."""
    h = h if h else ONE
    slot = np.int64((h * SPREAD) >> shift)
    while keys[slot]:
        if keys[slot] == h:
            return True
        slot = (slot + 1) & mask
    keys[slot] = h
    return False


@inner
def ends_in_ellipsis(data, a, b):
    """Whether data[a:b] ends in `...` or U+2026."""
    if b - a < 3:
        return False
    if data[b - 1] == 46:
        return data[b - 2] == 46 and data[b - 3] == 46
    return data[b - 3] == 0xE2 and data[b - 2] == 0x80 and data[b - 1] == 0xA6


@inner
def is_bullet(data, a, b):
    """Whether data[a:b] starts with a hyphen or U+2022."""
    return a < b and (data[a] == 45 or (b - a >= 3 and data[a] == 0xE2 and data[a + 1] == 0x80 and data[a + 2] == 0xA2))


@inner
def has(data, i, b, lower):
    """Whether data[i:b] starts with the ASCII string `lower` in any case."""
    if i < 0 or i + len(lower) > b:
        return False
    for j in range(len(lower)):
        c = data[i + j]
        if 65 <= c <= 90:
            c += 32
        if c != lower[j]:
            return False
    return True


@inner
def byte_kinds():
    """What a byte may be: 1 ASCII white space, 2 a letter of C4's phrases or `{`."""
    kinds = np.zeros(256, np.uint8)
    for c in range(9, 33):
        kinds[c] = c < 14 or c > 27
    for c in (70, 74, 75, 80, 86, 102, 106, 107, 112, 118, 123):
        kinds[c] = 2
    return kinds


@inner
def count_ellipses(data, s, e):
    """Ellipses of data[s:e]: U+2026, and three dots, none of them in two."""
    ellipses, dots = np.int64(0), 0
    for i in range(s, e):
        c = data[i]
        dots = dots + 1 if c == 46 else 0
        if dots == 3:
            ellipses += 1
            dots = 0
        ellipses += c == 0xE2 and data[i + 1] == 0x80 and data[i + 2] == 0xA6
    return ellipses


@inner
def has_words(data, a, b, wanted, pages, flags):
    """Whether data[a:b] holds that many words between white space, or more."""
    words, inside = 0, False
    while a < b:
        f, n = at(data, a, pages, flags)
        a += n
        if f & SPACE:
            inside = False
        elif not inside:
            inside = True
            words += 1
            if words == wanted:
                return True
    return False


@inner
def has_long_word(data, a, b, pages, flags, kinds):
    """Whether a word of data[a:b] has more than LONG_WORD_CHARS characters, so at least as many bytes."""
    while b - a > LONG_WORD_CHARS:
        i = a + LONG_WORD_CHARS
        while i > a and not kinds[data[i]] & 1:
            i -= 1
        if i > a:
            a = i
            continue
        chars = 0
        while a < b:
            f, n = at(data, a, pages, flags)
            a += n
            if f & SPACE:
                break
            chars += 1
            if chars > LONG_WORD_CHARS:
                return True
    return False


@inner
def is_policy(data, a, i, b):
    """Whether one of C4's policy phrases stands around the letter at byte i, its f, k or v, in the line data[a:b]."""
    c = data[i] | 32
    if c == 102:
        return i - 7 >= a and has(data, i - 7, b, b"terms of use")
    if c == 118:
        return i - 3 >= a and has(data, i - 3, b, b"privacy policy")
    if i - 3 < a or not has(data, i - 3, b, b"cookie"):
        return False
    if has(data, i - 3, b, b"cookie policy"):
        return True
    return has(data, i - 3, b, b"cookies") and (
        (i - 7 >= a and has(data, i - 7, b, b"use cookies"))
        or (i - 8 >= a and has(data, i - 8, b, b"uses cookies"))
        or (i - 10 >= a and has(data, i - 10, b, b"use of cookies"))
    )


@inner
def line_verdict(data, a, b, kinds):
    """What C4 does with the line data[a:b]: 0 drops it, 1 keeps it, 2 and 3 drop the document (lorem ipsum, curly bracket).

    Letters are compared without regard to ASCII case.
    """
    if a >= b or (ends_in_ellipsis(data, a, b) and data[b - 1] == 46):
        return 0
    c = data[b - 1]
    if not (c == 46 or c == 63 or c == 33 or c == 34 or c == 39):
        return 0
    curly, policy, script = False, False, False
    for i in range(a, b):
        c = data[i]
        if not kinds[c] & 2:
            continue
        curly = curly or c == 123
        c |= 32
        if c == 102 or c == 107 or c == 118:
            policy = policy or is_policy(data, a, i, b)
        elif c == 106:
            script = script or has(data, i, b, b"javascript")
        elif c == 112 and i - 7 >= a and has(data, i - 7, b, b"lorem ipsum"):
            return 2
    if script:
        return 0
    if curly:
        return 3
    return 0 if policy else 1


@inner
def remove_citations(data, a, b, pages, flags, out, w):
    """Copy data[a:b] to out[w:] without `[12]`, `[edit]` and `[citation needed]`; returns the end of the copy."""
    i = a
    while i < b:
        if data[i] == 91:
            j = i + 1
            while j < b:
                f, n = at(data, j, pages, flags)
                if not f & u.DECIMAL:
                    break
                j += n
            if j < b and data[j] == 93:
                i = j + 1
                continue
            if has(data, i, b, b"[edit]") and data[i + 1] == 101 and data[i + 4] == 116:
                i += 6
                continue
            if has(data, i, b, b"[citation needed]"):
                i += 17
                continue
        out[w] = data[i]
        w += 1
        i += 1
    return w


@inner
def count_paragraphs(data, a, b, pages, flags, keys, mask, shift, out):
    """Paragraphs of the stripped text data[a:b], split at two or more newlines."""
    keys[: mask + 1] = 0
    while True:
        e, chars = a, 0
        while e < b and not (data[e] == 10 and data[e + 1] == 10):
            chars += (data[e] & 0xC0) != 0x80
            e += 1
        out[PARAGRAPHS] += 1
        if seen_before(hash_range(data, a, e), keys, mask, shift):
            out[DUP_PARAGRAPHS] += 1
            out[DUP_PARAGRAPH_CHARS] += chars
        if e >= b:
            break
        while data[e] == 10:
            e += 1
        a = e


@inner
def judge_line(data, a, b, x, y, pages, flags, kinds, out, kept, cited, d, state):
    """Count the line data[a:b] of str.splitlines, data[x:y] when stripped; if C4 keeps it, note where it is: state = [kept,
    cited, bytes of cited].
    """
    out[LINES] += 1
    if x == y:
        return
    out[BULLET_LINES] += is_bullet(data, x, y)
    out[ELLIPSIS_LINES] += ends_in_ellipsis(data, x, y)
    last = data[y - 1]
    if not (last == 46 or last == 63 or last == 33 or last == 34 or last == 39 or last == 93):
        return
    if not has_words(data, x, y, 3, pages, flags) or has_long_word(data, x, y, pages, flags, kinds):
        return
    s, e, bracket = x, y, False
    if may_matter(data, x, y):
        for i in range(x, y):
            bracket = bracket or data[i] == 91
        if bracket:
            s = state[2]
            e = remove_citations(data, x, y, pages, flags, cited, s)
        verdict = line_verdict(cited if bracket else data, s, e, kinds)
    else:
        verdict = 0 if last == 93 or ends_in_ellipsis(data, x, y) else 1
    out[LOREM_LINES] += verdict == 2
    out[CURLY_LINES] += verdict == 3
    if verdict != 1:
        return
    out[KEPT_LINES] += 1
    k = state[1] if bracket else state[0]
    row = len(kept) - 1 - k if bracket else k
    kept[row, 0], kept[row, 1], kept[row, 2] = s, e, d
    state[1 if bracket else 0] += 1
    if bracket:
        state[2] = e


@export("void(uint8[::1], int64[::1], uint16[::1], uint32[::1], int64[:, ::1], int64[:, ::1], uint8[::1], int64[::1])")
def measure_lines(data, offsets, pages, flags, out, kept, cited, state):
    """out[d] = the measures named above. The lines that C4 keeps: kept[:state[0]] = start, end, document in `data`;
    kept[-state[1]:], last first, the same in `cited[:state[2]]` for lines with brackets, without their citations.

    `data` has eight spare bytes at its end; `kept` has a row for each byte and document, `cited` a byte for each byte.
    """
    state[:] = 0
    data, cited, pages, flags, state = pointer(data), pointer(cited), pointer(pages), pointer(flags), pointer(state)
    out[:] = 0
    kinds, keys = byte_kinds(), np.empty(16, np.uint64)
    for d in range(len(offsets) - 1):
        a, b = offsets[d], offsets[d + 1]
        row = pointer(out[d])
        bits = line_table_bits(data, a, b)
        if len(keys) < 1 << bits:
            keys = np.empty(1 << bits, np.uint64)
        mask, shift = (1 << bits) - 1, np.uint64(64 - bits)
        keys[: mask + 1] = 0
        s, gap, ellipses, hashes = a, False, np.int64(0), np.int64(0)
        while s < b:
            e = line_end(data, s, b)
            high, breaks = np.int64(0), False
            if not is_plain(data, s, e):
                high, signs, dots, breaks = line_marks(data, s, e)
                hashes += signs
                if dots:
                    ellipses += count_ellipses(data, s, e)
            chars = e - s - high
            row[CHARS] += chars
            x, y = s, e
            if e > s:
                x, y = strip(data, s, e, pages, flags)
                row[RUN_LINES] += 1
                repeated = seen_before(hash_range(data, s, e), keys, mask, shift)
                if repeated:
                    row[DUP_RUN_LINES] += 1
                    row[DUP_RUN_LINE_CHARS] += chars
                if x < y:
                    row[FULL_LINES] += 1
                    row[SHORT_LINES] += chars <= SHORT_CHARS
                    f, _ = last_at(data, e, pages, flags)
                    row[TERMINAL_LINES] += f & TERMINAL != 0
                    if repeated:
                        row[DUP_FULL_LINE_CHARS] += chars
            else:
                gap = True
            p = s
            if breaks:
                i = s
                while i < e:
                    f, n = at(data, i, pages, flags)
                    i += n
                    if f & BREAK:
                        x, y = strip(data, p, i - n, pages, flags)
                        judge_line(data, p, i - n, x, y, pages, flags, kinds, row, kept, cited, d, state)
                        p = i
                x, y = strip(data, p, e, pages, flags)
            if p < e or (e < b and not (p > s and data[p - 1] == 13)):
                judge_line(data, p, e, x, y, pages, flags, kinds, row, kept, cited, d, state)
            if e < b:
                row[CHARS] += 1
                row[NEWLINES] += 1
            s = e + 1
        row[ELLIPSES], row[HASHES] = ellipses, hashes
        if a == b:
            continue
        edges = np.int64(data[a] == 10) + (data[b - 1] == 10)  # re.split gives an empty string at either end
        row[RUN_LINES] += edges
        row[DUP_RUN_LINES] += edges == 2
        row[PARAGRAPHS] = 1
        if gap:
            x, y = strip(data, a, b, pages, flags)
            row[PARAGRAPHS] = 0
            count_paragraphs(data, x, y, pages, flags, keys, mask, shift, row)
