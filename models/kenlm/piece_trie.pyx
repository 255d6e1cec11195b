"""The pieces of a SentencePiece unigram model as a trie, and the Viterbi search over it.

The trie is a hash table: the key `node << 8 | byte` leads to a child node. The search gives the same pieces as `sentencepiece`,
float32 for float32 (unigram_model.cc, EncodeOptimized).
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t

from curricle.c_checks cimport check_rows, check_spans

cdef enum:
    NO_PIECE = -1
    BITS_OF_A_BYTE = 8

cdef extern from *:
    """
    static const uint64_t HASH_FACTOR = 0x9E3779B97F4A7C15;  /* 2^64 divided by the golden ratio */
    static const int HASH_SHIFT = 20;
    """
    const uint64_t HASH_FACTOR
    const int HASH_SHIFT


cdef inline int64_t find_slot(const int64_t *keys, int64_t mask, int64_t key) noexcept nogil:
    """The slot that holds `key`, or the free slot (-1) where it belongs."""
    cdef int64_t slot = <int64_t> (<uint64_t> key * HASH_FACTOR >> HASH_SHIFT) & mask
    while keys[slot] != key and keys[slot] >= 0:
        slot = (slot + 1) & mask
    return slot


cdef inline int64_t sequence_length(uint8_t first) noexcept nogil:
    """Bytes of a UTF-8 sequence by its first byte."""
    if first < 0xC0:
        return 1
    if first < 0xE0:
        return 2
    if first < 0xF0:
        return 3
    return 4


cdef int check_slots(int64_t slots, int64_t children) except -1:
    """Raise ValueError unless the number of slots is a power of two and each has a child."""
    if slots < 1 or slots & (slots - 1):
        raise ValueError(f"{slots} slots are not a power of two")
    check_rows("children", children, slots)
    return 0


def fill_trie(
    const uint8_t[::1] data,
    const int64_t[::1] starts,
    const int64_t[::1] ends,
    const uint8_t[::1] usable,
    const uint8_t[::1] unused,
    int64_t[::1] keys,
    int32_t[::1] children,
    int32_t[::1] piece_of,
):
    """Enter the pieces `data[starts[i]:ends[i]]` that are `usable` into a trie's arrays; returns the number of its nodes.

    `keys` must be -1 everywhere, have a power of two of slots and at least one more than nodes; `piece_of` must be -1 everywhere.
    An `unused` piece has a path, as in SentencePiece, but is never chosen.
    """
    cdef int64_t mask = keys.shape[0] - 1
    cdef int64_t position, key, slot, node
    cdef int64_t nodes = 1
    cdef Py_ssize_t piece
    cdef int64_t room = min(piece_of.shape[0], mask)
    check_slots(mask + 1, children.shape[0])
    check_spans(starts, ends, data.shape[0])
    check_rows("usable", usable.shape[0], starts.shape[0])
    check_rows("unused", unused.shape[0], starts.shape[0])
    check_rows("piece_of", room, 1)
    with nogil:
        for piece in range(starts.shape[0]):
            if not usable[piece]:
                continue
            node = 0
            for position in range(starts[piece], ends[piece]):
                key = node << BITS_OF_A_BYTE | data[position]
                slot = find_slot(&keys[0], mask, key)
                if keys[slot] < 0:
                    if nodes == room:
                        with gil:
                            raise ValueError(f"the pieces need more than {room} nodes")
                    keys[slot] = key
                    children[slot] = <int32_t> nodes
                    nodes += 1
                node = children[slot]
            if not unused[piece]:
                piece_of[node] = <int32_t> piece
    return nodes


cdef class PieceTrie:
    """The arrays that `fill_trie` made, with the score of each piece and of an unknown character."""

    def __init__(
        self,
        const int64_t[::1] keys,
        const int32_t[::1] children,
        const int32_t[::1] piece_of,
        const float[::1] scores,
        float unknown_score,
    ):
        cdef Py_ssize_t i
        cdef bint room = False, fits = True
        check_slots(keys.shape[0], children.shape[0])
        check_rows("piece_of", piece_of.shape[0], 1)
        for i in range(keys.shape[0]):
            room |= keys[i] < 0
            fits &= keys[i] < 0 or 0 <= children[i] < piece_of.shape[0]
        for i in range(piece_of.shape[0]):
            fits &= piece_of[i] < scores.shape[0]
        if not room or not fits:
            raise ValueError("the trie has no free slot, or a node or piece that is not there")
        self._keys = keys
        self._children = children
        self._piece_of = piece_of
        self._scores = scores
        self._unknown_score = unknown_score

    cdef void segment(self, const uint8_t *text, int64_t size, Lattice *lattice, Segments *out) noexcept nogil:
        """Write the pieces of `text[:size]`, at most SEGMENT_BYTES bytes of UTF-8, to `out`. `lattice` is working memory."""
        self._search(text, size, lattice)
        trace_back(lattice, <int32_t> size, out)

    cdef void _search(self, const uint8_t *text, int64_t size, Lattice *lattice) noexcept nogil:
        cdef const int64_t *keys = &self._keys[0]
        cdef const int32_t *children = &self._children[0]
        cdef const int32_t *piece_of = &self._piece_of[0]
        cdef const float *scores = &self._scores[0]
        cdef int64_t mask = self._keys.shape[0] - 1
        cdef int64_t start = 0
        cdef int64_t position, width, slot, node
        cdef int32_t piece
        cdef bint has_single  # whether the first character alone is a piece
        for position in range(size + 1):
            lattice.origin[position] = -1
        lattice.score[0] = 0
        while start < size:
            width = min(sequence_length(text[start]), size - start)
            has_single = False
            node = 0
            position = start
            while position < size:
                slot = find_slot(keys, mask, node << BITS_OF_A_BYTE | text[position])
                if keys[slot] < 0:
                    break
                node = children[slot]
                position += 1
                piece = piece_of[node]
                if piece != NO_PIECE:
                    offer(lattice, start, position, piece, scores[piece] + lattice.score[start])
                    if position - start == width:
                        has_single = True
            if not has_single:
                offer(lattice, start, start + width, NO_PIECE, self._unknown_score + lattice.score[start])
            start += width


cdef inline void offer(Lattice *lattice, int64_t start, int64_t end, int32_t piece, float score) noexcept nogil:
    """Take the way to `end` over `piece` from `start` if it is the first or better than the best so far."""
    if lattice.origin[end] < 0 or score > lattice.score[end]:
        lattice.score[end] = score
        lattice.origin[end] = <int32_t> start
        lattice.piece[end] = piece


cdef void trace_back(const Lattice *lattice, int32_t size, Segments *out) noexcept nogil:
    """Follow the best way back from the end; unknown characters next to each other are one piece."""
    cdef int32_t count = 0
    cdef int32_t position = size
    cdef int32_t i
    while position > 0:
        if count == 0 or lattice.piece[position] != NO_PIECE or out.pieces[count - 1] != NO_PIECE:
            out.pieces[count] = lattice.piece[position]
            out.cuts[count] = position
            count += 1
        position = lattice.origin[position]
    out.cuts[count] = 0
    for i in range(count // 2):
        out.pieces[i], out.pieces[count - 1 - i] = out.pieces[count - 1 - i], out.pieces[i]
    for i in range((count + 1) // 2):
        out.cuts[i], out.cuts[count - i] = out.cuts[count - i], out.cuts[i]
    out.count = count
