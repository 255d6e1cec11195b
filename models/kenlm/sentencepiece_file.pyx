"""Reads the pieces out of a SentencePiece model file, a protocol buffer (sentencepiece_model.proto)."""

from libc.stdint cimport int64_t, uint8_t

from curricle.c_bytes cimport load_float
from curricle.c_checks cimport check_columns, check_rows

cdef enum:
    PIECES_FIELD = 1  # of the file, as the next two
    TRAINER_FIELD = 2
    NORMALIZER_FIELD = 3
    TEXT_FIELD = 1  # of a piece, as the next one
    SCORE_FIELD = 2
    WIRE_BITS = 3  # of a field's tag; the bits above them are its number
    BYTES_WIRE = 2  # wire type: length, then so many bytes
    FLOAT_BYTES = 4
    VARINT_BITS = 7  # of each byte; the highest bit says that another follows
    INT64_BITS = 63


cdef int64_t read_varint(const uint8_t *data, int64_t size, int64_t *position) noexcept nogil:
    """The number at `position`, which moves behind it, or past `size` if the number is cut short or too large."""
    cdef int64_t value = 0
    cdef int shift = 0
    while position[0] < size and shift < INT64_BITS:
        value |= <int64_t> (data[position[0]] & 0x7F) << shift
        position[0] += 1
        if data[position[0] - 1] < 0x80:
            return value
        shift += VARINT_BITS
    position[0] = size + 1
    return value


def scan_pieces(
    const uint8_t[::1] data,
    int64_t[::1] starts,
    int64_t[::1] ends,
    float[::1] scores,
    int64_t[::1] kinds,
    int64_t[:, ::1] settings,
):
    """Write the start and end of each piece's text in `data`, its score and kind; returns the number of pieces.

    `settings`: start and end of the trainer's and of the normalizer's settings. Each array must have room for half as many
    pieces as the file has bytes. Stops at the first thing that cannot be read.
    """
    cdef int64_t size = data.shape[0]
    cdef int64_t position = 0
    cdef int64_t count = 0
    cdef int64_t tag, length, field
    check_rows("starts", starts.shape[0], size // 2)
    check_rows("ends", ends.shape[0], size // 2)
    check_rows("scores", scores.shape[0], size // 2)
    check_rows("kinds", kinds.shape[0], size // 2)
    check_rows("settings", settings.shape[0], 2)
    check_columns("settings", settings.shape[1], 2)
    with nogil:
        while position < size:
            tag = read_varint(&data[0], size, &position)
            length = read_varint(&data[0], size, &position)
            if tag & (1 << WIRE_BITS) - 1 != BYTES_WIRE or length > size - position:
                break
            field = tag >> WIRE_BITS
            if field == PIECES_FIELD:
                read_piece(
                    &data[0], size, position, position + length, &starts[count], &ends[count], &scores[count], &kinds[count]
                )
                count += ends[count] <= size
            elif TRAINER_FIELD <= field <= NORMALIZER_FIELD:
                settings[field - TRAINER_FIELD, 0] = position
                settings[field - TRAINER_FIELD, 1] = position + length
            position += length
    return count


cdef void read_piece(
    const uint8_t *data, int64_t size, int64_t position, int64_t end, int64_t *start, int64_t *stop, float *score, int64_t *kind
) noexcept nogil:
    """Read the piece at `position` to `end`; `stop` is past `size` if its text is cut short."""
    cdef int64_t field, length
    while position < end:
        field = read_varint(data, size, &position) >> WIRE_BITS
        if field == TEXT_FIELD:
            length = read_varint(data, size, &position)
            start[0] = position
            position += min(length, size + 1)
            stop[0] = position
        elif field == SCORE_FIELD:
            score[0] = load_float(data + position) if position + FLOAT_BYTES <= size else 0
            position += FLOAT_BYTES
        else:
            kind[0] = read_varint(data, size, &position)
