"""Kernels of `models.raters.layers`. A row never depends on its batch; every sum has a fixed order (`layers.h`)."""

from libc.math cimport sqrtf
from libc.stdint cimport int8_t, int32_t, int64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memset

from curricle.c_checks cimport check_below, check_columns, check_ranges, check_rows
from curricle.c_math cimport exp, log

cdef extern from "layers.h" nogil:
    cdef struct weighted_rows:
        const int32_t* rows
        const float* factors
        Py_ssize_t count

    void sum_int8_rows(const weighted_rows* terms, const int8_t* table, Py_ssize_t width, float* total) noexcept
    void sum_float_rows(const weighted_rows* terms, const float* table, Py_ssize_t width, float* total) noexcept
    void multiply_landmarks(
        const float* inputs, Py_ssize_t rows, Py_ssize_t size, const float* landmarks, Py_ssize_t count, float* products
    ) noexcept

cdef enum:
    NARROWEST = 16  # columns: `LANES` of layers.h
    ROWS = 8  # documents that are compared with a landmark while its values are in the processor's cache

cdef float SHORTEST = 1e-6  # no vector is divided by less


cdef int check_widths(Py_ssize_t width, Py_ssize_t table) except -1:
    """Raise ValueError unless outputs are wide enough and as wide as the table whose rows are added to them."""
    if width < NARROWEST:
        raise ValueError(f"out has {width} columns, at least {NARROWEST} are needed")
    check_columns("out", width, table)
    return 0


def add_ngrams(
    const int64_t[::1] indptr,
    const int32_t[::1] indices,
    const float[::1] values,
    const int8_t[:, ::1] table,
    const float[::1] scale,
    float[:, ::1] out,
):
    """Add to every row of `out` (16 wide or more) its n-grams' rows of `table`, times their values and the column's scale."""
    cdef Py_ssize_t row, n, width = out.shape[1]
    cdef weighted_rows terms
    cdef float* total
    check_widths(width, table.shape[1])
    check_rows("scale", scale.shape[0], width)
    check_rows("indptr", indptr.shape[0], out.shape[0] + 1)
    check_rows("values", values.shape[0], indices.shape[0])
    check_ranges("indptr", indptr, indices.shape[0])
    check_below("indices", indices, table.shape[0])
    total = <float*>malloc(width * sizeof(float))
    if total == NULL:
        raise MemoryError
    with nogil:
        for row in range(out.shape[0]):
            memset(total, 0, width * sizeof(float))
            terms.rows = &indices[indptr[row]]
            terms.factors = &values[indptr[row]]
            terms.count = indptr[row + 1] - indptr[row]
            sum_int8_rows(&terms, &table[0, 0], width, total)
            for n in range(width):
                out[row, n] += total[n] * scale[n]
        free(total)


def add_linear(const float[:, ::1] inputs, const float[:, ::1] weights, float[:, ::1] out):
    """Add `inputs` (rows, n) times `weights` (n, outputs) to `out` (16 wide or more)."""
    cdef Py_ssize_t row
    cdef weighted_rows terms
    check_widths(out.shape[1], weights.shape[1])
    check_rows("inputs", inputs.shape[0], out.shape[0])
    check_columns("inputs", inputs.shape[1], weights.shape[0])
    terms.rows = NULL
    terms.count = inputs.shape[1]
    with nogil:
        for row in range(out.shape[0]):
            terms.factors = &inputs[row, 0]
            sum_float_rows(&terms, &weights[0, 0], out.shape[1], &out[row, 0])


def squared_lengths(const float[:, ::1] landmarks, float[::1] out):
    """Fill `out` with the squared length of each column of `landmarks`."""
    cdef Py_ssize_t d, k
    check_columns("landmarks", landmarks.shape[1], out.shape[0])
    with nogil:
        for k in range(out.shape[0]):
            out[k] = 0
        for d in range(landmarks.shape[0]):
            for k in range(out.shape[0]):
                out[k] += landmarks[d, k] * landmarks[d, k]


def add_kernel(
    const float[:, ::1] inputs,
    const float[:, ::1] landmarks,
    const float[::1] lengths,
    const float[:, ::1] weights,
    float[:, ::1] out,
):
    """Add each landmark's row of `weights` times exp(-|input - landmark|^2) to `out` (16 wide or more).

    `landmarks` is (inputs, landmarks); `lengths` are their `squared_lengths`.
    """
    cdef Py_ssize_t block, first, rows, row, d, k, count = lengths.shape[0], size = inputs.shape[1]
    cdef float square, exponent
    cdef float* nearness
    cdef weighted_rows terms
    cdef float* products
    check_widths(out.shape[1], weights.shape[1])
    check_rows("inputs", inputs.shape[0], out.shape[0])
    check_rows("landmarks", landmarks.shape[0], size)
    check_columns("landmarks", landmarks.shape[1], count)
    check_rows("weights", weights.shape[0], count)
    products = <float*>malloc(max(1, ROWS * count) * sizeof(float))
    if products == NULL:
        raise MemoryError
    terms.rows = NULL
    terms.count = count
    with nogil:
        for block in range((out.shape[0] + ROWS - 1) // ROWS):
            first = block * ROWS
            rows = min(<Py_ssize_t>ROWS, out.shape[0] - first)
            multiply_landmarks(&inputs[first, 0], rows, size, &landmarks[0, 0], count, products)
            for row in range(rows):
                square = 0
                for d in range(size):
                    square += inputs[first + row, d] * inputs[first + row, d]
                nearness = products + row * count
                for k in range(count):
                    exponent = 2 * nearness[k] - square - lengths[k]
                    nearness[k] = <float>exp(min(<float>0, exponent))
                terms.factors = nearness
                sum_float_rows(&terms, &weights[0, 0], out.shape[1], &out[first + row, 0])
        free(products)


cdef struct Bag:  # the distinct rows of one document's pieces
    int32_t* counts  # by row, all zero between documents
    int32_t* rows
    float* weights
    Py_ssize_t size


cdef void fill_bag(Bag* bag, const int32_t[::1] pieces, Py_ssize_t start, Py_ssize_t stop, const int32_t[::1] rows) noexcept nogil:
    """The distinct rows in the order of their first piece, each with the weight 1 + ln(how often it occurs)."""
    cdef Py_ssize_t k
    cdef int32_t row
    bag.size = 0
    for k in range(start, stop):
        row = rows[pieces[k]] if pieces[k] < rows.shape[0] else -1
        if row >= 0:
            bag.rows[bag.size] = row
            bag.size += bag.counts[row] == 0
            bag.counts[row] += 1
    for k in range(bag.size):
        row = bag.rows[k]
        bag.weights[k] = 1 if bag.counts[row] == 1 else <float>(1 + log(bag.counts[row]))
        bag.counts[row] = 0


cdef int check_row_numbers(const int32_t[::1] pieces, const int32_t[::1] rows, Py_ssize_t vectors) except -1:
    """Raise ValueError for a negative piece, or a row that there is no vector for."""
    cdef Py_ssize_t k
    cdef int32_t least = 0, last = -1
    for k in range(pieces.shape[0]):
        least = min(least, pieces[k])
    for k in range(rows.shape[0]):
        last = max(last, rows[k])
    if least < 0 or last >= vectors:
        raise ValueError(f"the least piece is {least}, the last row {last}, there are {vectors} vectors")
    return 0


def embed_pieces(
    const int32_t[::1] pieces,
    const int64_t[::1] offsets,
    const int32_t[::1] rows,
    const int8_t[:, ::1] vectors,
    const float[::1] scale,
    const float[::1] center,
    float[:, ::1] out,
):
    """Fill `out` (16 wide or more) with unit vectors: a document's weighted sum of vectors, scaled, minus the center.

    `rows` gives a piece's row of `vectors`, or -1; pieces beyond `rows` have none either.
    """
    cdef Py_ssize_t document, n, width = out.shape[1], longest = 1
    cdef weighted_rows terms
    cdef Bag bag
    cdef float* total
    cdef float squares, length
    check_widths(width, vectors.shape[1])
    check_rows("offsets", offsets.shape[0], out.shape[0] + 1)
    check_ranges("offsets", offsets, pieces.shape[0])
    check_rows("scale", scale.shape[0], width)
    check_rows("center", center.shape[0], width)
    check_row_numbers(pieces, rows, vectors.shape[0])
    for document in range(out.shape[0]):
        longest = max(longest, offsets[document + 1] - offsets[document] + 1)
    bag.counts = <int32_t*>calloc(max(1, vectors.shape[0]), sizeof(int32_t))
    bag.rows = <int32_t*>malloc(longest * sizeof(int32_t))
    bag.weights = <float*>malloc(longest * sizeof(float))
    try:
        if bag.counts == NULL or bag.rows == NULL or bag.weights == NULL:
            raise MemoryError
        with nogil:
            for document in range(out.shape[0]):
                fill_bag(&bag, pieces, offsets[document], offsets[document + 1], rows)
                terms = weighted_rows(rows=bag.rows, factors=bag.weights, count=bag.size)
                total = &out[document, 0]
                memset(total, 0, width * sizeof(float))
                sum_int8_rows(&terms, &vectors[0, 0], width, total)
                squares = 0
                for n in range(width):
                    total[n] = total[n] * scale[n] - center[n]
                    squares += total[n] * total[n]
                length = max(sqrtf(squares), SHORTEST)
                for n in range(width):
                    total[n] /= length
    finally:
        free(bag.counts)
        free(bag.rows)
        free(bag.weights)
