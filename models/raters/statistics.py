"""Cheap statistics of a cut document: characters, words and sentences, lines. All are finite, whatever the text."""

import numpy as np
from curricle.models.raters.compiled import inner

STATISTICS = 93
"""How many: 20 of lines, 10 of characters, 20 of words and sentences, 10 scripts, 26 marks, 7 more of lines."""

_OTHER, _SPACE, _NEWLINE, _LETTER, _DIGIT, _PUNCTUATION, _SYMBOL, _IDEOGRAPH = range(8)
_PRIME, _BASIS = np.uint32(16777619), np.uint32(2166136261)
_MARKS = np.frombuffer(b",.;:!?\"'()|-/@$#%&*+<=>_{\\", dtype=np.uint8)
_SENTENCE_ENDS = np.array([ord(c) for c in ".!?。！？।‽"], dtype=np.uint32)
_LINE_ENDS = np.array([ord(c) for c in '.!?"”。！？…'], dtype=np.uint32)
_BULLETS = np.array([ord(c) for c in "-•*·›»>●–"], dtype=np.uint32)
_SCRIPTS = np.array([0x250, 0x370, 0x400, 0x530, 0x590, 0x750, 0x900, 0x1100, 0x3040, 0x3100, 0x3400, 0xA000, 0xAC00, 0xD7B0])
"""Where Latin, IPA, Greek, Cyrillic, (others), Hebrew and Arabic, (others), Indic to Georgian, (others), kana, (others),
ideographs, (others), Hangul end."""


@inner
def _among(c, characters):
    for k in range(len(characters)):  # noqa: SIM110  Numba has no any()
        if characters[k] == c:
            return True
    return False


@inner
def _spread(total, squares, n):
    """Standard deviation from sums."""
    mean = total / n
    return np.sqrt(max(0.0, squares / n - mean * mean))


@inner
def _tally(values):
    """The distinct `values` (uint64, at most one for each character), and how often each stands there."""
    slots = np.zeros(4096, dtype=np.int16)  # 1 + the place in `distinct`
    distinct = np.empty(len(values), dtype=np.uint64)
    counts = np.zeros(len(values), dtype=np.int64)
    n = 0
    for value in values:
        slot = np.int64(value * np.uint64(0x9E3779B97F4A7C15) >> np.uint64(52))
        while slots[slot] > 0 and distinct[slots[slot] - 1] != value:
            slot = (slot + 1) & 4095
        if slots[slot] == 0:
            distinct[n] = value
            n += 1
            slots[slot] = n
        counts[slots[slot] - 1] += 1
    return distinct[:n], counts[:n]


@inner
def _script(c):
    k = 0
    while k < len(_SCRIPTS) and c >= _SCRIPTS[k]:
        k += 1
    return k


@inner
def _describe_characters(codes, classes, lower, n, characters, out):
    kinds = np.zeros(8, np.int64)
    scripts = np.zeros(len(_SCRIPTS) + 1, np.int64)
    ascii_counts = np.zeros(128, np.int64)
    upper = beyond = double_spaces = 0
    for i in range(n):
        upper += lower[i] != codes[i]
    for i in range(1, n):
        double_spaces += (classes[i] == _SPACE) & (classes[i - 1] == _SPACE)
    for i in range(n):
        c = codes[i]
        if c < 128:
            ascii_counts[c] += 1
        else:
            k = classes[i]
            beyond += 1
            kinds[k] += 1
            if k in (_LETTER, _IDEOGRAPH):
                scripts[_script(c)] += 1
    for c in range(128):
        k = characters[0, c]
        kinds[k] += ascii_counts[c]
        if k in (_LETTER, _IDEOGRAPH):
            scripts[0] += ascii_counts[c]
    letters = max(1.0, kinds[_LETTER])
    size = max(1, n)
    out[20] = upper / letters
    out[21] = kinds[_DIGIT] / size
    out[22] = kinds[_PUNCTUATION] / size
    out[23] = kinds[_SYMBOL] / size
    out[24] = kinds[_SPACE] / size
    out[25] = kinds[_OTHER] / size
    out[26] = kinds[_IDEOGRAPH] / size
    out[27] = beyond / size
    out[28] = double_spaces / size
    out[29] = kinds[_NEWLINE] / size
    total = max(1.0, kinds[_LETTER] + kinds[_IDEOGRAPH])
    for k, script in enumerate((0, 2, 3, 5, 7, 9, 11, 13, 1)):  # Latin, Greek, Cyrillic, ... as in _SCRIPTS
        out[50 + k] = scripts[script] / total
    out[59] = (scripts[4] + scripts[6] + scripts[8] + scripts[10] + scripts[12] + scripts[14]) / total
    return ascii_counts


@inner
def _describe_words(codes, classes, lower, n, out):
    hashes = np.empty(n + 1, dtype=np.uint64)
    words = 0
    chars = squares = 0.0
    capitals = titles = long = short = single = 0
    sentences = current = longest = starts = lower_starts = 0
    sentence_words = sentence_squares = 0.0
    at_start = True
    i = 0
    while i < n:
        k = classes[i]
        if _LETTER <= k <= _DIGIT or k == _IDEOGRAPH:
            j = i
            h = _BASIS
            upper = 0
            while j < n and classes[j] == k:
                upper += lower[j] != codes[j]
                h = (h ^ lower[j]) * _PRIME
                j += 1
                if k == _IDEOGRAPH:
                    break
            hashes[words] = np.uint64(h)
            words += 1
            current += 1
            if k == _LETTER:
                size = j - i
                chars += size
                squares += size * size
                capitals += size >= 2 and upper == size
                titles += not (size >= 2 and upper == size) and lower[i] != codes[i]
                long += size >= 9
                short += size <= 3
                single += size == 1
                if at_start:
                    starts += 1
                    lower_starts += upper == 0
                    at_start = False
            i = j
            continue
        if (
            current > 0
            and codes[i] != 32
            and _among(codes[i], _SENTENCE_ENDS)
            and not (i + 1 < n and classes[i + 1] in (_LETTER, _DIGIT))
        ):
            sentences += 1
            sentence_words += current
            sentence_squares += current * current
            longest = max(longest, current)
            current = 0
            at_start = True
        i += 1
    once = first = second = third = 0
    counts = _tally(hashes[:words])[1]
    types = len(counts)
    for run in counts:
        once += run == 1
        if run > first:
            first, second, third = run, first, second
        elif run > second:
            second, third = run, second
        elif run > third:
            third = run
    pairs = fours = 0
    if words > 4:
        two = np.empty(words - 1, dtype=np.uint64)
        four = np.empty(words - 3, dtype=np.uint64)
        for q in range(words - 1):
            two[q] = hashes[q] * np.uint64(0x9E3779B97F4A7C15) + hashes[q + 1]
        for q in range(words - 3):
            four[q] = two[q] * np.uint64(0xC2B2AE3D27D4EB4F) + two[q + 2]
        pairs = len(two) - len(_tally(two)[0])
        fours = len(four) - len(_tally(four)[0])
    w = max(1, words)
    s = max(1, sentences)
    out[1] = np.log1p(words)
    out[4] = chars / w
    out[5] = _spread(chars, squares, w)
    out[30] = capitals / w
    out[31] = titles / w
    out[32] = long / w
    out[33] = short / w
    out[34] = single / w
    out[35] = types / w
    out[36] = once / max(1, types)
    out[37] = first / w
    out[38] = second / w
    out[39] = third / w
    out[40] = pairs / w
    out[41] = fours / w
    out[42] = sentences / w
    out[43] = np.log1p(sentence_words / s)
    out[44] = np.log1p(_spread(sentence_words, sentence_squares, s))
    out[45] = np.log1p(longest)
    out[46] = lower_starts / max(1, starts)
    out[47] = np.log1p(current)
    out[87] = chars / max(1, n)
    out[88] = types
    return words, sentences


@inner
def _describe_lines(codes, classes, lower, n, out):
    hashes = np.empty(n + 1, dtype=np.uint64)
    sizes = np.empty(n + 1, dtype=np.int64)
    lines = blank = ended = ended_chars = short = long = bullets = capitals = digits = pipes = colons = 0
    run = longest_run = 0
    total = squares = 0.0
    longest = 0
    i = 0
    while i <= n:
        j = i
        while j < n and classes[j] != _NEWLINE:
            j += 1
        a = i
        b = j
        while a < b and classes[a] == _SPACE:
            a += 1
        while b > a and classes[b - 1] == _SPACE:
            b -= 1
        size = b - a
        i = j + 1
        if size == 0:
            blank += 1
            continue
        h = _BASIS
        for q in range(a, b):
            h = (h ^ codes[q]) * _PRIME
        hashes[lines] = (np.uint64(h) << np.uint64(32)) | np.uint64(size)
        sizes[lines] = size
        lines += 1
        total += size
        squares += size * size
        longest = max(longest, size)
        if _among(codes[b - 1], _LINE_ENDS):
            ended += 1
            ended_chars += size
        colons += codes[b - 1] == 58
        if size <= 30:
            short += 1
            run += 1
            longest_run = max(longest_run, run)
        else:
            run = 0
        long += size >= 200
        bullets += _among(codes[a], _BULLETS)
        pipes += codes[a] == 124
        capitals += lower[a] != codes[a]
        digits += classes[a] == _DIGIT
    doubles = 0
    double_chars = 0
    distinct, counts = _tally(hashes[:lines])
    for q in range(len(distinct)):
        doubles += counts[q] - 1
        double_chars += (counts[q] - 1) * int(distinct[q] & np.uint64(0xFFFFFFFF))
    half = max(1, lines // 2)
    k = max(1, lines)
    measured = max(1.0, float(total))
    out[2] = np.log1p(lines)
    out[3] = blank / (blank + k)
    out[6] = np.log1p(total / k)
    out[7] = np.log1p(_spread(total, squares, k))
    out[8] = np.log1p(longest)
    out[9] = short / k
    out[10] = ended / k
    out[11] = ended_chars / measured
    out[12] = bullets / k
    out[13] = capitals / k
    out[14] = doubles / k
    out[15] = double_chars / measured
    out[16] = long / k
    out[17] = colons / k
    out[18] = np.log1p(sizes[0]) if lines else 0.0
    out[19] = digits / k
    out[49] = longest_run / k
    out[86] = pipes / k
    out[90] = np.log1p(sizes[: min(half, lines)].sum() / half)
    out[91] = np.log1p(sizes[min(half, lines) : lines].sum() / max(1, lines - half))
    out[92] = squares / (measured * measured)
    return lines


@inner
def describe(codes, classes, lower, n, characters, out):
    """Fill `out` (STATISTICS float32) for `n` code points with their classes and lower case; `characters` gave them."""
    counts = _describe_characters(codes, classes, lower, n, characters, out)
    words, sentences = _describe_words(codes, classes, lower, n, out)
    lines = _describe_lines(codes, classes, lower, n, out)
    out[0] = np.log1p(n)
    out[48] = sentences / max(1, lines)
    for k in range(len(_MARKS)):
        out[60 + k] = np.log1p(100.0 * counts[_MARKS[k]] / max(1, words))
    out[89] = n >= 2000
