"""Cuts documents into paragraphs, for `models.kenlm.paragraphs`."""

from libc.stdint cimport int64_t, uint8_t

from curricle.c_checks cimport check_ranges


cdef inline int check_room(int64_t count, int64_t room) except -1 nogil:
    if count == room:
        with gil:
            raise ValueError(f"there are more than {room} paragraphs")
    return 0


def cut_paragraphs(
    const uint8_t[::1] data, const int64_t[::1] offsets, int64_t min_bytes, int64_t[::1] ends, int64_t[::1] rows
):
    """Write the end of each paragraph of the rows `data[offsets[i]:offsets[i + 1]]`, and its row; returns their number.

    A paragraph ends with the first line end, or the row's end, that gives it at least `min_bytes` bytes. A shorter rest belongs
    to the row's last paragraph, or is its only one.
    """
    cdef Py_ssize_t row
    cdef int64_t start, end, position, first
    cdef int64_t count = 0
    cdef int64_t room = min(ends.shape[0], rows.shape[0])
    check_ranges("offsets", offsets, data.shape[0])
    with nogil:
        for row in range(offsets.shape[0] - 1):
            start = offsets[row]
            end = offsets[row + 1]
            first = count
            for position in range(start, end):
                if (data[position] == c'\n' or position == end - 1) and position + 1 - start >= min_bytes:
                    check_room(count, room)
                    start = position + 1
                    ends[count] = start
                    rows[count] = row
                    count += 1
            if start < end:
                if count == first:
                    check_room(count, room)
                    rows[count] = row
                    count += 1
                ends[count - 1] = end
    return count
