"""What the model sees of each block of a page: its own text, the elements around it, its neighbors, and the page."""

from libc.stdint cimport int32_t, uint8_t, uint32_t, uint64_t

import numpy as np

from curricle.stages.extraction.names import GROUPS, TAGS
from curricle.stages.extraction.page cimport Block, Node

cdef struct Text:
    int32_t words, chars, commas, stops, digits, uppers, cjk, lines, marks, times, years, copies, unique, common
    int32_t in_title, titled, in_summary, summarized, same
    uint64_t sign

cdef struct Inside:
    double words, linked, blocks, commas, long_blocks, long_words, times

cdef enum:
    CHAIN = 7
    LONG = 12
    FAR = 20
    MANY = 100
    COMMON = 40
    GROUPS_COUNT = 28
    MARKED_COUNT = 24
    WIDTH = 52
    TABLE_LEVELS = 6

assert len(GROUPS) == GROUPS_COUNT
MARKED = (
    "article", "main", "nav", "header", "footer", "aside", "section", "p", "ul", "ol", "li", "dl", "table", "td", "form",
    "blockquote", "figure", "pre", "h1", "h2", "h3", "noscript", "button", "details",
)
cdef int _columns[64]
for _number in range(64):
    _columns[_number] = -1
for _place, _name in enumerate(MARKED):
    _columns[TAGS.index(_name)] = GROUPS_COUNT + _place
for _other, _name in (("h4", "h3"), ("h5", "h3"), ("h6", "h3"), ("th", "td"), ("dt", "dl"), ("dd", "dl"), ("figcaption", "figure"), ("summary", "details")):
    _columns[TAGS.index(_other)] = GROUPS_COUNT + MARKED.index(_name)
cdef int H1 = TAGS.index("h1"), H6 = TAGS.index("h6"), ARTICLE = TAGS.index("article")
cdef int _levels[TABLE_LEVELS]
_levels[0], _levels[1], _levels[2], _levels[3], _levels[4], _levels[5] = 0, 1, 2, 3, 4, 6

cdef inline bint heading(int tag) noexcept:
    return H1 <= tag <= H6

cdef inline double ratio(double part, double whole) noexcept:
    return part / (whole if whole > 1 else 1)

cdef inline double share(double part, double whole) noexcept:
    return part / (whole if whole > 1e-9 else 1e-9)

cdef inline void put(float** out, double value) noexcept:
    out[0][0] = <float>value
    out[0] += 1


cdef int next_token(const uint8_t* text, Py_ssize_t* place, Py_ssize_t end, uint32_t* token) noexcept:
    """Move past one character or word; gives 0: no word, 1: a word, 2: a character of a script without spaces. `token`: its hash.

    A word is a run of letters and digits, in lower case for Latin, Greek and Cyrillic letters.
    """
    cdef Py_ssize_t at = place[0]
    cdef uint32_t value = 2166136261, code
    cdef uint8_t byte, after
    cdef int found = 0
    while at < end:
        byte = text[at]
        if byte < 0x80:
            if c"A" <= byte <= c"Z":
                byte |= 0x20
            elif not (c"a" <= byte <= c"z" or c"0" <= byte <= c"9"):
                break
            value = (value ^ byte) * 16777619
            at += 1
            found = 1
            continue
        after = text[at + 1] if at + 1 < end else 0
        if byte < 0xE0:
            code = (byte & 0x1F) << 6 | (after & 0x3F)
            if code < 0xC0 and code != 0xAA and code != 0xB5 and code != 0xBA:
                break
            if 0x410 <= code <= 0x42F or 0xC0 <= code <= 0xDE or 0x391 <= code <= 0x3A9:
                code += 0x20
            elif 0x400 <= code <= 0x40F:
                code += 0x50
            elif 0x100 <= code <= 0x17F:
                code |= 1
            value = (value ^ code) * 16777619
            at += 2
            found = 1
            continue
        if byte < 0xF0:
            code = (byte & 0x0F) << 12 | (after & 0x3F) << 6 | (text[at + 2] & 0x3F if at + 2 < end else 0)
            if 0x2000 <= code < 0x2C00 or 0x3000 <= code <= 0x3004 or 0x3008 <= code <= 0x3020 or 0xFE10 <= code <= 0xFF0F or code == 0x964:
                break
            if 0x3005 <= code <= 0xD7AF or 0xE00 <= code <= 0xEFF or 0x1000 <= code <= 0x109F or 0x1780 <= code <= 0x17FF or 0xF900 <= code <= 0xFAFF:
                if found:
                    break
                token[0] = (value ^ code) * 16777619
                place[0] = at + 3
                return 2
            value = (value ^ code) * 16777619
            at += 3
            found = 1
            continue
        break
    if not found:
        byte = text[at]
        at += 1 if byte < 0xC0 else 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
        if at > end:
            at = end
    place[0] = at
    token[0] = value
    return found


cdef void count_characters(const uint8_t* text, const Block* block, Text* out) noexcept:
    """Characters by kind, and what looks like a time or a year."""
    cdef Py_ssize_t at, end = block.end, run = 0
    cdef uint8_t byte
    for at in range(block.start, end):
        byte = text[at]
        out.chars += byte < 0x80 or byte >= 0xC0
        if c"0" <= byte <= c"9":
            out.digits += 1
            run += 1
            if run == 4 and (at + 1 == end or not (c"0" <= text[at + 1] <= c"9")) and (
                text[at - 3] == c"2" and text[at - 2] == c"0" or text[at - 3] == c"1" and text[at - 2] == c"9"
            ):
                out.years += 1
            continue
        if byte == c":":
            out.marks += 1
            out.times += 1 <= run <= 2 and at + 2 < end and c"0" <= text[at + 1] <= c"5" and c"0" <= text[at + 2] <= c"9"
        elif byte == c"|" or byte == c"/":
            out.marks += 1
        elif byte == c",":
            out.commas += 1
        elif byte == c"." or byte == c"!" or byte == c"?":
            out.stops += 1
        elif c"A" <= byte <= c"Z":
            out.uppers += 1
        elif byte == c"\n":
            out.lines += 1
        elif byte == 0xC2 and text[at + 1] == 0xA9:
            out.copies += 1
        elif byte >= 0xE3 and byte <= 0xED:
            out.cjk += 1
            if byte == 0xE3 and text[at + 1] == 0x80:
                out.commas += text[at + 2] == 0x81
                out.stops += text[at + 2] == 0x82
        elif byte == 0xEF and text[at + 1] == 0xBC:
            out.commas += text[at + 2] == 0x8C
            out.stops += text[at + 2] == 0x81 or text[at + 2] == 0x9F
        elif byte == 0xD8:
            out.commas += text[at + 1] == 0x8C
            out.stops += text[at + 1] == 0x9F
        run = 0


cdef inline bint ends_sentence(const uint8_t* text, const Block* block) noexcept:
    cdef uint8_t last = text[block.end - 1]
    return last in (c".", c"!", c"?", c":", c'"', 0x82, 0xA1, 0x9D, 0xA6, 0x9F)


cdef inline int place_of(uint64_t[::1] keys, uint64_t key, int mask) noexcept:
    """Place of a key in a hash table, or of the empty place (0) where it belongs; the key 0 counts as 1."""
    cdef int place
    key += key == 0
    place = <int>((key * <uint64_t>0x9E3779B97F4A7C15) >> 32) & mask
    while keys[place] != 0 and keys[place] != key:
        place = place + 1 & mask
    return place


cdef int table_size(Py_ssize_t count) noexcept:
    cdef int size = 16
    while size < 2 * count + 2:
        size *= 2
    return size


cdef class Measured:
    """A page, measured once for both stages of the model."""

    cdef readonly object words
    cdef object nodes_array, blocks_array, text_bytes, chain_array
    cdef Node[::1] nodes
    cdef Block[::1] blocks
    cdef Text* texts
    cdef object texts_array
    cdef int[:, ::1] chain
    cdef int count, title_size, summary_size
    cdef double total

    def __init__(self, page):
        self.nodes_array, self.blocks_array, self.text_bytes = page.nodes, page.blocks, page.text
        self.nodes, self.blocks = page.nodes, page.blocks
        self.count = len(page.blocks)
        self.texts_array = np.zeros(max(self.count, 1) * sizeof(Text), np.uint8)
        cdef uint8_t[::1] raw = self.texts_array
        self.texts = <Text*>&raw[0]
        self.chain_array = np.empty((max(self.count, 1), CHAIN), np.int32)
        self.chain = self.chain_array
        self._read_texts(page.title, page.summary)
        words = np.empty(self.count, np.int32)
        cdef int32_t[::1] view = words
        cdef int block, level, node
        self.total = 0
        for block in range(self.count):
            view[block] = self.texts[block].words
            self.total += view[block]
            node = self.blocks[block].node
            for level in range(CHAIN):
                self.chain[block, level] = node
                node = self.nodes[node].parent if self.nodes[node].parent >= 0 else node
        self.words = words
        self.total = max(self.total, 1)

    cdef void _read_texts(self, bytes title, bytes summary):
        """Count characters and words of each block, and which words are common, in the title and in the summary."""
        cdef bytes text_bytes = self.text_bytes
        cdef const uint8_t* text = text_bytes
        cdef const uint8_t* other
        cdef Py_ssize_t at, size, limit = len(text_bytes) + len(title) + len(summary)
        cdef uint32_t token = 0
        cdef int kind, block, place, distinct, used = 0, passed, lowest, mask, part
        tokens_array = np.empty(limit + 1, np.int32)
        cdef int32_t[::1] tokens = tokens_array
        cdef int32_t[::1] starts = np.empty(self.count + 1, np.int32)
        # A first pass finds the words; their number sizes the table.
        cdef uint32_t[::1] hashes = np.empty(limit + 1, np.uint32)
        for block in range(self.count):
            starts[block] = used
            count_characters(text, &self.blocks[block], &self.texts[block])
            at = self.blocks[block].start
            while at < self.blocks[block].end:
                if next_token(text, &at, self.blocks[block].end, &token):
                    hashes[used] = token
                    used += 1
                    self.texts[block].sign = self.texts[block].sign * <uint64_t>0x100000001B3 + token
            self.texts[block].words = used - starts[block]
        starts[self.count] = used
        mask = table_size(used) - 1
        cdef uint64_t[::1] keys = np.zeros(mask + 1, np.uint64)
        cdef int32_t[::1] counts = np.zeros(mask + 1, np.int32)
        cdef int32_t[::1] seen = np.full(mask + 1, -1, np.int32)
        cdef uint8_t[::1] flags = np.zeros(mask + 1, np.uint8)
        for block in range(self.count):
            for part in range(starts[block], starts[block + 1]):
                place = place_of(keys, hashes[part], mask)
                keys[place] = hashes[part] + (hashes[part] == 0)
                tokens[part] = place
                if self.texts[block].words >= LONG:
                    counts[place] += 1
        common = np.asarray(counts)
        common = common[common > 1]
        lowest = int(np.partition(common, len(common) - COMMON)[len(common) - COMMON]) if len(common) > COMMON else 2
        for part, piece in ((1, title), (2, summary)):
            other = piece
            at, size, distinct = 0, len(piece), 0
            while at < size:
                if next_token(other, &at, size, &token):
                    place = place_of(keys, token, mask)
                    if keys[place] == 0:
                        distinct += 1  # a word that no block has; counted once for each time, which is rare
                    elif not flags[place] & part:
                        flags[place] |= part
                        distinct += 1
            if part == 1:
                self.title_size = distinct
            else:
                self.summary_size = distinct
        for block in range(self.count):
            for part in range(starts[block], starts[block + 1]):
                place = tokens[part]
                self.texts[block].common += counts[place] >= lowest
                self.texts[block].in_title += flags[place] & 1
                self.texts[block].in_summary += flags[place] >> 1
                if seen[place] != block:
                    seen[place] = block
                    self.texts[block].unique += 1
                    self.texts[block].titled += flags[place] & 1
                    self.texts[block].summarized += flags[place] >> 1
        mask = table_size(self.count) - 1
        keys, counts = np.zeros(mask + 1, np.uint64), np.zeros(mask + 1, np.int32)
        for block in range(self.count):
            place = place_of(keys, self.texts[block].sign, mask)
            keys[place] = self.texts[block].sign + (self.texts[block].sign == 0)
            counts[place] += 1
        for block in range(self.count):
            self.texts[block].same = counts[place_of(keys, self.texts[block].sign, mask)]

    cdef list _signatures(self, int levels):
        """For each block the place of its signature (names of the elements above it) in a table, and the size of the table."""
        cdef int mask = table_size(self.count) - 1, block, level, place
        cdef uint64_t[::1] keys = np.zeros(mask + 1, np.uint64)
        places_array = np.empty(self.count, np.int32)
        cdef int32_t[::1] places = places_array
        cdef uint64_t sign
        for block in range(self.count):
            sign = 0
            for level in range(levels):
                sign = sign * <uint64_t>0x9E3779B97F4A7C15 + self.nodes[self.chain[block, level]].sign
            place = place_of(keys, sign, mask)
            keys[place] = sign + (sign == 0)
            places[block] = place
        return [places_array, mask + 1]

    def first_features(self):
        """float32 (blocks, features)."""
        cdef int count = self.count, nodes = len(self.nodes), block, node, level, place, column, best = 0, heaviest = 0, by, other, parent, mask
        cdef int best_title = -1, first_h1 = -1, comments = -1, radius, low, high
        cdef Text* texts = self.texts
        cdef bytes text_bytes = self.text_bytes
        cdef const uint8_t* text = text_bytes
        cdef double value, size, density, points, total = self.total, best_title_value = 0.3
        cdef Text* own
        cdef Inside* inside
        cdef Inside* sums
        sums_array = np.zeros((count + 1) * sizeof(Inside), np.uint8)
        inside_array = np.zeros(max(nodes, 1) * sizeof(Inside), np.uint8)
        cdef uint8_t[::1] raw_sums = sums_array, raw_inside = inside_array
        sums, inside = <Inside*>&raw_sums[0], <Inside*>&raw_inside[0]
        cdef double[::1] densities = np.zeros(max(count, 1)), gains = np.zeros(count + 1), score = np.zeros(max(nodes, 1))
        cdef double[::1] commons = np.zeros(count + 1)
        cdef int32_t[::1] titles = np.zeros(max(count, 1), np.int32)
        # Sums over the blocks of each element.
        for block in range(count):
            own = texts + block
            size = self.blocks[block].end - self.blocks[block].start
            density = min(self.blocks[block].link_bytes / size, 1.0)
            densities[block] = density
            sums[block + 1].words = sums[block].words + own.words
            sums[block + 1].linked = sums[block].linked + density * own.words
            sums[block + 1].blocks = block + 1
            sums[block + 1].commas = sums[block].commas + own.commas
            sums[block + 1].long_blocks = sums[block].long_blocks + (own.words >= LONG)
            sums[block + 1].long_words = sums[block].long_words + (own.words if own.words >= LONG else 0)
            sums[block + 1].times = sums[block].times + (own.times > 0 or own.years > 0)
            commons[block + 1] = commons[block] + own.common
            gains[block + 1] = gains[block] + (own.words if own.words >= LONG and density < 0.5 else -0.6 * own.words - 2)
            points = 1 + own.commas + min(own.words / 17.0, 3.0) if own.words >= 5 else 0
            score[self.chain[block, 1]] += points
            score[self.chain[block, 2]] += points / 2
            if own.words and own.words <= 30 and self.title_size:
                value = 2.0 * own.titled / (own.unique + self.title_size) + (0.15 if heading(self.nodes[self.blocks[block].node].tag) else 0)
                if value > best_title_value:
                    best_title, best_title_value = block, value
            if first_h1 < 0 and self.nodes[self.blocks[block].node].tag == H1:
                first_h1 = block
        for node in range(nodes):
            low, high = self.nodes[node].first, self.nodes[node].end
            inside[node].words = sums[high].words - sums[low].words
            inside[node].linked = sums[high].linked - sums[low].linked
            inside[node].blocks = high - low
            inside[node].commas = sums[high].commas - sums[low].commas
            inside[node].long_blocks = sums[high].long_blocks - sums[low].long_blocks
            inside[node].long_words = sums[high].long_words - sums[low].long_words
            inside[node].times = sums[high].times - sums[low].times
            score[node] *= 1 - ratio(inside[node].linked, inside[node].words)
            if score[node] > score[best]:
                best = node
            if gains[high] - gains[low] > gains[self.nodes[heaviest].end] - gains[self.nodes[heaviest].first]:
                heaviest = node
            if comments < 0 and self.nodes[node].groups & 2 and high > low and self.nodes[node].depth > 2 and inside[node].words > 3:
                comments = low
        # Elements of one name under one parent: how many, and which of them.
        mask = table_size(nodes) - 1
        cdef uint64_t[::1] keys = np.zeros(mask + 1, np.uint64)
        cdef int32_t[::1] table = np.zeros(mask + 1, np.int32), index = np.zeros(max(nodes, 1), np.int32), repeats = np.zeros(max(nodes, 1), np.int32)
        cdef int32_t[::1] repeat_of = np.zeros(max(nodes, 1), np.int32)
        cdef uint64_t key
        for node in range(nodes):
            key = self.nodes[node].sign * <uint64_t>0x9E3779B97F4A7C15 + <uint64_t>(self.nodes[node].parent + 1)
            place = place_of(keys, key, mask)
            keys[place] = key + (key == 0)
            repeat_of[node] = place
            if inside[node].words > 0:
                index[node] = table[place]
                table[place] += 1
        for node in range(nodes):
            repeats[node] = table[repeat_of[node]]
        # Steps from each element up to the nearest one of each group and kind.
        steps_array = np.full((max(nodes, 1), WIDTH), FAR, np.uint8)
        cdef uint8_t[:, ::1] steps = steps_array
        cdef int32_t[::1] articles = np.zeros(max(nodes, 1), np.int32)
        for node in range(nodes):
            parent = self.nodes[node].parent
            if parent >= 0:
                for column in range(WIDTH):
                    steps[node, column] = steps[parent, column] + (steps[parent, column] < FAR)
                articles[node] = articles[parent]
            articles[node] += self.nodes[node].tag == ARTICLE
            for column in range(GROUPS_COUNT):
                if self.nodes[node].groups >> column & 1:
                    steps[node, column] = 0
            column = _columns[self.nodes[node].tag]
            if column >= 0:
                steps[node, column] = 0
        # Blocks in places of one kind.
        cdef list kinds = [self._signatures(levels) for levels in (1, 3, 5)]
        cdef int32_t[::1] kind1 = kinds[0][0], kind3 = kinds[1][0], kind5 = kinds[2][0]
        cdef double[:, ::1] same1 = np.zeros((kinds[0][1], 3)), same3 = np.zeros((kinds[1][1], 3)), same5 = np.zeros((kinds[2][1], 3))
        for block in range(count):
            add_same(same1, kind1[block], texts[block].words, densities[block])
            add_same(same3, kind3[block], texts[block].words, densities[block])
            add_same(same5, kind5[block], texts[block].words, densities[block])
        cdef int32_t[::1] next_heading = np.empty(count + 1, np.int32), next_long = np.empty(count + 1, np.int32)
        next_heading[count] = next_long[count] = count + 50
        for block in range(count - 1, -1, -1):
            next_heading[block] = block if heading(self.nodes[self.blocks[block].node].tag) else next_heading[block + 1]
            next_long[block] = block if texts[block].words >= LONG else next_long[block + 1]
        cdef int last_heading = -50, last_long = -50, common_level, repeat_level, most
        cdef double page_density = sums[count].linked / total, longest = 0, most_long = 0, page_times = sums[count].times
        for block in range(count):
            longest = max(longest, texts[block].words)
        for node in range(nodes):
            if self.nodes[node].parent >= 0 and self.nodes[self.nodes[node].parent].parent >= 0:
                most_long = max(most_long, inside[node].long_words)
        out_array = np.zeros((count, FEATURES), np.float32)
        if count == 0:
            return out_array
        cdef float[:, ::1] out = out_array
        cdef float* row
        for block in range(count):
            row = &out[block, 0]
            own = texts + block
            node = self.blocks[block].node
            if heading(self.nodes[node].tag):
                last_heading = block
            if own.words >= LONG:
                last_long = block
            size = self.blocks[block].end - self.blocks[block].start
            put(&row, self.nodes[node].tag)
            put(&row, self.nodes[node].depth)
            put(&row, own.words)
            put(&row, own.chars)
            put(&row, densities[block])
            put(&row, self.blocks[block].links)
            put(&row, ratio(own.commas, own.words))
            put(&row, ratio(own.stops, own.words))
            put(&row, ratio(own.digits, own.chars))
            put(&row, ratio(own.uppers, own.chars))
            put(&row, ratio(own.cjk, own.chars))
            put(&row, own.lines)
            put(&row, ratio(own.marks, own.words))
            put(&row, ends_sentence(text, &self.blocks[block]))
            put(&row, text[self.blocks[block].start] < 128)
            put(&row, self.blocks[block].bold_bytes / size)
            put(&row, self.blocks[block].pre)
            put(&row, self.blocks[block].noscript)
            put(&row, ratio(own.chars, own.words))
            put(&row, ratio(own.unique, own.words))
            put(&row, ratio(own.common, own.words))
            put(&row, own.same)
            put(&row, own.times)
            put(&row, own.years)
            put(&row, own.copies)
            put(&row, ratio(own.in_title, own.words))
            put(&row, ratio(own.titled, self.title_size))
            put(&row, ratio(own.in_summary, own.words))
            put(&row, ratio(own.summarized, self.summary_size))
            put(&row, articles[node])
            for column in range(WIDTH):
                put(&row, steps[node, column])
            most = repeat_level = 0
            for level in range(CHAIN):
                other = self.chain[block, level]
                if inside[other].blocks >= 2 and repeats[other] > most and (level == 0 or other != self.chain[block, level - 1]):
                    most, repeat_level = repeats[other], level
            other = self.chain[block, repeat_level]
            put(&row, most)
            put(&row, repeat_level)
            put(&row, index[other])
            put(&row, ratio(inside[other].words, 1))
            put(&row, ratio(inside[other].linked, inside[other].words))
            put(&row, ratio(inside[other].times, inside[other].blocks))
            for column in range(TABLE_LEVELS):
                other = self.chain[block, _levels[column]]
                put(&row, inside[other].words / total)
                put(&row, ratio(inside[other].linked, inside[other].words))
                put(&row, ratio(inside[other].words, inside[other].blocks))
                put(&row, inside[other].blocks)
                put(&row, ratio(inside[other].commas, inside[other].words))
                put(&row, ratio(inside[other].long_blocks, inside[other].blocks))
                put(&row, ratio(inside[other].long_words, inside[other].words))
                put(&row, repeats[other])
                put(&row, index[other])
            for level in range(1, 4):
                put(&row, score[self.chain[block, level]] / max(score[best], 1e-9))
            for other in (best, heaviest):
                low, high = self.nodes[other].first, self.nodes[other].end
                put(&row, low <= block < high)
                put(&row, low - block if block < low else block - high + 1 if block >= high else 0)
                put(&row, block - low)
                put(&row, (sums[high].words - sums[low].words) / total)
                common_level = 0
                column = node
                while not (self.nodes[column].first <= low and self.nodes[column].end >= high) and self.nodes[column].parent >= 0:
                    column = self.nodes[column].parent
                    common_level += 1
                put(&row, common_level)
                put(&row, self.nodes[other].depth - self.nodes[column].depth)
            # The title, the first main heading, and where comments begin.
            if best_title >= 0:
                common_level = 0
                column = node
                while not (self.nodes[column].first <= best_title < self.nodes[column].end) and self.nodes[column].parent >= 0:
                    column = self.nodes[column].parent
                    common_level += 1
                put(&row, block - best_title)
                put(&row, (sums[block].words - sums[best_title].words) / total)
                put(&row, common_level)
                put(&row, self.nodes[self.blocks[best_title].node].depth - self.nodes[column].depth)
                put(&row, best_title_value)
            else:
                for column in range(5):
                    put(&row, -999)
            put(&row, block - first_h1 if first_h1 >= 0 else -999)
            put(&row, block - comments if comments >= 0 else -999)
            put(&row, sums[comments].words / total if comments >= 0 else 1)
            put_same(&row, same1, kind1[block], count)
            put_same(&row, same3, kind3[block], count)
            put_same(&row, same5, kind5[block], count)
            put(&row, <double>block / count)
            put(&row, block)
            put(&row, sums[block].words / total)
            put(&row, count - block)
            put(&row, min(block - last_heading, MANY))
            put(&row, min(next_heading[block] - block, MANY))
            put(&row, self.nodes[self.blocks[last_heading].node].tag - H1 if last_heading >= 0 else -1)
            put(&row, texts[last_heading].words if last_heading >= 0 else -1)
            put(&row, last_heading == best_title and best_title >= 0)
            put(&row, ratio(inside[self.blocks[last_heading].node].linked, inside[self.blocks[last_heading].node].words) if last_heading >= 0 else -1)
            put(&row, min(block - last_long, MANY))
            put(&row, min(next_long[block + (own.words >= LONG)] - block, MANY))
            for by in (-3, -2, -1, 1, 2, 3):
                other = block + by
                if 0 <= other < count:
                    put(&row, texts[other].words)
                    put(&row, densities[other])
                    put(&row, self.chain[other, 1] == self.chain[block, 1])
                    put(&row, self.nodes[self.blocks[other].node].sign == self.nodes[node].sign)
                    put(&row, ends_sentence(text, &self.blocks[other]))
                    put(&row, texts[other].times + texts[other].years)
                    put(&row, ratio(texts[other].common, texts[other].words))
                    put(&row, heading(self.nodes[self.blocks[other].node].tag))
                else:
                    for column in range(8):
                        put(&row, -1)
            for radius in (2, 5, 12):
                low, high = max(block - radius, 0), min(block + radius + 1, count)
                value = sums[high].words - sums[low].words
                put(&row, value)
                put(&row, ratio(sums[high].linked - sums[low].linked, value))
                put(&row, sums[high].long_blocks - sums[low].long_blocks)
                put(&row, sums[high].times - sums[low].times)
                put(&row, ratio(commons[high] - commons[low], value))
            put(&row, count)
            put(&row, total)
            put(&row, sums[count].long_blocks / count)
            put(&row, longest)
            put(&row, page_density)
            put(&row, most_long / total)
            put(&row, page_times / count)
            put(&row, self.title_size)
            put(&row, self.summary_size)
        assert row - &out[count - 1, 0] == FEATURES
        return out_array

    def second_features(self, const float[:, ::1] first, const double[::1] p):
        """`first`, and what the first model's probabilities say about the surroundings of each block."""
        cdef int count = self.count, nodes = len(self.nodes), block, node, level, best = 0, by, low, high, other, last_sure = -MANY
        cdef double[::1] mass = np.zeros(count + 1), weight = np.zeros(count + 1), plain = np.zeros(count + 1), expected = np.zeros(max(nodes, 1))
        cdef double most = 0, everything, all_words
        out_array = np.empty((count, FEATURES + SECOND), np.float32)
        if count == 0:
            return out_array
        cdef float[:, ::1] out = out_array
        cdef float* row
        for block in range(count):
            mass[block + 1] = mass[block] + p[block] * (self.texts[block].words + 0.5)
            weight[block + 1] = weight[block] + self.texts[block].words + 0.5
            plain[block + 1] = plain[block] + p[block]
            most = max(most, p[block])
        everything, all_words = max(mass[count], 1e-9), weight[count]
        for node in range(nodes):
            low, high = self.nodes[node].first, self.nodes[node].end
            expected[node] = 2 * (mass[high] - mass[low]) / max(weight[high] - weight[low] + everything, 1e-9)
            if expected[node] > expected[best]:
                best = node
        cdef list kinds = [self._signatures(levels) for levels in (1, 2, 4)]
        cdef int32_t[::1] kind1 = kinds[0][0], kind2 = kinds[1][0], kind4 = kinds[2][0]
        cdef double[:, ::1] same1 = np.zeros((kinds[0][1], 3)), same2 = np.zeros((kinds[1][1], 3)), same4 = np.zeros((kinds[2][1], 3))
        cdef int32_t[::1] next_sure = np.empty(count + 1, np.int32)
        next_sure[count] = count + MANY
        for block in range(count - 1, -1, -1):
            next_sure[block] = block if p[block] > 0.7 else next_sure[block + 1]
            same1[kind1[block], 0] += 1
            same1[kind1[block], 1] += p[block]
            same2[kind2[block], 0] += 1
            same2[kind2[block], 1] += p[block]
            same4[kind4[block], 0] += 1
            same4[kind4[block], 1] += p[block]
        for block in range(count):
            row = &out[block, 0]
            for level in range(FEATURES):
                put(&row, first[block, level])
            put(&row, p[block])
            for by in range(-5, 6):
                if by:
                    put(&row, p[block + by] if 0 <= block + by < count else 0)
            for by in (1, 3, 8, 20):
                low, high = max(block - by, 0), min(block + by + 1, count)
                put(&row, (plain[high] - plain[low]) / (high - low))
            put(&row, mass[block] / everything)
            put(&row, 1 - mass[block + 1] / everything)
            for level in range(CHAIN):
                node = self.chain[block, level]
                low, high = self.nodes[node].first, self.nodes[node].end
                put(&row, share(mass[high] - mass[low], weight[high] - weight[low]))
                put(&row, (mass[high] - mass[low]) / everything)
                put(&row, expected[node] / max(expected[best], 1e-9))
            put(&row, self.nodes[best].first <= block < self.nodes[best].end)
            put(&row, share(same1[kind1[block], 1], same1[kind1[block], 0]))
            put(&row, share(same2[kind2[block], 1], same2[kind2[block], 0]))
            put(&row, share(same4[kind4[block], 1], same4[kind4[block], 0]))
            if p[block] > 0.7:
                last_sure = block
            put(&row, min(block - last_sure, MANY))
            put(&row, min(next_sure[block] - block, MANY))
            put(&row, most)
            put(&row, plain[count] / count)
            put(&row, everything / max(all_words, 1e-9))
        assert row - &out[count - 1, 0] == FEATURES + SECOND
        return out_array


cdef inline void add_same(double[:, ::1] table, int place, double words, double density) noexcept:
    table[place, 0] += 1
    table[place, 1] += words
    table[place, 2] += words * density


cdef inline void put_same(float** row, double[:, ::1] table, int place, int count) noexcept:
    put(row, table[place, 0])
    put(row, table[place, 0] / count)
    put(row, ratio(table[place, 2], table[place, 1]))
    put(row, table[place, 1] / table[place, 0])


def measure(page):
    """Read the texts of a page's blocks."""
    return Measured(page)


cdef enum:
    FEATURES = 30 + WIDTH + 6 + 9 * TABLE_LEVELS + 3 + 12 + 8 + 12 + 12 + 48 + 15 + 9
    SECOND = 1 + 10 + 4 + 2 + 3 * CHAIN + 1 + 3 + 2 + 3
