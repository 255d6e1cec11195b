"""Walks a page, in the well-formed spelling that lexbor gives it, once: into elements and blocks of text.

A block is the text between two starts or ends of elements that are not inline, or between two line breaks. The blocks of an
element are a contiguous range. What no reader sees (scripts, hidden parts, gutters of line numbers) gives none.
"""

from collections import namedtuple
from libc.stdint cimport int32_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memchr, memcmp, memcpy

import numpy as np

from curricle.stages.extraction.formulas import formula, is_script, script
from curricle.stages.extraction.names import TAGS, kind_table, name_automaton
from curricle.stages.extraction.page cimport Block, Node

NODE = np.dtype([
    ("sign", np.uint64), ("groups", np.uint32), ("tag", np.int32), ("parent", np.int32), ("depth", np.int32), ("first", np.int32),
    ("end", np.int32), ("number", np.int32), ("consent", np.int32),
])  # fmt: skip
"""An element: hash of name and class, bits of the GROUPS in its names, number of the tag, parent (-1: none), depth, range of
blocks, number of a list or an item (-1: none), and 1 if it has the name of a consent banner, 2 for a dialog."""

BLOCK = np.dtype([
    ("node", np.int32), ("start", np.int32), ("end", np.int32), ("links", np.int32), ("link_bytes", np.int32),
    ("bold_bytes", np.int32), ("pre", np.int32), ("noscript", np.int32),
])  # fmt: skip
"""A block: its element, its bytes in the text, the number of links, bytes in links and in bold, whether in <pre> and <noscript>."""

Walked = namedtuple("Walked", ("title", "summary", "text", "nodes", "blocks", "hidden_bytes"))
Walked.__doc__ = "A page: title and description as its head gives them, and the text of its body with elements and blocks, in UTF-8; size of the hidden parts with their markup."

cdef struct Look:
    uint64_t sign
    uint32_t groups
    int hidden, number, consent
    const uint8_t* alt
    Py_ssize_t alt_size
    bint tex, gutter, mathjax

cdef enum:
    INLINE_TAG = 100
    BOLD_TAG = 101
    LINK_TAG = 102
    BREAK_TAG = 103
    SUPER_TAG = 104
    SUB_TAG = 105
    IMAGE_TAG = 106
    SKIPPED_TAG = 110
    SCRIPT_TAG = 111
    MATH_TAG = 112
    TITLE_TAG = 113
    META_TAG = 114
    VOID_TAG = 115
    HEAD_TAG = 116
    RAW_TAG = 117
    MAX_SCRIPTS = 16
    MAX_DEPTH = 400

cdef enum:
    CONSENT_FLAG = 1 << 28
    GUTTER_FLAG = 1 << 29
    RENDERED_FLAG = 1 << 30
    GROUP_BITS = (1 << 28) - 1
cdef uint32_t SOURCE_FLAG = <uint32_t>1 << 31

cdef int PRE = TAGS.index("pre"), NOSCRIPT = TAGS.index("noscript"), BODY = TAGS.index("body"), HTML = TAGS.index("html"), HR = TAGS.index("hr")
cdef int MAIN = TAGS.index("main"), ARTICLE = TAGS.index("article"), DIALOG = TAGS.index("dialog"), LISTING = TAGS.index("listing")
cdef uint64_t[::1] _keys
cdef int32_t[::1] _kinds
cdef uint8_t[::1] _symbols
cdef int32_t[::1] _states
cdef uint32_t[::1] _bits
_keys, _kinds = kind_table()
_symbols, _states, _bits = name_automaton()


cdef inline int kind_of(uint64_t name) noexcept:
    cdef int place = name & 511
    while _keys[place] != 0:
        if _keys[place] == name:
            return _kinds[place]
        place = place + 1 & 511
    return 0


cdef inline bint is_space(uint8_t byte) noexcept:
    return byte == 32 or (byte >= 9 and byte <= 13)


cdef inline uint32_t bits_in(const uint8_t* text, Py_ssize_t size) noexcept:
    cdef int32_t state = 0
    cdef uint32_t bits = 0
    cdef Py_ssize_t at
    for at in range(size):
        state = _states[(state << 5) + _symbols[text[at]]]
        bits |= _bits[state]
    return bits


cdef bint contains(const uint8_t* text, Py_ssize_t size, const char* word, Py_ssize_t length) noexcept:
    """Whether a word of ASCII letters in lower case is in the text, in either case."""
    cdef Py_ssize_t at, place
    for at in range(size - length + 1):
        for place in range(length):
            if (text[at + place] | 0x20) != <uint8_t>word[place]:
                break
        else:
            return True
    return False


cdef bint hides(const uint8_t* style, Py_ssize_t size) noexcept:
    """Whether a style attribute has display:none or visibility:hidden."""
    cdef uint8_t folded[256]
    cdef Py_ssize_t at, kept = 0
    for at in range(size):
        if not is_space(style[at]) and kept < 256:
            folded[kept] = style[at] | 0x20
            kept += 1
    return contains(folded, kept, b"display:none", 12) or contains(folded, kept, b"visibility:hidden", 17)


cdef void look_at(Look* look, uint64_t name, const uint8_t* data, Py_ssize_t at, Py_ssize_t end) noexcept:
    """What the attributes between two places say of an element."""
    cdef Py_ssize_t key, key_size, value, size, place
    cdef int number
    cdef bint is_class, dialog = False, cookie = False
    look.sign, look.groups, look.hidden, look.number, look.consent = name, 0, 0, -1, 0
    look.alt, look.alt_size, look.tex, look.gutter, look.mathjax = NULL, 0, False, False, False
    while at < end:
        while at < end and (is_space(data[at]) or data[at] == c"/"):
            at += 1
        key = at
        while at < end and data[at] != c"=" and not is_space(data[at]):
            at += 1
        key_size = at - key
        value, size = at, 0
        if at < end and data[at] == c"=":
            at += 1
            if at < end and data[at] == c'"':
                at += 1
                value = at
                while at < end and data[at] != c'"':
                    at += 1
                size = at - value
                at += 1
        if key_size == 0:
            at += 1
            continue
        is_class = key_size == 5 and memcmp(data + key, b"class", 5) == 0
        if is_class or (key_size == 2 and memcmp(data + key, b"id", 2) == 0):
            look.groups |= bits_in(data + value, size)
            cookie = cookie or contains(data + value, size, b"cookie", 6) or contains(data + value, size, b"consent", 7)
            if is_class:
                for place in range(value, value + size):
                    if data[place] < c"0" or data[place] > c"9":
                        look.sign = (look.sign ^ data[place]) * <uint64_t>0x100000001B3
                look.gutter = size == 6 and memcmp(data + value, b"gutter", 6) == 0 or (
                    size == 3 and memcmp(data + value, b"lnt", 3) == 0 or size == 2 and memcmp(data + value, b"ln", 2) == 0
                )
                look.mathjax = size >= 7 and memcmp(data + value, b"MathJax", 7) == 0
                look.tex = look.tex or contains(data + value, size, b"math", 4) or contains(data + value, size, b"tex", 3)
        elif key_size == 4 and memcmp(data + key, b"role", 4) == 0:
            look.groups |= bits_in(data + value, size)
            dialog = contains(data + value, size, b"dialog", 6)
        elif key_size == 8 and memcmp(data + key, b"itemprop", 8) == 0 or key_size == 8 and memcmp(data + key, b"itemtype", 8) == 0:
            look.groups |= bits_in(data + value, size)
        elif key_size == 5 and memcmp(data + key, b"style", 5) == 0:
            look.hidden |= hides(data + value, size)
        elif key_size == 6 and memcmp(data + key, b"hidden", 6) == 0:
            look.hidden |= not contains(data + value, size, b"until", 5)
        elif key_size == 11 and memcmp(data + key, b"aria-hidden", 11) == 0:
            look.hidden |= size == 4 and memcmp(data + value, b"true", 4) == 0
        elif key_size == 10 and memcmp(data + key, b"aria-label", 10) == 0:
            cookie = cookie or contains(data + value, size, b"cookie", 6)
        elif key_size == 5 and (memcmp(data + key, b"start", 5) == 0 or memcmp(data + key, b"value", 5) == 0):
            if 0 < size < 9:
                number = 0
                for place in range(value, value + size):
                    if data[place] < c"0" or data[place] > c"9":
                        number = -1
                        break
                    number = number * 10 + data[place] - 48
                look.number = number
        elif key_size == 3 and memcmp(data + key, b"alt", 3) == 0:
            look.alt, look.alt_size = data + value, size
    if look.groups & CONSENT_FLAG:
        look.consent = 1
    if dialog and cookie:
        look.consent = 2
    look.gutter = look.gutter or look.groups & GUTTER_FLAG
    if look.groups & SOURCE_FLAG:
        look.hidden = 0


cdef class _Writer:
    """The text of a page while it is walked, and the block that is being written."""

    cdef uint8_t* text
    cdef Block* blocks
    cdef Py_ssize_t size, limit, start
    cdef int count, node, links, link_bytes, bold_bytes, in_link, in_bold, in_pre, in_noscript
    cdef bint breaks, space, plain

    cdef void close(self) noexcept:
        """End the block that is being written."""
        cdef Block* block
        while self.size > self.start and is_space(self.text[self.size - 1]):
            self.size -= 1
        if self.size > self.start:
            block = self.blocks + self.count
            block.node, block.start, block.end = self.node, <int32_t>self.start, <int32_t>self.size
            block.links, block.link_bytes, block.bold_bytes = self.links, self.link_bytes, self.bold_bytes
            block.pre, block.noscript = self.in_pre > 0, self.in_noscript > 0
            self.count += 1
            self.put(10)
        self.start = self.size
        self.links = self.link_bytes = self.bold_bytes = 0
        self.breaks = self.space = False

    cdef inline void put(self, uint8_t byte) noexcept:
        if self.size < self.limit:
            self.text[self.size] = byte
            self.size += 1

    cdef void add(self, const uint8_t* piece, Py_ssize_t length) noexcept:
        """Append characters of the current element; white space folded outside of <pre>, entities decoded."""
        cdef Py_ssize_t at = 0, before = self.size
        cdef int step
        cdef uint8_t byte, out
        while at < length:
            byte = out = piece[at]
            step = 1
            if byte == c"&":
                if length - at >= 4 and memcmp(piece + at, b"&lt;", 4) == 0:
                    out, step = c"<", 4
                elif length - at >= 4 and memcmp(piece + at, b"&gt;", 4) == 0:
                    out, step = c">", 4
                elif length - at >= 5 and memcmp(piece + at, b"&amp;", 5) == 0:
                    out, step = c"&", 5
                elif length - at >= 6 and memcmp(piece + at, b"&quot;", 6) == 0:
                    out, step = c'"', 6
                elif length - at >= 6 and memcmp(piece + at, b"&nbsp;", 6) == 0:
                    if self.plain:
                        out, step = 32, 6
                    else:
                        self.flush_space()
                        self.put(0xC2)
                        out, step = 0xA0, 6
            elif byte >= 0xC2 and self.plain:
                if byte == 0xC2 and length - at >= 2 and piece[at + 1] == 0xAD:
                    at += 2
                    continue
                if byte == 0xEF and length - at >= 3 and piece[at + 1] == 0xBB and piece[at + 2] == 0xBF:
                    at += 3
                    continue
                if byte == 0xE2 and length - at >= 3:
                    if piece[at + 1] == 0x80:
                        if piece[at + 2] == 0x8B:
                            at += 3
                            continue
                        if piece[at + 2] <= 0x8A or piece[at + 2] == 0xAF:
                            out, step = 32, 3
                    elif piece[at + 1] == 0x81:
                        if piece[at + 2] == 0xA0:
                            at += 3
                            continue
                        if piece[at + 2] == 0x9F:
                            out, step = 32, 3
                elif byte == 0xE1 and length - at >= 3 and piece[at + 1] == 0x9A and piece[at + 2] == 0x80:
                    out, step = 32, 3
            at += step
            if is_space(out):
                if self.in_pre == 0:
                    self.space = True
                    continue
                if out == 13:
                    continue
            else:
                self.flush_space()
            self.put(out)
            self.breaks = False
        if self.in_link > 0:
            self.link_bytes += <int>(self.size - before)
        if self.in_bold > 0:
            self.bold_bytes += <int>(self.size - before)

    cdef inline void flush_space(self) noexcept:
        if self.space:
            self.space = False
            if self.size > self.start and not is_space(self.text[self.size - 1]):
                self.put(32)


cdef inline Py_ssize_t find(const uint8_t* data, Py_ssize_t at, Py_ssize_t size, uint8_t byte) noexcept:
    cdef const uint8_t* found = <const uint8_t*>memchr(data + at, byte, size - at) if at < size else NULL
    return size if found == NULL else found - data


cdef Py_ssize_t find_end_tag(const uint8_t* data, Py_ssize_t at, Py_ssize_t size, const uint8_t* name, Py_ssize_t length) noexcept:
    """Where the next `</name` begins, or the end."""
    while True:
        at = find(data, at, size, c"<")
        if at + 2 + length > size:
            return size
        if data[at + 1] == c"/" and memcmp(data + at + 2, name, length) == 0:
            return at
        at += 1


cdef bint only_numbers(const uint8_t* data, Py_ssize_t at, Py_ssize_t end) noexcept:
    """Whether the text between two places has digits, and no letter."""
    cdef bint inside = False, digits = False
    while at < end:
        if data[at] == c"<":
            inside = True
        elif data[at] == c">":
            inside = False
        elif not inside:
            if data[at] >= 0x80 or c"a" <= (data[at] | 0x20) <= c"z":
                return False
            digits = digits or c"0" <= data[at] <= c"9"
        at += 1
    return digits


def walk(bytes html, bint plain=True, bint hidden=False):
    """The page in lexbor's spelling as Walked.

    `plain`: without soft hyphens and zero-width characters, all spaces as U+0020. `hidden`: with parts that are hidden.
    """
    cdef const uint8_t* data = html
    cdef Py_ssize_t size = len(html), at = 0, name_at, name_end, tag_end, raw_end, here
    cdef int kind, depth = 0, skip_depth = 0, scripts = 0, count = 0, place, open_at
    cdef int script_at[MAX_SCRIPTS]
    cdef int script_links[MAX_SCRIPTS]
    cdef uint64_t name, skip_name = 0
    cdef bint end_tag, has_tex = b"math/tex" in html
    cdef Py_ssize_t formula_end = -1, skip_at = -1, hidden_bytes = 0
    cdef Look look
    cdef _Writer out = _Writer.__new__(_Writer)
    tags = html.count(b"<") + 1
    nodes_array, blocks_array = np.empty(tags, NODE), np.empty(tags, BLOCK)
    text_array = np.empty(size + 1, np.uint8)
    stack_array, names_array = np.empty(tags, np.int32), np.empty(tags, np.uint64)
    cdef Node[::1] nodes = nodes_array
    cdef Block[::1] blocks = blocks_array
    cdef uint8_t[::1] text = text_array
    cdef int32_t[::1] stack = stack_array
    cdef uint64_t[::1] names = names_array
    out.text, out.blocks, out.limit, out.plain, out.node = &text[0], &blocks[0], size + 1, plain, -1
    title = description = b""
    while at < size:
        here = find(data, at, size, c"<")
        if here > at and not skip_depth:
            out.add(data + at, here - at)
        if here == size:
            break
        at = here + 1
        if at < size and (data[at] == c"!" or data[at] == c"?"):
            if size - at > 2 and data[at + 1] == c"-" and data[at + 2] == c"-":
                raw_end = html.find(b"-->", at + 3)
                at = size if raw_end < 0 else raw_end + 3
            else:
                at = find(data, at, size, c">") + 1
            continue
        end_tag = at < size and data[at] == c"/"
        at += end_tag
        name_at, name = at, <uint64_t>0xCBF29CE484222325
        while at < size and data[at] != c">" and data[at] != c"/" and not is_space(data[at]):
            name = (name ^ data[at]) * <uint64_t>0x100000001B3
            at += 1
        name_end = tag_end = at
        while tag_end < size and data[tag_end] != c">":
            if data[tag_end] == c"=" and tag_end + 1 < size and data[tag_end + 1] == c'"':
                tag_end = find(data, tag_end + 2, size, c'"')
            tag_end += 1
        tag_end = min(tag_end, size)
        at = tag_end + 1
        kind = kind_of(name)
        if skip_depth:
            if not end_tag and (kind == SCRIPT_TAG or kind == RAW_TAG):
                at = find_end_tag(data, at, size, data + name_at, name_end - name_at)
            elif name == skip_name:
                skip_depth += -1 if end_tag else 1
                if skip_depth == 0 and skip_at >= 0:
                    hidden_bytes += at - skip_at
            continue
        if end_tag:
            if kind < INLINE_TAG:
                open_at = depth - 1
                while open_at >= 0 and names[open_at] != name:
                    open_at -= 1
                if open_at >= 0:
                    out.close()
                    while depth > open_at:
                        depth -= 1
                        place = stack[depth]
                        if place < 0:
                            continue
                        nodes[place].end = out.count
                        out.in_pre -= nodes[place].tag == PRE or nodes[place].tag >= LISTING
                        out.in_noscript -= nodes[place].tag == NOSCRIPT
                    if depth <= MAX_DEPTH:
                        out.node = stack[depth - 1] if depth else -1
            elif kind == LINK_TAG:
                out.in_link -= out.in_link > 0
            elif kind == BOLD_TAG:
                out.in_bold -= out.in_bold > 0
            elif (kind == SUPER_TAG or kind == SUB_TAG) and scripts:
                scripts -= 1
                place = script_at[scripts] if scripts < MAX_SCRIPTS else 0
                if scripts < MAX_SCRIPTS and place > out.start and script_links[scripts] == out.links and 0 < out.size - place <= 12:
                    inside = out.text[place : out.size].strip()
                    if is_script(inside, out.text[place - 1 : place]):
                        inside = script(inside, above=kind == SUPER_TAG)
                        memcpy(out.text + place, <const uint8_t*><bytes>inside, len(inside))
                        out.size = place + len(inside)
            continue
        if kind == TITLE_TAG or kind == SCRIPT_TAG or kind == MATH_TAG or kind == RAW_TAG:
            raw_end = find_end_tag(data, at, size, data + name_at, name_end - name_at)
            if kind == TITLE_TAG:
                title = title or html[at:raw_end]
            elif kind == MATH_TAG:
                inside = formula(html[at:raw_end])
                out.add(inside, len(inside))
                formula_end = out.size
            elif kind == SCRIPT_TAG and contains(data + name_end, tag_end - name_end, b"math/tex", 8):
                if formula_end != out.size:
                    inside = b" ".join(html[at:raw_end].split())
                    out.add(inside, len(inside))
                formula_end = out.size
            at = find(data, raw_end, size, c">") + 1
            continue
        if kind == META_TAG:
            inside = html[name_end:tag_end]
            if b"og:title" in inside or b"escription" in inside:
                place = inside.find(b'content="')
                if place >= 0:
                    inside = inside[place + 9 : inside.find(b'"', place + 9)]
                    if b"og:title" in html[name_end:tag_end]:
                        title = title or inside
                    elif len(inside) > len(description):
                        description = inside
            continue
        if kind == VOID_TAG or kind == HEAD_TAG:
            continue
        if kind == HR:
            out.close()
            continue
        if kind == BREAK_TAG:
            if out.in_pre:
                out.put(10)
            elif out.breaks:
                out.close()
            elif out.size > out.start:
                out.put(10)
                out.space = False
            out.breaks = True
            continue
        look_at(&look, name, data, name_end, tag_end)
        if kind == IMAGE_TAG:
            if look.alt != NULL and look.alt_size and formula_end != out.size and (
                look.tex and memchr(look.alt, c"\\", look.alt_size) != NULL or look.groups & SOURCE_FLAG
            ):
                out.add(look.alt, look.alt_size)
                formula_end = out.size
            continue
        if kind == DIALOG and not contains(data + name_end, tag_end - name_end, b"open", 4):
            look.hidden = 1
        if name_end < tag_end:
            if look.gutter and only_numbers(data, at, find_end_tag(data, at, size, data + name_at, name_end - name_at)):
                look.hidden = 1
            if look.groups & RENDERED_FLAG and contains(data + name_end, tag_end - name_end, b"katex-html", 10):
                look.hidden = 1
            if look.mathjax and has_tex and kind >= INLINE_TAG:
                look.hidden = 1
            if look.mathjax and contains(data + name_end, tag_end - name_end, b"mathjax_preview", 15):
                look.hidden = 1
        if hidden:
            look.hidden = 0
        if kind == SKIPPED_TAG or look.hidden and kind != BODY and kind != HTML and kind != MAIN:
            skip_name, skip_depth, skip_at = name, 1, -1 if kind == SKIPPED_TAG else at
            continue
        if kind >= INLINE_TAG:
            if kind == LINK_TAG:
                out.in_link += 1
                out.links += 1
            elif kind == BOLD_TAG:
                out.in_bold += 1
            elif kind == SUPER_TAG or kind == SUB_TAG:
                if scripts < MAX_SCRIPTS:
                    script_at[scripts], script_links[scripts] = -1 if out.space else <int>out.size, out.links
                scripts += 1
            continue
        out.close()
        names[depth] = name
        if depth >= MAX_DEPTH:  # deeper elements count as part of this one
            stack[depth] = -1
            depth += 1
            continue
        nodes[count].sign, nodes[count].groups, nodes[count].tag = look.sign, look.groups & GROUP_BITS, kind
        nodes[count].parent, nodes[count].depth, nodes[count].first, nodes[count].end = out.node, depth, out.count, out.count
        nodes[count].number = look.number
        nodes[count].consent = 0 if kind == BODY or kind == HTML or kind == MAIN or kind == ARTICLE else look.consent
        out.node = count
        stack[depth] = count
        depth += 1
        count += 1
        out.in_pre += kind == PRE or kind >= LISTING
        out.in_noscript += kind == NOSCRIPT
    out.close()
    while depth:
        depth -= 1
        if stack[depth] >= 0:
            nodes[stack[depth]].end = out.count
    for place in range(out.count):
        if blocks[place].node < 0:
            blocks[place].node = 0
    if count == 0 and out.count:
        nodes[0].sign = nodes[0].groups = 0
        nodes[0].tag = nodes[0].depth = nodes[0].first = nodes[0].consent = 0
        nodes[0].parent, nodes[0].end, nodes[0].number = -1, out.count, -1
        count = 1
    return Walked(
        b" ".join(title.split()), b" ".join(description.split()), text_array[: out.size].tobytes(), nodes_array[:count].copy(),
        blocks_array[: out.count].copy(), hidden_bytes,
    )
