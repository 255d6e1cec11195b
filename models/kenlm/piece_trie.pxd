"""A SentencePiece unigram model's pieces as a trie, for kernels that segment words."""

from libc.stdint cimport int32_t, int64_t, uint8_t

cdef enum:
    SEGMENT_BYTES = 4096 + 3  # a word may have 4096, SentencePiece's sign for a space before it has 3


cdef struct Segments:
    # The pieces of a text.
    int32_t count
    int32_t pieces[SEGMENT_BYTES + 1]  # -1: not in the model
    int32_t cuts[SEGMENT_BYTES + 2]  # piece i is bytes cuts[i] to cuts[i + 1]


cdef struct Lattice:
    # The best way to each byte of a text: its score, where its last piece begins (-1: no way yet) and that piece.
    float score[SEGMENT_BYTES + 1]
    int32_t origin[SEGMENT_BYTES + 1]
    int32_t piece[SEGMENT_BYTES + 1]


cdef class PieceTrie:
    cdef const int64_t[::1] _keys
    cdef const int32_t[::1] _children, _piece_of
    cdef const float[::1] _scores
    cdef float _unknown_score

    cdef void segment(self, const uint8_t *text, int64_t size, Lattice *lattice, Segments *out) noexcept nogil
    cdef void _search(self, const uint8_t *text, int64_t size, Lattice *lattice) noexcept nogil
