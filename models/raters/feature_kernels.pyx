"""Kernels of `models.raters.features`: cut texts, n-grams and statistics, straight from Arrow's UTF-8 buffers."""

from libc.stdint cimport int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy

from curricle.c_checks cimport check_columns, check_ranges, check_rows
from curricle.models.raters.document cimport HEAD, IDEOGRAPH, LIMIT, SYMBOL, TAIL, Document
from curricle.models.raters.ngrams cimport Features, NgramScratch, fill_count_weights, find_ngrams, weigh_ngrams
from curricle.models.raters.ngrams import SLOTS
from curricle.models.raters.statistics cimport STATISTICS, StatisticsScratch, describe

cdef enum:
    GAP_SIZE = 7
    BASIC_PLANE = 0x10000
    FEATURES_PER_CHARACTER = 3
    COUNTS = 220_000  # more than there are slots

cdef const char* GAP = b" [...] "
assert SLOTS <= COUNTS

cdef struct Scratch:
    uint32_t[<int>LIMIT + 1] codes
    uint32_t[<int>LIMIT + 1] lower
    uint8_t[<int>LIMIT + 1] classes
    uint32_t[<int>LIMIT + 2] word
    uint32_t[<int>FEATURES_PER_CHARACTER * <int>LIMIT] slots
    uint8_t[<int>FEATURES_PER_CHARACTER * <int>LIMIT] groups
    int16_t[<int>COUNTS] counts
    double[<int>LIMIT + 1] count_weights
    StatisticsScratch statistics


cdef inline bint continues(uint8_t byte) noexcept nogil:
    """Whether a byte of UTF-8 is not the first one of its character."""
    return byte & 0xC0 == 0x80


cdef Py_ssize_t decode(const uint8_t** text, const uint8_t* stop, uint32_t* codes, Py_ssize_t most) noexcept nogil:
    """Decode up to `most` code points of UTF-8; return how many, and move `text` behind them. Invalid bytes give any code points."""
    cdef Py_ssize_t size = 0, k, length
    cdef const uint8_t* byte = text[0]
    cdef uint32_t code
    while byte < stop and size < most:
        code = byte[0]
        if code < 0x80:
            length = 1
        elif code < 0xE0:
            code &= 0x1F
            length = 2
        elif code < 0xF0:
            code &= 0x0F
            length = 3
        else:
            code &= 0x07
            length = 4
        length = min(length, stop - byte)
        for k in range(1, length):
            code = code << 6 | byte[k] & 0x3F
        codes[size] = code
        byte += length
        size += 1
    text[0] = byte
    return size


cdef const uint8_t* tail_of(const uint8_t* start, const uint8_t* stop) noexcept nogil:
    """Where the last TAIL characters of the text begin, which has more."""
    cdef int k
    for k in range(<int>TAIL):
        stop -= stop > start
        while stop > start and continues(stop[0]):
            stop -= 1
    return stop


cdef Py_ssize_t cut_codes(const uint8_t* start, const uint8_t* stop, uint32_t* codes) noexcept nogil:
    """Decode the cut document; return how many code points it has."""
    cdef const uint8_t* end = start
    cdef Py_ssize_t size = decode(&end, stop, codes, LIMIT), k
    if end == stop:
        return size
    size = HEAD
    for k in range(GAP_SIZE):
        codes[size] = GAP[k]
        size += 1
    end = tail_of(start, stop)
    return size + decode(&end, stop, codes + size, TAIL)


cdef void fold(Scratch* scratch, Py_ssize_t size, const uint16_t[:, ::1] characters) noexcept nogil:
    """Look up class and lower case of every code point."""
    cdef Py_ssize_t k
    cdef uint32_t code
    for k in range(size):
        code = scratch.codes[k]
        if code < BASIC_PLANE:
            scratch.classes[k] = <uint8_t>characters[0, code]
            scratch.lower[k] = characters[1, code]
        else:
            scratch.classes[k] = IDEOGRAPH if 0x20000 <= code < 0x40000 else SYMBOL
            scratch.lower[k] = code


def featurize(
    const uint8_t[::1] data,
    const int64_t[::1] offsets,
    const uint16_t[:, ::1] characters,
    int64_t[::1] indptr,
    int32_t[::1] indices,
    float[::1] values,
    float[:, ::1] stats,
):
    """Fill the CSR arrays of n-grams and a row of statistics for each document.

    Return how many entries of `indices` are filled, or -1 where they might not fit.
    """
    cdef Py_ssize_t filled = 0, row, occurrences, room = indices.shape[0]
    cdef const uint8_t* text = &data[0]
    cdef Document document
    cdef NgramScratch ngrams
    cdef Scratch* scratch
    check_ranges("offsets", offsets, data.shape[0])
    check_rows("characters", characters.shape[0], 2)
    check_columns("characters", characters.shape[1], BASIC_PLANE)
    check_rows("indptr", indptr.shape[0], offsets.shape[0])
    check_rows("values", values.shape[0], room)
    check_rows("stats", stats.shape[0], offsets.shape[0] - 1)
    check_columns("stats", stats.shape[1], STATISTICS)
    scratch = <Scratch*>calloc(1, sizeof(Scratch))
    if scratch == NULL:
        raise MemoryError
    document = Document(size=0, codes=&scratch.codes[0], lower=&scratch.lower[0], classes=&scratch.classes[0])
    ngrams = NgramScratch(
        word=&scratch.word[0],
        slots=&scratch.slots[0],
        groups=&scratch.groups[0],
        counts=&scratch.counts[0],
        count_weights=&scratch.count_weights[0],
    )
    with nogil:
        fill_count_weights(scratch.count_weights, LIMIT + 1)
        for row in range(offsets.shape[0] - 1):
            document.size = cut_codes(text + offsets[row], text + offsets[row + 1], scratch.codes)
            fold(scratch, document.size, characters)
            occurrences = find_ngrams(&document, &ngrams)
            if filled + occurrences > room:
                filled = -1
                break
            filled += weigh_ngrams(&ngrams, occurrences, Features(slots=&indices[filled], values=&values[filled]))
            indptr[row + 1] = filled
            describe(&document, &characters[0, 0], &scratch.statistics, &stats[row, 0])
        free(scratch)
    return filled


cdef const uint8_t* skip(const uint8_t* start, const uint8_t* stop, Py_ssize_t characters) noexcept nogil:
    """Where the `characters` from `start` on end, `stop` at the latest."""
    cdef const uint8_t* end
    while characters > 0 and start < stop:  # so many bytes hold at most so many characters
        end = min(start + characters, stop)
        while start < end:
            characters -= not continues(start[0])
            start += 1
    while start < stop and continues(start[0]):
        start += 1
    return start


def cut(const uint8_t[::1] data, const int64_t[::1] offsets, uint8_t[::1] out, int64_t[::1] ends):
    """Write the bytes of the cut texts to `out`, and where each ends to `ends` (rows + 1)."""
    cdef Py_ssize_t row, written = 0, needed
    cdef const uint8_t* start
    cdef const uint8_t* stop
    cdef const uint8_t* head
    cdef const uint8_t* tail
    check_ranges("offsets", offsets, data.shape[0])
    check_rows("ends", ends.shape[0], offsets.shape[0])
    with nogil:
        for row in range(offsets.shape[0] - 1):
            start = &data[0] + offsets[row]
            stop = &data[0] + offsets[row + 1]
            head = skip(start, stop, HEAD)
            tail = start
            needed = stop - start
            if skip(head, stop, LIMIT - HEAD) < stop:
                tail = tail_of(start, stop)
                needed = head - start + GAP_SIZE + (stop - tail)
            if needed > out.shape[0] - written:
                with gil:
                    raise ValueError(f"out has {out.shape[0]} bytes, at least {written + needed} are needed")
            if tail > start:
                memcpy(&out[0] + written, start, head - start)
                written += head - start
                memcpy(&out[0] + written, GAP, GAP_SIZE)
                written += GAP_SIZE
            memcpy(&out[0] + written, tail, stop - tail)
            written += stop - tail
            ends[row + 1] = written
