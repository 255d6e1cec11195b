"""Words as kernels see them, and tables of stop words."""

from libc.stdint cimport int64_t, uint32_t, uint64_t

cdef struct Word:  # `texts.WORD`
    uint64_t hash
    uint32_t chars  # code points
    uint32_t flags
    uint32_t start  # first byte in the text
    uint32_t size  # bytes

cdef enum:  # flags of a word
    NOT_SYMBOL = 1  # has a character outside datatrove's symbols
    HAS_ALPHA = 2  # has a letter
    IS_PUNCTUATION = 4  # is all punctuation
    IS_STOP = 8  # is one sentence terminal

cpdef enum:
    STOP_SLOTS_BITS = 6
    STOP_SLOTS = 1 << 6  # slots of a table of stop words


cdef inline uint64_t stop_bit(const uint64_t *table, uint64_t hashed) noexcept nogil:
    """Bit of the stop word with this hash; 0 if it is none. `table`: one of `lexicon.stop_tables()`, pairs of hash and number."""
    cdef int64_t slot = <int64_t>(hashed >> (64 - STOP_SLOTS_BITS))
    while table[2 * slot + 1]:
        if table[2 * slot] == hashed:
            return <uint64_t>1 << (table[2 * slot + 1] - 1)
        slot = (slot + 1) & (STOP_SLOTS - 1)
    return 0
