"""Writes the chosen blocks of a page as plain text or Markdown.

Both keep paragraphs, lists, tables and the lines of <pre>. Markdown also marks headings, quotes and code, and has no links.
"""

import numpy as np

from curricle.stages.extraction.names import TAGS
from curricle.stages.extraction.page cimport Block, Node
from curricle.stages.extraction.regions import is_data

cdef int UL = TAGS.index("ul"), OL = TAGS.index("ol"), LI = TAGS.index("li"), TABLE = TAGS.index("table"), TR = TAGS.index("tr")
cdef int TD = TAGS.index("td"), TH = TAGS.index("th"), DT = TAGS.index("dt"), DD = TAGS.index("dd"), QUOTE = TAGS.index("blockquote")
cdef int PRE = TAGS.index("pre"), H1 = TAGS.index("h1"), H6 = TAGS.index("h6")
cdef int LISTING = TAGS.index("listing")

cdef enum:
    DEEPEST = 10  # levels of lists that are indented

cdef struct Place:
    int item, items, depth, cell, row, table, quote, pre, level, term


cdef Place place_of(const Node[::1] nodes, int node) noexcept:
    """The nearest elements of each kind around a block; -1: none."""
    cdef Place place
    place.item = place.items = place.cell = place.row = place.table = place.pre = place.term = -1
    place.depth = place.quote = place.level = 0
    cdef int tag
    while node >= 0:
        tag = nodes[node].tag
        if place.table < 0:
            if tag == LI and place.item < 0:
                place.item = node
            elif tag == UL or tag == OL:
                if place.items < 0:
                    place.items = node
                place.depth += 1
            elif (tag == DT or tag == DD) and place.term < 0:
                place.term = node
            elif (tag == PRE or tag >= LISTING) and place.pre < 0:
                place.pre = node
            elif H1 <= tag <= H6 and place.level == 0:
                place.level = tag - H1 + 1
        if (tag == TD or tag == TH) and place.cell < 0:
            place.cell = node
        elif tag == TR and place.row < 0:
            place.row = node
        elif tag == TABLE:
            if place.table < 0 and place.row >= 0:
                place.table = node
        elif tag == QUOTE:
            place.quote += 1
        node = nodes[node].parent
    return place


def render(page, chosen, bint markdown):
    """The text of the chosen blocks (bool, one for each block)."""
    cdef const Node[::1] nodes = page.nodes
    cdef const Block[::1] blocks = page.blocks
    cdef bytes text = page.text
    cdef int block, index, row, table, last_item = -1, fence = -1, at = 0, total
    cdef Place now, last
    cdef list out = []
    cdef bint first = True, same_list
    tables = {}
    numbers = {}
    taken = np.flatnonzero(chosen)
    total = len(taken)
    last.items = last.term = last.pre = last.table = -1
    while at < total:
        block = taken[at]
        now = place_of(nodes, blocks[block].node)
        if now.table >= 0:
            data = tables.get(now.table)
            if data is None:
                data = tables[now.table] = is_data(page.nodes, now.table)
            if data:
                if fence >= 0:
                    out.append("\n```")
                    fence = -1
                table = now.table
                rows = []
                row = -1
                while at < total:
                    block = taken[at]
                    now = place_of(nodes, blocks[block].node)
                    if now.table != table:
                        break
                    if now.row != row or now.row < 0:
                        cells = {}
                        rows.append(cells)
                        row = now.row
                    index = column_of(nodes, now.cell, now.row)
                    piece = text[blocks[block].start : blocks[block].end].decode("utf-8", "replace")
                    cells.setdefault(index, []).append(" ".join(piece.split()))
                    at += 1
                out.append("" if first else "\n\n")
                out.append(_table(rows, markdown))
                first = False
                last = now
                last.table, last.items, last.term, last.pre = table, -1, -1, -1
                last_item = -1
                continue
        piece = text[blocks[block].start : blocks[block].end].decode("utf-8", "replace")
        if fence >= 0 and now.pre != fence:
            out.append("\n```")
            fence = -1
        same_list = now.items >= 0 and last.items >= 0
        if not first:
            if now.pre >= 0 and now.pre == last.pre:
                out.append("\n")
            elif same_list and top_list(nodes, now.items) == top_list(nodes, last.items):
                out.append("\n")
            elif now.term >= 0 and last.term >= 0 and nodes[now.term].parent == nodes[last.term].parent:
                out.append("\n")
            else:
                out.append("\n\n")
        first = False
        if now.pre >= 0:
            if markdown and now.pre != fence:
                out.append("```\n")
                fence = now.pre
            out.append(piece)
        else:
            indent = "  " * min(max(now.depth - 1, 0), DEEPEST) if now.items >= 0 else ""
            quote = "> " * now.quote if markdown else ""
            mark = ""
            if now.item >= 0:
                if now.item != last_item:
                    mark = _mark(nodes, now.item, numbers, markdown)
                    last_item = now.item
                else:
                    indent += "  "
            elif now.level and markdown:
                mark = "#" * now.level + " "
            lines = piece.split("\n")
            if now.level:
                lines = [" ".join(lines)]
            gap = "\n" + quote + indent + " " * len(mark) if markdown else "\n"
            out.append(quote + indent + mark + gap.join(lines))
        last = now
        at += 1
    if fence >= 0:
        out.append("\n```")
    return "".join(out)


cdef int top_list(const Node[::1] nodes, int node) noexcept:
    """The outermost list around a list."""
    cdef int top = node
    while node >= 0:
        if nodes[node].tag == UL or nodes[node].tag == OL:
            top = node
        node = nodes[node].parent
    return top


cdef int column_of(const Node[::1] nodes, int cell, int row) noexcept:
    """How many cells of its row are before a cell."""
    cdef int node, column = 0
    if cell < 0 or row < 0:
        return 0
    for node in range(row + 1, cell):
        if nodes[node].parent == row and (nodes[node].tag == TD or nodes[node].tag == TH):
            column += 1
    return column


cdef object _mark(const Node[::1] nodes, int item, dict numbers, bint markdown):
    """What begins a list item: a bullet, or its number."""
    cdef int parent = nodes[item].parent, node
    if parent < 0 or nodes[parent].tag != OL:
        return "- " if markdown else "\u2022 "
    if parent not in numbers:
        number = nodes[parent].number - 1 if nodes[parent].number >= 0 else 0
        known = {}
        node = parent + 1
        while node < nodes.shape[0] and nodes[node].depth > nodes[parent].depth:
            if nodes[node].parent == parent and nodes[node].tag == LI:
                number = nodes[node].number if nodes[node].number >= 0 else number + 1
                known[node] = number
            node += 1
        numbers[parent] = known
    return f"{numbers[parent][item]}. "


def _table(rows, markdown):
    """Rows of cells by column, as lines."""
    width = max(max(row) for row in rows) + 1
    lines = []
    for number, row in enumerate(rows):
        cells = [" ".join(row.get(column, ())) for column in range(width)]
        if markdown:
            lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
            if number == 0:
                lines.append("|" + " --- |" * width)
        else:
            lines.append("\t".join(cells).rstrip())
    return "\n".join(lines)
