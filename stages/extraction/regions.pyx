"""Questions about the elements of a page."""

from libc.stdint cimport uint8_t

import numpy as np

from curricle.stages.extraction.names import TAGS
from curricle.stages.extraction.page cimport Node

cdef int TABLE = TAGS.index("table"), TD = TAGS.index("td"), TH = TAGS.index("th")

cdef enum:
    WIDE = 6  # blocks of a cell; a table with a wider one is a layout


def inside(nodes, wanted):
    """bool (elements,): whether an element or one above it is wanted."""
    cdef const Node[::1] view = nodes
    out = np.array(wanted, np.bool_)
    cdef uint8_t[::1] found = out.view(np.uint8)
    cdef Py_ssize_t node
    for node in range(view.shape[0]):
        if view[node].parent >= 0:
            found[node] |= found[view[node].parent]
    return out


def is_data(nodes, int table):
    """Whether a table holds data: two columns or more, no wide cell, and no table inside."""
    cdef const Node[::1] view = nodes
    cdef int node = table + 1, row = -1, cells = 0, most = 0, count = <int>view.shape[0]
    while node < count and view[node].depth > view[table].depth:
        if view[node].tag == TABLE:
            return False
        if view[node].tag == TD or view[node].tag == TH:
            if view[node].parent != row:
                row, cells = view[node].parent, 0
            cells += 1
            most = max(most, cells)
            if view[node].end - view[node].first > WIDE:
                return False
        node += 1
    return most >= 2
