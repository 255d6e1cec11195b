"""Lookups in KenLM's hash tables, many at a time: word ids of tokens, log10 probabilities of sentences.

KenLM looks up one token after the other and waits for memory each time. Here a block of tokens is looked up order by order.
Lookups of one order do not need each other's results, so their entries are prefetched, and four entries are compared without a
branch. A table entry is its 64-bit key and its values. A key of 0 marks a free entry.
"""

from libc.math cimport fabs
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc

from curricle.c_bytes cimport count_trailing_zeros, load32, load64, load_float, prefetch
from curricle.c_checks cimport check_below, check_ranges, check_rows

cpdef enum:
    MOST_ORDER = 63  # KenLM itself stops at 6 unless it is compiled for more

cdef enum:
    BLOCK = 512  # tokens
    POSITIONS = BLOCK + 1  # those of a block, after the token before it
    KEY_BYTES = 8
    VOCABULARY_BYTES = 12  # of an entry: key, word id
    UNIGRAM_BYTES = 8  # probability, back-off; the word id is the index
    MIDDLE_BYTES = 16  # key, probability, back-off
    LONGEST_BYTES = 12  # key, probability
    WEIGHT_BYTES = 4  # a probability or a back-off

cdef extern from *:
    """
    /* As the sign of a probability: no longer n-gram ends with this one. As a back-off, -0.0: none begins with it. */
    static const uint32_t SIGN = 0x80000000;
    /* A back-off that adds nothing, not even to -0.0. */
    static const float NOTHING = -0.0f;
    /* detail::CombineWordHash in KenLM's lm/search_hashed.hh. */
    static const uint64_t SUFFIX_FACTOR = 8978948897894561157ULL;
    static const uint64_t WORD_FACTOR = 17894857484156487943ULL;
    """
    const uint32_t SIGN
    const float NOTHING
    const uint64_t SUFFIX_FACTOR
    const uint64_t WORD_FACTOR


cdef struct HashTable:
    const uint8_t *entries
    int64_t width  # bytes of an entry
    uint64_t buckets


cdef struct Block:
    # A run of tokens of one sentence. Position 0 is the token before them: the begin of the sentence, or the last token of the
    # block before.
    uint64_t history[POSITIONS + MOST_ORDER]  # word ids + 1, those of `order` words before the block included
    uint64_t keys[POSITIONS]  # of the longest n-gram looked up so far that ends at the position
    float probability[POSITIONS]  # of the longest n-gram found
    float backoff[MOST_ORDER][POSITIONS]  # [n - 1]: of the n-gram of n words
    double log10[POSITIONS]
    uint8_t length[POSITIONS]  # words of the longest n-gram found
    uint8_t extends_left[POSITIONS]  # 1: a longer n-gram than the longest found so far may end with it
    int64_t extends_right[POSITIONS]  # bit n: an n-gram of n + 1 words may begin with the n-gram of n words that ends here
    int32_t pending[POSITIONS]  # positions to look up
    int32_t found[POSITIONS]  # positions whose n-gram of the current order was found
    const uint8_t *entries[POSITIONS]  # of `pending`: the first to compare; of `found`: the one with the key


cdef inline const uint8_t *first_entry(const HashTable *table, uint64_t key) noexcept nogil:
    return table.entries + <int64_t> (key % table.buckets) * table.width


cdef const uint8_t *find_entry(const HashTable *table, uint64_t key, const uint8_t *entry) noexcept nogil:
    """The entry with `key`, searched from `entry` on, or NULL."""
    cdef const uint8_t *end = table.entries + <int64_t> table.buckets * table.width
    cdef uint64_t compared, other
    for compared in range(table.buckets):  # a damaged table may have no free entry
        other = load64(entry)
        if other == key:
            return entry
        if other == 0:
            return NULL
        entry += table.width
        if entry == end:
            entry = table.entries
    return NULL


cdef int64_t find_pending(const HashTable *table, Block *block, int64_t pending) noexcept nogil:
    """Look up the first `pending` positions of `block.pending`; returns how many were found, which go to `block.found`."""
    cdef const uint8_t *last = table.entries + (<int64_t> table.buckets - 4) * table.width  # four entries fit from here on
    cdef const uint8_t *entry
    cdef int64_t width = table.width
    cdef int64_t found = 0
    cdef int64_t i
    cdef int32_t position
    cdef uint64_t key, first, second, third, fourth, same, vacant
    cdef int match
    for i in range(pending):
        position = block.pending[i]
        entry = block.entries[i]
        key = block.keys[position]
        block.found[found] = position
        if entry <= last:
            first = load64(entry)
            second = load64(entry + width)
            third = load64(entry + 2 * width)
            fourth = load64(entry + 3 * width)
            same = <uint64_t> (first == key) | <uint64_t> (second == key) << 1
            same |= <uint64_t> (third == key) << 2 | <uint64_t> (fourth == key) << 3
            vacant = <uint64_t> (first == 0) | <uint64_t> (second == 0) << 1
            vacant |= <uint64_t> (third == 0) << 2 | <uint64_t> (fourth == 0) << 3
            if same | vacant:
                match = count_trailing_zeros(same | vacant)
                block.entries[found] = entry + match * width
                found += <int64_t> (same >> match) & 1
                continue
            entry += 3 * width
        entry = find_entry(table, key, entry)
        block.entries[found] = entry
        found += entry != NULL
    return found


cdef int check_table(const uint8_t[::1] file, int64_t start, uint64_t buckets, int64_t width) except -1:
    """Raise ValueError if a table of that many entries is not inside the file."""
    if not 0 <= start <= file.shape[0] or not 1 <= buckets <= <uint64_t> ((file.shape[0] - start) // width):
        raise ValueError(f"{buckets} entries of {width} bytes from byte {start} on, in a file of {file.shape[0]} bytes")
    return 0


cdef class ProbingLookup:
    """The tables inside the bytes of a model file, which `models.kenlm.table` has checked to be long enough."""

    cdef const uint8_t[::1] _file
    cdef int _order
    cdef HashTable _vocabulary
    cdef HashTable _tables[MOST_ORDER]  # [n - 2]: of the n-grams of n words
    cdef const uint8_t *_unigrams
    cdef int64_t _words  # there is room for so many unigrams
    cdef int64_t _begin, _end

    def __init__(
        self,
        const uint8_t[::1] file,
        int64_t vocabulary,
        int64_t unigrams,
        const int64_t[::1] tables,
        const uint64_t[::1] buckets,
    ):
        """`vocabulary`, `unigrams`, `tables`: byte offsets of the tables.

        `buckets`: of the vocabulary, then of each of `tables`.
        """
        cdef Py_ssize_t i
        cdef Py_ssize_t longest = tables.shape[0] - 1
        cdef int64_t width
        if not 1 <= tables.shape[0] < MOST_ORDER or buckets.shape[0] != tables.shape[0] + 1:
            raise ValueError(f"{tables.shape[0]} tables and {buckets.shape[0]} numbers of buckets")
        check_table(file, vocabulary, buckets[0], VOCABULARY_BYTES)
        if not 0 <= unigrams <= tables[0]:
            raise ValueError(f"unigrams at byte {unigrams}, the next table at {tables[0]}")
        self._file = file
        self._words = (tables[0] - unigrams) // UNIGRAM_BYTES
        self._order = <int> tables.shape[0] + 1
        self._unigrams = &file[unigrams]
        self._vocabulary = HashTable(&file[vocabulary], VOCABULARY_BYTES, buckets[0])
        for i in range(tables.shape[0]):
            width = LONGEST_BYTES if i == longest else MIDDLE_BYTES
            check_table(file, tables[i], buckets[i + 1], width)
            self._tables[i] = HashTable(&file[tables[i]], width, buckets[i + 1])

    def set_marks(self, int64_t begin, int64_t end):
        """Set the word ids of a sentence's begin and end."""
        if not (0 <= begin < self._words and 0 <= end < self._words):
            raise ValueError(f"word ids {begin} and {end}, there is room for {self._words} words")
        self._begin = begin
        self._end = end

    def find_ids(self, const uint64_t[::1] hashes, uint32_t[::1] ids):
        """Write the word id of each word's hash; 0 where the model does not know it."""
        cdef Py_ssize_t i
        cdef Py_ssize_t count = min(hashes.shape[0], ids.shape[0])
        cdef const uint8_t *entry
        with nogil:
            for i in range(count):
                entry = find_entry(&self._vocabulary, hashes[i], first_entry(&self._vocabulary, hashes[i]))
                ids[i] = load32(entry + KEY_BYTES) if entry != NULL else 0

    def score_sentences(
        self,
        const int32_t[::1] tokens,
        const int64_t[::1] offsets,
        const int32_t[::1] ids,
        double[::1] log10,
        int64_t[::1] unknown,
        float[::1] each,
    ):
        """See `ProbingTable.score`."""
        cdef Py_ssize_t row
        cdef Py_ssize_t rows = offsets.shape[0] - 1
        cdef float *each_token
        cdef Block *block
        check_ranges("offsets", offsets, tokens.shape[0])
        check_below("tokens", tokens, ids.shape[0])
        check_below("ids", ids, self._words)
        check_rows("log10", log10.shape[0], rows)
        check_rows("unknown", unknown.shape[0], rows)
        if each.shape[0]:
            check_rows("each", each.shape[0], offsets[rows] + rows)
        block = <Block *> malloc(sizeof(Block))
        if block == NULL:
            raise MemoryError
        with nogil:
            for row in range(rows):
                each_token = &each[offsets[row] + row] if each.shape[0] else NULL
                log10[row] = self._score_sentence(
                    block, &tokens[offsets[row]], offsets[row + 1] - offsets[row], &ids[0], &unknown[row], each_token
                )
        free(block)

    cdef double _score_sentence(
        self, Block *block, const int32_t *tokens, int64_t size, const int32_t *ids, int64_t *unknown, float *each
    ) noexcept nogil:
        """log10 p of `tokens[:size]` and the sentence's end; writes that of each to `each` unless it is NULL."""
        cdef double total = 0
        cdef int64_t done = 0
        cdef int64_t count, position
        unknown[0] = 0
        self._begin_sentence(block)
        while done <= size:
            count = min(<int64_t> BLOCK, size + 1 - done)
            unknown[0] += self._look_up_words(block, tokens + done, count, size - done, ids)
            self._look_up_longer(block, count)
            self._add_up(block, count)
            for position in range(1, count + 1):
                total += block.log10[position]
            if each != NULL:
                for position in range(1, count + 1):
                    each[done + position - 1] = <float> block.log10[position]
            self._carry_over(block, count)
            done += count
        return total

    cdef void _begin_sentence(self, Block *block) noexcept nogil:
        cdef int n
        block.history[self._order] = self._begin + 1
        block.backoff[0][0] = load_float(self._unigrams + self._begin * UNIGRAM_BYTES + WEIGHT_BYTES)
        for n in range(1, self._order):
            block.backoff[n][0] = NOTHING
        block.extends_right[0] = 1 << 1

    cdef int64_t _look_up_words(
        self, Block *block, const int32_t *tokens, int64_t count, int64_t left, const int32_t *ids
    ) noexcept nogil:
        """Enter `count` words; those after the first `left` are the sentence's end. Returns how many are unknown."""
        cdef int64_t position, word
        cdef int64_t unknown = 0
        cdef int n
        cdef const uint8_t *entry
        for position in range(1, count + 1):
            word = self._end
            if position <= left:
                word = ids[tokens[position - 1]]
                unknown += word == 0
            entry = self._unigrams + word * UNIGRAM_BYTES
            block.history[self._order + position] = word + 1
            block.keys[position] = word
            block.probability[position] = load_float(entry)
            block.backoff[0][position] = load_float(entry + WEIGHT_BYTES)
            block.extends_left[position] = load32(entry) < SIGN
            block.extends_right[position] = <int64_t> (load32(entry + WEIGHT_BYTES) != SIGN) << 1
            block.length[position] = 1
            block.found[position - 1] = position
        for n in range(1, self._order):
            for position in range(1, count + 1):
                block.backoff[n][position] = NOTHING
        return unknown

    cdef void _look_up_longer(self, Block *block, int64_t found) noexcept nogil:
        """Look up the n-grams of 2 words and more that end at the positions of the block."""
        cdef int n
        cdef int64_t i, pending
        cdef int32_t position
        cdef const HashTable *table
        cdef const uint8_t *entry
        for n in range(2, self._order + 1):
            table = &self._tables[n - 2]
            pending = 0
            for i in range(found):
                position = block.found[i]
                block.pending[pending] = position
                pending += <int64_t> block.extends_left[position] & block.extends_right[position - 1] >> (n - 1)
            for i in range(pending):
                position = block.pending[i]
                block.keys[position] = (
                    block.keys[position] * SUFFIX_FACTOR ^ block.history[self._order + position - n + 1] * WORD_FACTOR
                )
                entry = first_entry(table, block.keys[position])
                block.entries[i] = entry
                prefetch(entry)
                prefetch(entry + 3 * table.width)
            found = find_pending(table, block, pending)
            for i in range(found):
                position = block.found[i]
                entry = block.entries[i] + KEY_BYTES
                block.length[position] = n
                block.probability[position] = load_float(entry)
                if n < self._order:
                    block.extends_left[position] = load32(entry) < SIGN
                    block.backoff[n - 1][position] = load_float(entry + WEIGHT_BYTES)
                    block.extends_right[position] |= <int64_t> (load32(entry + WEIGHT_BYTES) != SIGN) << n

    cdef void _add_up(self, Block *block, int64_t count) noexcept nogil:
        """log10 p of each position: that of the longest n-gram found, and the back-offs of the longer contexts before it."""
        cdef int64_t position
        cdef int n
        for position in range(1, count + 1):
            block.log10[position] = -fabs(block.probability[position])
        for n in range(1, self._order):
            for position in range(1, count + 1):
                block.log10[position] += block.backoff[n - 1][position - 1] if n >= block.length[position] else NOTHING

    cdef void _carry_over(self, Block *block, int64_t count) noexcept nogil:
        """Make the last position of the block position 0 of the next."""
        cdef int n
        for n in range(self._order + 1):
            block.history[n] = block.history[count + n]
        for n in range(self._order):
            block.backoff[n][0] = block.backoff[n][count]
        block.extends_right[0] = block.extends_right[count]
