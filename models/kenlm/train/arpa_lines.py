"""The lines of an ARPA section as arrays: a compiled parser for bytes that were read in pieces."""

import numpy as np
import pyarrow as pa
from curricle.models.kenlm.binary import _murmur, buckets_for, hash_words, places
from curricle.models.kenlm.compiled import export, inner
from curricle.models.kenlm.ngrams import F32, U32
from numpy.typing import NDArray

TAB, NEWLINE, RETURN, SPACE = 9, 10, 13, 32
NUMBER, WORDS, UNKNOWN, BACKOFF, POSITIVE = 1, 2, 3, 4, 5
LINE_ERRORS = {
    NUMBER: "does not begin with a number",
    WORDS: "has too few words",
    UNKNOWN: "has a word that is not among the 1-grams",
    BACKOFF: "does not end in a back-off",
    POSITIVE: "has a log-probability over 0",
}


class Vocabulary:
    """Ids by KenLM's word hash, in a table with linear probing."""

    def __init__(self, words: pa.StringArray) -> None:
        hashes = hash_words(words)
        size = buckets_for(len(words))
        at = places(hashes, size)
        self.keys = np.zeros(size, np.uint64)
        self.values = np.zeros(size, np.uint32)
        self.keys[at], self.values[at] = hashes, np.arange(len(words), dtype=np.uint32)


@inner
def _number(data: NDArray[np.uint8], at: int, end: int) -> tuple[float, int]:
    """The decimal number at `at` and the place behind it; the same place where there is none. Exact to float32 for 17 digits
    and less.
    """
    start = at
    negative = at < end and data[at] == ord("-")
    if at < end and (data[at] == ord("-") or data[at] == ord("+")):
        at += 1
    mantissa, scale, digits, fraction = np.int64(0), np.int64(0), 0, False
    while at < end and (ord("0") <= data[at] <= ord("9") or (data[at] == ord(".") and not fraction)):
        if data[at] == ord("."):
            fraction = True
        else:
            digits += 1
            if mantissa < 10**17:
                mantissa = mantissa * 10 + np.int64(data[at] - ord("0"))
                scale -= fraction
            else:
                scale += not fraction
        at += 1
    if digits == 0:
        return 0.0, start
    if at < end and (data[at] == ord("e") or data[at] == ord("E")):
        at += 1
        minus = at < end and data[at] == ord("-")
        if at < end and (data[at] == ord("-") or data[at] == ord("+")):
            at += 1
        exponent = np.int64(0)
        while at < end and ord("0") <= data[at] <= ord("9"):
            exponent = min(exponent * 10 + np.int64(data[at] - ord("0")), np.int64(9999))
            at += 1
        scale += -exponent if minus else exponent
    value = float(mantissa)
    if scale < -300:
        value = 0.0
    elif scale < 0:
        value /= 10.0**-scale
    else:
        value *= 10.0**scale
    return -value if negative else value, at


@inner
def _parse_lines(
    data: NDArray[np.uint8], at: int, keys: NDArray[np.uint64], values: U32, ids: U32, prob: F32, backoff: F32, filled: int
) -> tuple[int, int, int]:
    """The place reached, the rows filled, and 0 or an error: see `parse_lines`."""
    order = ids.shape[1]
    while filled < len(ids):
        end = at
        while end < len(data) and data[end] != NEWLINE:
            end += 1
        if end == len(data):
            break
        next_line = end + 1
        if end > at and data[end - 1] == RETURN:
            end -= 1
        value, place = _number(data, at, end)
        if place in (at, end) or data[place] != TAB:
            return at, filled, NUMBER
        if value > 0:
            return at, filled, POSITIVE
        prob[filled] = value
        for word in range(order):
            start = place + 1
            place = start
            while place < end and data[place] != SPACE and data[place] != TAB:
                place += 1
            if place == start:
                return at, filled, WORDS
            key = _murmur(data, np.int64(start), np.int64(place))
            bucket = np.int64(key % np.uint64(len(keys)))
            while keys[bucket] != key and keys[bucket] != 0:
                bucket = np.int64(bucket + 1) if bucket + 1 < len(keys) else np.int64(0)
            if keys[bucket] == 0:
                return at, filled, UNKNOWN
            ids[filled, word] = values[bucket]
        if place < end:
            value, stop = _number(data, place + 1, end)
            if stop != end or stop == place + 1:
                return at, filled, BACKOFF
            if len(backoff):
                backoff[filled] = value
        elif len(backoff):
            backoff[filled] = 0
        at = next_line
        filled += 1
    return at, filled, 0


@export("void(uint8[::1], uint64[::1], uint32[::1], uint32[:, ::1], float32[::1], float32[::1], int64[::1])")
def parse_lines(
    data: NDArray[np.uint8], keys: NDArray[np.uint64], values: U32, ids: U32, prob: F32, backoff: F32, state: NDArray[np.int64]
) -> None:
    """Parse whole lines of `data` until the arrays are full or no whole line is left. `backoff` is empty for the highest order.

    `state`, where to go on and where it came to: the place in `data`, the rows filled, and 0 or an error of the next row
    (LINE_ERRORS).
    """
    state[0], state[1], state[2] = _parse_lines(data, state[0], keys, values, ids, prob, backoff, state[1])


@export("int64(uint32[:, ::1], uint32[:, ::1], uint32[::1])")
def fill_ranges(ids: U32, lower: U32, begin: U32) -> int:
    """Ranges of sorted `ids` (n, order) by their suffixes, the rows of sorted `lower` (m, order - 1), into `begin` (m + 1).

    Returns the first row without a suffix, or -1.
    """
    row = 0
    for suffix in range(len(lower)):
        begin[suffix] = row
        while row < len(ids):
            for word in range(lower.shape[1]):
                if ids[row, word + 1] != lower[suffix, word]:
                    break
            else:
                row += 1
                continue
            break
    begin[len(lower)] = row
    return row if row < len(ids) else -1
