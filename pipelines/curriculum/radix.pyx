"""Kernels of the selection for `pipelines.curriculum.kernels`, each compiled once for every type of its columns.

A sort key is a uint64 that sorts as the value does. Sums of weights are int64.
"""

from libc.math cimport isnan
from libc.stdint cimport int8_t, int16_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy, memset

from curricle.c_checks cimport check_below, check_columns, check_rows

ctypedef fused Weight:
    uint8_t
    uint32_t
    int64_t

ctypedef fused Value:
    float
    double

cdef enum State:  # of a cell
    NONE_TAKEN
    SEARCHED  # taken up to its bound
    ALL_TAKEN

cdef enum:
    DIGITS = 8  # bytes of a sort key, the most significant first
    RADIX = 256

cdef uint64_t SIGN_BIT = <uint64_t>1 << 63
cdef uint64_t LAST_KEY = <uint64_t>-1


cdef inline uint64_t mix(uint64_t bits) noexcept nogil:
    """The finalizer of SplitMix64 (Steele, Lea, Flood 2014): a bijection, so distinct ids stay distinct."""
    bits = (bits ^ (bits >> 30)) * <uint64_t>0xBF58476D1CE4E5B9
    bits = (bits ^ (bits >> 27)) * <uint64_t>0x94D049BB133111EB
    return bits ^ (bits >> 31)


cdef inline uint64_t sort_key(Value value, bint descending) noexcept nogil:
    """The sort key of a number: NaN comes last in either order, and -0 and 0 have the same key."""
    cdef double number = value
    cdef uint64_t bits
    if isnan(number):
        return LAST_KEY
    number = (-number if descending else number) + 0.0  # turns -0 into 0
    memcpy(&bits, &number, sizeof(bits))
    return ~bits if bits & SIGN_BIT else bits | SIGN_BIT


def keyed(const uint64_t[::1] hashes, uint64_t key, uint64_t[::1] out):
    """Fill `out` (n,) with the hash of each hash under a key."""
    cdef Py_ssize_t i
    check_rows("out", out.shape[0], hashes.shape[0])
    with nogil:
        for i in range(hashes.shape[0]):
            out[i] = mix(hashes[i] ^ key)


def totals(const int16_t[::1] cell, const uint8_t[::1] among, const Weight[::1] weight, int64_t[::1] sums):
    """Fill `sums` (cells,) with the weight of the rows `among`, by cell."""
    cdef Py_ssize_t i
    check_rows("among", among.shape[0], cell.shape[0])
    check_rows("weight", weight.shape[0], cell.shape[0])
    check_below("cell", cell, sums.shape[0])
    with nogil:
        for i in range(sums.shape[0]):
            sums[i] = 0
        for i in range(cell.shape[0]):
            if among[i]:
                sums[cell[i]] += weight[i]


def sort_keys(const Value[::1] values, bint descending, uint64_t[::1] out):
    """Fill `out` (n,) with the sort key of each value."""
    cdef Py_ssize_t i
    check_rows("out", out.shape[0], values.shape[0])
    with nogil:
        for i in range(values.shape[0]):
            out[i] = sort_key(values[i], descending)


cdef struct Ranking:
    bint descending
    const uint64_t* id_hash
    uint64_t key
    bint by_value  # else by the keyed hash of the id


cdef inline uint64_t rank(const Ranking* ranking, const Value[::1] values, Py_ssize_t row) noexcept nogil:
    """The sort key of a row, from its value or from the keyed hash of its id."""
    if ranking.by_value:
        return sort_key(values[row], ranking.descending)
    return mix(ranking.id_hash[row] ^ ranking.key)


cdef struct Search:  # for the row where each cell meets its quota
    Py_ssize_t size  # rows that share the digits found so far
    uint32_t* rows  # NULL: all rows
    int64_t* rest  # by cell: the part of its quota that is not met yet
    int64_t* last  # by cell: weight of the rows with the digit found last
    int64_t* sums  # by cell and digit


cdef void find_digit(Search* search, uint64_t[:, ::1] bound, Py_ssize_t cells, int level, int shift) noexcept nogil:
    """Find the next digit of every cell's bound from the sums by digit."""
    cdef Py_ssize_t c
    cdef uint64_t digit
    cdef int64_t* sums
    for c in range(cells):
        if search.rest[c] > 0:
            sums = search.sums + RADIX * c
            digit = 0
            while digit < RADIX - 1 and sums[digit] < search.rest[c]:
                search.rest[c] -= sums[digit]
                digit += 1
            bound[c, level] |= digit << shift
            search.last[c] = sums[digit]


cdef int check_documents(
    const int16_t[::1] cell, const uint8_t[::1] among, const Value[::1] values, const uint64_t[::1] id_hash, Py_ssize_t cells
) except -1:
    """Raise ValueError if an array has no row for each document, or a document is in none of the cells."""
    check_rows("among", among.shape[0], cell.shape[0])
    check_rows("id_hash", id_hash.shape[0], cell.shape[0])
    if values.shape[0]:
        check_rows("values", values.shape[0], cell.shape[0])
    check_below("cell", cell, cells)
    return 0


def find_bounds(
    const int16_t[::1] cell,
    const uint8_t[::1] among,
    const Value[::1] values,
    bint descending,
    const uint64_t[::1] id_hash,
    uint64_t key,
    const Weight[::1] weight,
    const int64_t[::1] quota,
    uint64_t[:, ::1] bound,
    uint8_t[::1] closed,
):
    """Fill `bound` (cells, 2) with the sort keys (value, hash) of the row where each cell meets its quota.

    A quota is positive and at most the cell's total, or 0 for a cell that is left out. `closed` (cells,) is 1 where the row at the
    bound brings the sum nearer to the quota. Without `values` only the hashes count.
    """
    cdef Py_ssize_t i, j, c, cells = quota.shape[0], kept
    cdef int level, digit, shift
    cdef uint32_t* nearer = NULL
    cdef Ranking ranking = Ranking(descending=descending, id_hash=&id_hash[0], key=key, by_value=True)
    cdef Search search
    check_documents(cell, among, values, id_hash, cells)
    check_rows("weight", weight.shape[0], cell.shape[0])
    check_rows("bound", bound.shape[0], cells)
    check_columns("bound", bound.shape[1], 2)
    check_rows("closed", closed.shape[0], cells)
    search = Search(
        size=cell.shape[0],
        rows=NULL,
        rest=<int64_t*>malloc(max(1, cells) * sizeof(int64_t)),
        last=<int64_t*>calloc(max(1, cells), sizeof(int64_t)),
        sums=<int64_t*>malloc(max(1, cells) * RADIX * sizeof(int64_t)),
    )
    try:
        if search.rest == NULL or search.last == NULL or search.sums == NULL:
            raise MemoryError
        with nogil:
            for c in range(cells):
                search.rest[c] = quota[c]
                bound[c, 0] = 0
                bound[c, 1] = 0
            for level in range(0 if values.shape[0] else 1, 2):
                ranking.by_value = level == 0
                for digit in range(DIGITS):
                    shift = 8 * (DIGITS - 1 - digit)
                    memset(search.sums, 0, cells * RADIX * sizeof(int64_t))
                    for j in range(search.size):
                        i = j if search.rows == NULL else search.rows[j]
                        if among[i] and search.rest[cell[i]] > 0:
                            c = cell[i]
                            search.sums[RADIX * c + <uint8_t>(rank(&ranking, values, i) >> shift)] += weight[i]
                    find_digit(&search, bound, cells, level, shift)
                    kept = 0  # count the rows that share the digits so far, then keep them
                    for j in range(search.size):
                        i = j if search.rows == NULL else search.rows[j]
                        if among[i] and search.rest[cell[i]] > 0:
                            kept += rank(&ranking, values, i) >> shift == bound[cell[i], level] >> shift
                    nearer = <uint32_t*>malloc(max(1, kept) * sizeof(uint32_t))
                    if nearer == NULL:
                        with gil:
                            raise MemoryError
                    kept = 0
                    for j in range(search.size):
                        i = j if search.rows == NULL else search.rows[j]
                        if among[i] and search.rest[cell[i]] > 0:
                            if rank(&ranking, values, i) >> shift == bound[cell[i], level] >> shift:
                                nearer[kept] = <uint32_t>i
                                kept += 1
                    free(search.rows)
                    search.rows = nearer
                    search.size = kept
            for c in range(cells):
                closed[c] = 2 * search.rest[c] > search.last[c]
    finally:
        free(search.rows)
        free(search.rest)
        free(search.last)
        free(search.sums)


def within(
    const int16_t[::1] cell,
    const uint8_t[::1] among,
    const Value[::1] values,
    bint descending,
    const uint64_t[::1] id_hash,
    uint64_t key,
    const uint64_t[:, ::1] bound,
    const uint8_t[::1] closed,
    const int8_t[::1] state,
    uint8_t[::1] taken,
):
    """Fill `taken` (n,) with 1 for the rows before their cell's bound, and for the one at the bound where `closed`.

    `state` (cells,) is 0 to take no row of a cell, 1 to go by the bound, 2 to take all.
    """
    cdef Py_ssize_t i, c
    cdef uint64_t key_of_row
    cdef bint by_value = values.shape[0] > 0
    check_documents(cell, among, values, id_hash, state.shape[0])
    check_rows("bound", bound.shape[0], state.shape[0])
    check_columns("bound", bound.shape[1], 2)
    check_rows("closed", closed.shape[0], state.shape[0])
    check_rows("taken", taken.shape[0], cell.shape[0])
    with nogil:
        for i in range(cell.shape[0]):
            taken[i] = 0
            if among[i]:
                c = cell[i]
                if state[c] == ALL_TAKEN:
                    taken[i] = 1
                elif state[c] == SEARCHED:
                    key_of_row = sort_key(values[i], descending) if by_value else bound[c, 0]
                    if key_of_row != bound[c, 0]:
                        taken[i] = key_of_row < bound[c, 0]
                    else:
                        key_of_row = mix(id_hash[i] ^ key)
                        taken[i] = key_of_row < bound[c, 1] or (key_of_row == bound[c, 1] and closed[c])
