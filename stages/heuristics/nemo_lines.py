"""Characters, lines and paragraphs as NeMo Curator 1.4.0 counts them (Numba).

Source: stages/text/filters/heuristic/string.py and repetition/repetition.py, stages/text/utils/constants.py. A line is what
`str.split("\\n")` gives, if it is not blank; a paragraph what `str.split("\\n\\n")` gives. Letters are compared without
regard to ASCII case; NeMo's `lower()` also folds U+212A, the Kelvin sign.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from curricle.models.compiled.memory import pointer
from curricle.stages.heuristics.bytes64 import hash_range
from curricle.stages.heuristics.compiled import export, inner
from curricle.stages.heuristics.scan import line_table_bits
from curricle.stages.heuristics.segments import ends_in_ellipsis, has, seen_before, strip

(
    CHARS,
    WHITE,
    PLAIN,
    BRACKETS,
    DIGITS,
    URL_CHARS,
    LINES,
    UNIQUE_LINES,
    LINE_CHARS,
    UNIQUE_LINE_CHARS,
    BULLET_LINES,
    ELLIPSIS_LINES,
    UNENDED_LINES,
    PARAGRAPHS,
    UNIQUE_PARAGRAPHS,
    PARAGRAPH_CHARS,
    UNIQUE_PARAGRAPH_CHARS,
    BOILERPLATE_PARAGRAPHS,
    LOREM_IPSUM,
) = range(19)
MEASURES = 19

LANE, LANE_MASK = np.uint64(12), np.uint64(0xFFF)
BLOCK = 4095
"""Bytes that are counted before a lane of 12 bits may run over."""
LOOK = np.uint64(60)

_WHITE = b"\t\n\r\b "
_PLAIN = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789\n?!,."
_BRACKETS = b"{}[]()"
_DIGITS = b"0123456789"
_URL = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789$-_@.&+/:=?#~!*(),"
_LOOK = b"\n:kKvVfFpP\xe2"
"""What ends a line, is inside a URL or one of the phrases, or starts an angle bracket."""

BULLETS = np.array([ord(c) for c in "•‣⁃⁌⁍∙○●◘◦⦾⦿"], np.int64)

_PHRASES = (
    ("k", "cookie policy"),
    ("k", "uses cookies"),
    ("k", "use of cookies"),
    ("k", "use cookies"),
    ("k", "privacy & cookies policy"),
    ("k", "privacy and cookies policy"),
    (
        "k",
        "necessary cookies are absolutely essential for the website to function properly. this category only includes cookies "
        "that ensures basic functionalities and security features of the website. these cookies do not store any personal "
        "information.",
    ),
    (
        "k",
        "any cookies that may not be particularly necessary for the website to function and is used specifically to collect "
        "user personal data via analytics, ads, other embedded contents are termed as non-necessary cookies. it is mandatory "
        "to procure user consent prior to running these cookies on your website.",
    ),
    (
        "k",
        "if you continue to browse this site without changing your cookie settings, you agree to this use. acceptread more",
    ),
    ("v", "privacy policy"),
    ("v", "privacy overview"),
    ("f", "terms of use"),
)
"""The letter by which a phrase is found, and the phrase; NeMo's two that contain `uses cookies` need no entry."""


class Phrases(NamedTuple):
    """Phrase p is text[bounds[p]:bounds[p + 1]]; `letters[p]` is found at its byte `places[p]`."""

    text: npt.NDArray[np.uint8]
    bounds: npt.NDArray[np.int64]
    letters: npt.NDArray[np.int64]
    places: npt.NDArray[np.int64]


@lru_cache(maxsize=1)
def phrases() -> Phrases:
    """NeMo Curator's policy phrases."""
    texts = [phrase for _, phrase in _PHRASES]
    return Phrases(
        np.frombuffer("".join(texts).encode(), np.uint8).copy(),
        np.concatenate([[0], np.cumsum([len(text) for text in texts])]).astype(np.int64),
        np.array([ord(letter) for letter, _ in _PHRASES], np.int64),
        np.array([phrase.index(letter) for letter, phrase in _PHRASES], np.int64),
    )


@lru_cache(maxsize=1)
def byte_lanes() -> npt.NDArray[np.uint64]:
    """For each byte 1 in the lane of 12 bits of each class that it counts for (CHARS to DIGITS), and bit LOOK."""
    lanes = np.zeros(256, np.uint64)
    for n, members in enumerate((bytes([*range(0x80), *range(0xC0, 256)]), _WHITE, _PLAIN, _BRACKETS, _DIGITS)):
        lanes[list(members)] += np.uint64(1 << 12 * n)
    lanes[list(_LOOK)] += np.uint64(1) << LOOK
    return lanes


@lru_cache(maxsize=1)
def url_bytes() -> npt.NDArray[np.uint8]:
    """1 for bytes that go on a URL, 2 for hexadecimal digits, 3 for both."""
    kinds = np.zeros(256, np.uint8)
    kinds[list(_URL)] = 1
    kinds[list(b"0123456789abcdefABCDEF")] += 2
    return kinds


@inner
def is_phrase(data, a, i, b, text, bounds, letters, places):
    """Whether one of the phrases stands in data[a:b] with its letter at byte i."""
    letter = data[i] | 32
    for p in range(len(letters)):
        s, size = i - places[p], bounds[p + 1] - bounds[p]
        if letters[p] != letter or s < a or s + size > b:
            continue
        j = np.int64(0)
        while j < size:
            c = data[s + j]
            if (c | 32 if 65 <= c <= 90 else c) != text[bounds[p] + j]:
                break
            j += 1
        if j == size:
            return True
    return False


@inner
def url_end(data, i, b, kinds):
    """Where the URL ends whose `://` stands at byte i."""
    i += 3
    while i < b:
        if kinds[data[i]] & 1:
            i += 1
        elif data[i] == 37 and i + 2 < b and kinds[data[i + 1]] & 2 and kinds[data[i + 2]] & 2:
            i += 3
        else:
            break
    return i


@inner
def is_bullet(data, a):
    """Whether one of the twelve bullets starts at byte a; all are three bytes, the first 0xE2."""
    if data[a] != 0xE2:
        return False
    c = np.int64(2) << 12 | (np.int64(data[a + 1]) & 0x3F) << 6 | (np.int64(data[a + 2]) & 0x3F)
    found = False
    for bullet in BULLETS:
        found |= c == bullet
    return found


@inner
def is_cut_off(data, a, b):
    """Whether data[a:b] ends in what NeMo Curator takes for an ellipsis."""
    last = data[b - 1]
    if last == 46:
        return ends_in_ellipsis(data, a, b) or has(data, max(b - 11, a), b, b"read more..")
    if last == 41:
        return has(data, max(b - 5, a), b, b"(...)")
    if last == 93:
        return has(data, max(b - 5, a), b, b"[...]") or (
            b - a >= 5 and data[b - 5] == 91 and data[b - 2] == 0xA6 and ends_in_ellipsis(data, a, b - 1)
        )
    if last == 0xBB:
        return b - a >= 3 and data[b - 2] == 0xC2 and data[b - 3] == 45
    return ends_in_ellipsis(data, a, b) or has(data, max(b - 9, a), b, b"read more")


@inner
def count_line(data, a, b, chars, pages, flags, keys, mask, shift, out):
    """Count the line data[a:b] of that many characters."""
    x, y = strip(data, a, b, pages, flags)
    if x == y:
        return
    out[LINES] += 1
    out[LINE_CHARS] += chars
    if not seen_before(hash_range(data, a, b), keys, mask, shift):
        out[UNIQUE_LINES] += 1
        out[UNIQUE_LINE_CHARS] += chars
    out[BULLET_LINES] += is_bullet(data, x)
    out[ELLIPSIS_LINES] += is_cut_off(data, x, y)
    last = data[y - 1]
    out[UNENDED_LINES] += not (last == 46 or last == 63 or last == 33 or last == 34 or last == 39)


@inner
def count_paragraph(data, a, b, chars, boilerplate, keys, mask, shift, out):
    """Count the paragraph data[a:b]."""
    out[PARAGRAPHS] += 1
    out[PARAGRAPH_CHARS] += chars
    out[BOILERPLATE_PARAGRAPHS] += boilerplate
    if not seen_before(hash_range(data, a, b), keys, mask, shift):
        out[UNIQUE_PARAGRAPHS] += 1
        out[UNIQUE_PARAGRAPH_CHARS] += chars


@export(
    "void(uint8[::1], int64[::1], uint16[::1], uint32[::1], uint64[::1], "
    "uint8[::1], uint8[::1], int64[::1], int64[::1], int64[::1], int64[:, ::1])"
)
def measure_nemo(data, offsets, pages, flags, lanes, url, text, bounds, letters, places, out):
    """out[d] = the measures named above of document data[offsets[d]:offsets[d + 1]]. `lanes`: byte_lanes(); `url`: url_bytes();
    `text` to `places`: phrases(). `data` has eight spare bytes at its end.
    """
    data, pages, flags, lanes, url = pointer(data), pointer(pages), pointer(flags), pointer(lanes), pointer(url)
    text, bounds, places = pointer(text), pointer(bounds), pointer(places)
    lines, paragraphs = np.empty(16, np.uint64), np.empty(16, np.uint64)
    out[:] = 0
    for d in range(len(offsets) - 1):
        a, b = offsets[d], offsets[d + 1]
        row = pointer(out[d])
        bits = line_table_bits(data, a, b)
        if len(lines) < 1 << bits:
            lines, paragraphs = np.empty(1 << bits, np.uint64), np.empty(1 << bits, np.uint64)
        mask, shift = (1 << bits) - 1, np.uint64(64 - bits)
        lines[: mask + 1] = 0
        paragraphs[: mask + 1] = 0
        line, line_chars, paragraph, paragraph_chars = a, np.int64(0), a, np.int64(0)
        boilerplate, free, i = False, a, a
        while i < b:
            stop, sums = min(i + BLOCK, b), np.uint64(0)
            while i < stop:
                c = data[i]
                kinds = lanes[c]
                sums += kinds
                if kinds >> LOOK:
                    if c == 10:
                        chars = row[CHARS] + np.int64(sums & LANE_MASK)
                        count_line(data, line, i, chars - 1 - line_chars, pages, flags, lines, mask, shift, row)
                        line, line_chars = i + 1, chars
                        if i >= paragraph and i + 1 < b and data[i + 1] == 10:
                            n = chars - 1 - paragraph_chars
                            count_paragraph(data, paragraph, i, n, boilerplate, paragraphs, mask, shift, row)
                            paragraph, paragraph_chars, boilerplate = i + 2, chars + 1, False
                    elif c == 58:
                        if data[i + 1] == 47 and data[i + 2] == 47:
                            s = i - 5 if i - 5 >= free and data[i - 1] == 115 else i - 4
                            if s >= free and data[s] == 104 and data[s + 1] == 116 and data[s + 2] == 116 and data[s + 3] == 112:
                                e = url_end(data, i, b, url)
                                if e > i + 3:
                                    row[URL_CHARS] += e - s
                                    free = e
                    elif c == 0xE2:
                        row[BRACKETS] += data[i + 1] == 0x9F and (data[i + 2] == 0xA8 or data[i + 2] == 0xA9)
                    else:
                        follows = data[i + 1] | 32
                        c |= 32
                        if c == 112:
                            if follows == 115 and i - 7 >= a and has(data, i - 7, b, b"lorem ipsum"):
                                row[LOREM_IPSUM] = 1
                        elif (c == 107 and follows == 105) or (c == 118 and follows == 97) or (c == 102 and follows == 32):
                            boilerplate = boilerplate or is_phrase(data, a, i, b, text, bounds, letters, places)
                i += 1
            for lane in range(5):
                row[CHARS + lane] += np.int64(sums & LANE_MASK)
                sums >>= LANE
        count_line(data, line, b, row[CHARS] - line_chars, pages, flags, lines, mask, shift, row)
        count_paragraph(data, paragraph, b, row[CHARS] - paragraph_chars, boilerplate, paragraphs, mask, shift, row)
