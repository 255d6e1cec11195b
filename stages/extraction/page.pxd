"""Elements and blocks of a page, as the rows of the arrays that the walk gives (NODE and BLOCK in walk.pyx)."""

from libc.stdint cimport int32_t, uint32_t, uint64_t

cdef packed struct Node:
    uint64_t sign
    uint32_t groups
    int32_t tag, parent, depth, first, end, number, consent

cdef packed struct Block:
    int32_t node, start, end, links, link_bytes, bold_bytes, pre, noscript
