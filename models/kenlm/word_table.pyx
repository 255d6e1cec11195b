"""The hash table of remembered words behind `models.kenlm.words`.

All that is known of a word is one record, so a word costs two places in memory: its slot in the hash table and its record. Both
are prefetched for a block of words.

A record is a run of 8-byte units: the word's size in bytes (low half) and number of tokens (high half); its first eight bytes;
the tokens, two in each unit; the rest of the bytes. A slot holds the record's place (low half) and the word's hash (high half); 0
is a free slot.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

import numpy as np

from curricle.c_bytes cimport count_trailing_zeros, load64, prefetch, store64
from curricle.c_checks cimport check_spans
from curricle.models.kenlm.murmur cimport murmur_hash
from curricle.models.kenlm.piece_trie cimport SEGMENT_BYTES, Lattice, PieceTrie, Segments

cpdef enum:
    MAX_WORD_BYTES = 4096  # a longer run without a space is cut

cdef enum:
    BLOCK = 128  # words and row ends at a time
    SIGN_BYTES = 3  # of SentencePiece's sign for the space before a word
    UNKNOWN = -1  # piece
    HEAD_UNITS = 2  # of a record: before its tokens
    UNIT_BYTES = 8
    HALF_BITS = 32
    FEW_TOKENS = 4  # copied at once; few words have more
    FIRST_SLOTS = 1 << 16
    FIRST_UNITS = 1 << 16
    FIRST_UNKNOWN = 1 << 15

cdef extern from *:
    """
    static const uint64_t LOW_HALF = 0xFFFFFFFF;
    static const uint64_t ONES = 0x0101010101010101, HIGH_BITS = 0x8080808080808080, SPACES = 0x2020202020202020;
    static const uint64_t HASH_FACTOR = 0x9E3779B97F4A7C15, LAST_FACTOR = 0xBF58476D1CE4E5B9;
    static const int HASH_SHIFT = 29;
    """
    const uint64_t LOW_HALF, ONES, HIGH_BITS, SPACES, HASH_FACTOR, LAST_FACTOR
    const int HASH_SHIFT


cdef struct Batch:
    const uint8_t *data
    int64_t size
    const int64_t *starts
    const int64_t *ends
    int64_t rows
    int64_t *offsets
    int32_t *tokens
    int64_t room  # of `tokens`
    int64_t row  # being written
    int64_t written  # tokens
    int64_t row_read
    int64_t position  # in `data`, of what is read next


cdef struct Word:
    int64_t start
    int64_t size  # 0: not a word but the end of a row
    uint64_t hash  # 32 bits
    uint64_t first  # eight bytes
    int64_t record  # 0: not known


cdef inline uint64_t lowest_bytes(uint64_t eight, int64_t count) noexcept nogil:
    """The `count` lowest bytes of `eight`, the others 0."""
    return eight & ((<uint64_t> 1 << 8 * count) - 1) if count < UNIT_BYTES else eight


cdef inline uint64_t load_bytes(const uint8_t *data, int64_t size, int64_t position, int64_t count) noexcept nogil:
    """`count` bytes (at most eight) of `data[:size]` from `position` on, the first the lowest."""
    cdef uint64_t eight = 0
    cdef int64_t i
    if position + UNIT_BYTES <= size:
        eight = load64(data + position)
    else:
        for i in range(size - position):
            eight |= <uint64_t> data[position + i] << 8 * i
    return lowest_bytes(eight, count)


cdef inline Word read_word(const uint8_t *data, int64_t size, int64_t start, int64_t end) noexcept nogil:
    """The word at `start`, up to the next space, `end` or MAX_WORD_BYTES."""
    cdef Word word
    cdef int64_t position = start
    cdef int64_t count = UNIT_BYTES
    cdef uint64_t eight, zero_if_space
    cdef uint64_t hash = 0
    end = min(end, start + <int64_t> MAX_WORD_BYTES)
    word.first = 0
    while position < end and count == UNIT_BYTES:
        eight = load_bytes(data, size, position, UNIT_BYTES)
        zero_if_space = eight ^ SPACES
        # Sets the highest bit of the first byte that is 0, and none below it.
        count = min(<int64_t> (count_trailing_zeros((zero_if_space - ONES) & ~zero_if_space & HIGH_BITS) >> 3), end - position)
        eight = lowest_bytes(eight, count)
        if position == start:
            word.first = eight
        if count:
            hash = (hash ^ eight) * HASH_FACTOR
            hash ^= hash >> HASH_SHIFT
        position += count
    word.start = start
    word.size = position - start
    word.hash = hash * LAST_FACTOR >> HALF_BITS
    word.record = 0
    return word


cdef inline bint is_inside_character(uint8_t byte) noexcept nogil:
    """Whether a UTF-8 byte is not the first of its character."""
    return byte & 0xC0 == 0x80


cdef Word read_cut_word(const uint8_t *data, int64_t size, int64_t start, int64_t stop) noexcept nogil:
    """The word at `start` that was cut at `stop`, inside a character: up to that character."""
    cdef int64_t cut = stop
    while cut > start and is_inside_character(data[cut]):
        cut -= 1
    return read_word(data, size, start, cut if cut > start else stop)


cdef class WordTable:
    """Words and their tokens. A token is a piece, or a number of its own for each unknown surface in each word."""

    cdef PieceTrie _trie
    cdef uint64_t[::1] _slots, _records, _token_hashes
    cdef int64_t _units, _tokens  # used of `_records` and of `_token_hashes`
    cdef readonly int64_t words
    """Number of remembered words."""
    cdef readonly int64_t word_bytes
    """Bytes of remembered words."""
    cdef uint8_t _letters[SEGMENT_BYTES]  # a word after SentencePiece's sign
    cdef Lattice _lattice
    cdef Segments _segments

    def __init__(self, PieceTrie trie not None, const uint64_t[::1] piece_hashes):
        self._trie = trie
        self._slots = np.zeros(FIRST_SLOTS, np.uint64)
        self._records = np.empty(FIRST_UNITS, np.uint64)
        self._token_hashes = lengthened(piece_hashes, piece_hashes.shape[0] + FIRST_UNKNOWN)
        self._tokens = piece_hashes.shape[0]
        self._units = 1  # place 0 means that there is no record
        memcpy(self._letters, <const char *> b"\xe2\x96\x81", SIGN_BYTES)

    def hashes(self):
        """KenLM's hash of each token."""
        return np.asarray(self._token_hashes)[: self._tokens]

    def tokenize(
        self, const uint8_t[::1] data, const int64_t[::1] starts, const int64_t[::1] ends, int64_t[::1] offsets, int64_t expected
    ):
        """Tokens of the rows `data[starts[i]:ends[i]]`, about `expected`; writes their offsets (rows + 1, the first 0)."""
        cdef Batch batch
        cdef int32_t[::1] tokens = np.empty(expected + 2 * SEGMENT_BYTES, np.int32)
        cdef bint finished
        if starts.shape[0] != ends.shape[0] or offsets.shape[0] != starts.shape[0] + 1:
            raise ValueError(f"{starts.shape[0]} starts, {ends.shape[0]} ends and {offsets.shape[0]} offsets")
        check_spans(starts, ends, data.shape[0])
        batch = Batch(
            data=&data[0], size=data.shape[0], starts=&starts[0], ends=&ends[0], rows=starts.shape[0], offsets=&offsets[0],
            tokens=&tokens[0], room=tokens.shape[0], row=0, written=0, row_read=0, position=0,
        )
        if batch.rows:
            batch.position = starts[0]
        while True:
            with nogil:
                finished = self._run(&batch)
            if finished:
                return np.asarray(tokens)[: batch.written]
            if batch.room - batch.written < 2 * SEGMENT_BYTES:
                tokens = lengthened(tokens, 2 * batch.room)
                batch.tokens, batch.room = &tokens[0], tokens.shape[0]
            self._make_room()

    cdef _make_room(self):
        """Double what is nearly full."""
        cdef const uint64_t[::1] old
        if self._is_crowded():
            old = self._slots
            self._slots = np.zeros(2 * old.shape[0], np.uint64)
            enter_all(old, self._slots)
        if self._records.shape[0] - self._units < 2 * SEGMENT_BYTES:
            self._records = lengthened(self._records, 2 * self._records.shape[0])
        if self._token_hashes.shape[0] - self._tokens < 2 * SEGMENT_BYTES:
            self._token_hashes = lengthened(self._token_hashes, 2 * self._token_hashes.shape[0])

    cdef bint _is_crowded(self) noexcept nogil:
        return 8 * self.words > 5 * self._slots.shape[0]

    cdef bint _has_room(self) noexcept nogil:
        """Whether there is room for one more word, of any length."""
        return (
            not self._is_crowded()
            and self._records.shape[0] - self._units >= SEGMENT_BYTES
            and self._token_hashes.shape[0] - self._tokens >= SEGMENT_BYTES
        )

    cdef bint _run(self, Batch *batch) noexcept nogil:
        """Go on with `batch`; False if there may be no room for one more word."""
        cdef Word block[BLOCK]
        cdef int64_t count
        while batch.row < batch.rows:
            count = read_block(batch, block)
            self._find_candidates(block, count)
            if not self._write(batch, block, count):
                return False
        return True

    cdef void _find_candidates(self, Word *block, int64_t count) noexcept nogil:
        """Find the first record with each word's hash: nearly always the word's. Slots and records are prefetched."""
        cdef const uint64_t *slots = &self._slots[0]
        cdef const uint64_t *records = &self._records[0]
        cdef int64_t mask = self._slots.shape[0] - 1
        cdef int64_t i, slot
        for i in range(count):
            prefetch(slots + (<int64_t> block[i].hash & mask))
        for i in range(count):
            slot = <int64_t> block[i].hash & mask
            while slots[slot] and slots[slot] >> HALF_BITS != block[i].hash:
                slot = (slot + 1) & mask
            block[i].record = <int64_t> (slots[slot] & LOW_HALF)
            prefetch(records + block[i].record)
            prefetch(records + block[i].record + 3)

    cdef bint _write(self, Batch *batch, const Word *block, int64_t count) noexcept nogil:
        """Write the tokens of a block; False, with `batch` at the first word that is not written, if there may be no room."""
        cdef int64_t i, record
        for i in range(count):
            if block[i].size == 0:
                batch.row += 1
                batch.offsets[batch.row] = batch.written
                continue
            record = block[i].record
            if record == 0 or not is_word(&self._records[record], batch, &block[i]):
                record = self._find_or_add(batch, &block[i])
            if record == 0 or batch.room - batch.written < SEGMENT_BYTES:
                batch.row_read, batch.position = batch.row, block[i].start
                return False
            copy_tokens(&self._records[record], batch)
        return True

    cdef int64_t _find_or_add(self, const Batch *batch, const Word *word) noexcept nogil:
        """The word's record, a new one if it is not known; 0 if there may be no room for that."""
        cdef int64_t mask = self._slots.shape[0] - 1
        cdef int64_t slot = <int64_t> word.hash & mask
        cdef int64_t record
        while self._slots[slot]:
            record = <int64_t> (self._slots[slot] & LOW_HALF)
            if self._slots[slot] >> HALF_BITS == word.hash and is_word(&self._records[record], batch, word):
                return record
            slot = (slot + 1) & mask
        if not self._has_room():
            return 0
        record = self._units
        self._slots[slot] = <uint64_t> record | word.hash << HALF_BITS
        self._add(batch, word)
        return record

    cdef void _add(self, const Batch *batch, const Word *word) noexcept nogil:
        """Segment a word and append its record."""
        cdef uint64_t *record = &self._records[self._units]
        cdef int32_t *tokens = <int32_t *> (record + HEAD_UNITS)
        cdef int32_t i, token, cut
        cdef int64_t position
        memcpy(self._letters + SIGN_BYTES, batch.data + word.start, word.size)
        self._trie.segment(self._letters, SIGN_BYTES + word.size, &self._lattice, &self._segments)
        record[0] = <uint64_t> word.size | <uint64_t> self._segments.count << HALF_BITS
        record[1] = word.first
        for i in range(self._segments.count):
            token = self._segments.pieces[i]
            if token == UNKNOWN:
                token = <int32_t> self._tokens
                cut = self._segments.cuts[i]
                self._token_hashes[token] = murmur_hash(self._letters + cut, self._segments.cuts[i + 1] - cut)
                self._tokens += 1
            tokens[i] = token
        record += token_units(record) + HEAD_UNITS
        position = UNIT_BYTES
        while position < word.size:
            record[0] = load_bytes(batch.data, batch.size, word.start + position, word.size - position)
            record += 1
            position += UNIT_BYTES
        self._units = record - &self._records[0]
        self.words += 1
        self.word_bytes += word.size


cdef int64_t read_block(Batch *batch, Word *block) noexcept nogil:
    """Read words and row ends, at most BLOCK; returns how many."""
    cdef int64_t count = 0
    cdef int64_t end
    while count < BLOCK and batch.row_read < batch.rows:
        end = batch.ends[batch.row_read]
        if batch.position >= end:
            block[count].size = 0
            block[count].hash = 0
            count += 1
            batch.row_read += 1
            if batch.row_read < batch.rows:
                batch.position = batch.starts[batch.row_read]
        elif batch.data[batch.position] == c' ':
            batch.position += 1
        else:
            block[count] = read_word(batch.data, batch.size, batch.position, end)
            batch.position += block[count].size
            if batch.position < end and is_inside_character(batch.data[batch.position]):
                block[count] = read_cut_word(batch.data, batch.size, block[count].start, batch.position)
                batch.position = block[count].start + block[count].size
            count += 1
    return count


cdef inline int64_t token_units(const uint64_t *record) noexcept nogil:
    return (<int64_t> (record[0] >> HALF_BITS) + 1) // 2


cdef inline bint is_word(const uint64_t *record, const Batch *batch, const Word *word) noexcept nogil:
    """Whether the record is that of the word."""
    cdef int64_t position = UNIT_BYTES
    if <int64_t> (record[0] & LOW_HALF) != word.size or record[1] != word.first:
        return False
    record += HEAD_UNITS + token_units(record)
    while position < word.size:
        if record[0] != load_bytes(batch.data, batch.size, word.start + position, word.size - position):
            return False
        record += 1
        position += UNIT_BYTES
    return True


cdef inline void copy_tokens(const uint64_t *record, Batch *batch) noexcept nogil:
    """Append the record's tokens to those of the batch."""
    cdef int32_t *out = batch.tokens + batch.written
    cdef const int32_t *tokens = <const int32_t *> (record + HEAD_UNITS)
    cdef int64_t count = <int64_t> (record[0] >> HALF_BITS)
    cdef int64_t i
    store64(out, record[HEAD_UNITS])
    store64(out + 2, record[HEAD_UNITS + 1])
    for i in range(FEW_TOKENS, count):
        out[i] = tokens[i]
    batch.written += count


cdef enter_all(const uint64_t[::1] old, uint64_t[::1] slots):
    """Enter the slots `old` into the larger empty table `slots`."""
    cdef int64_t mask = slots.shape[0] - 1
    cdef Py_ssize_t i
    cdef int64_t slot
    for i in range(old.shape[0]):
        if old[i]:
            slot = <int64_t> (old[i] >> HALF_BITS) & mask
            while slots[slot]:
                slot = (slot + 1) & mask
            slots[slot] = old[i]


cdef lengthened(array, Py_ssize_t length):
    """A copy with `length` entries, those at the end 0."""
    longer = np.zeros(length, np.asarray(array).dtype)
    longer[: len(array)] = array
    return longer
