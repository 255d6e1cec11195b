from libc.stdint cimport int16_t, int32_t, uint8_t, uint32_t

from curricle.models.raters.document cimport Document

cpdef enum FeatureGroup:
    WORDS
    PAIRS
    PIECES
    SHAPES
    TRIPLES
    GROUPS

cdef struct NgramScratch:
    uint32_t* word  # room for a document and two more
    uint32_t* slots  # of each occurrence
    uint8_t* groups  # of each occurrence
    int16_t* counts  # one for each slot, all zero between documents
    double* count_weights  # by count, filled by `fill_count_weights`

cdef struct Features:
    int32_t* slots
    float* values

cdef void fill_count_weights(double* weights, Py_ssize_t size) noexcept nogil
cdef Py_ssize_t find_ngrams(const Document* document, NgramScratch* scratch) noexcept nogil
cdef Py_ssize_t weigh_ngrams(NgramScratch* scratch, Py_ssize_t occurrences, Features features) noexcept nogil
