"""Numba kernels of the selection, called by `pipelines.curriculum.kernels`. Places are uint64, weights int64 when summed."""

import numpy as np
from numba import njit


@njit(cache=True)
def mix(x):
    """The finaliser of SplitMix64 (Steele, Lea, Flood 2014): a bijection, so distinct ids stay distinct."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@njit(cache=True)
def keyed(hashes, key):
    """`mix` of every hash under a key, uint64 (n,)."""
    out = np.empty_like(hashes)
    for i in range(hashes.size):
        out[i] = mix(hashes[i] ^ key)
    return out


@njit(cache=True)
def totals(cell, among, weight, cells):
    """Weight of the rows `among` by cell, int64 (cells,)."""
    totals = np.zeros(cells, np.int64)
    for i in range(cell.size):
        if among[i]:
            totals[cell[i]] += weight[i]
    return totals


@njit(cache=True)
def place_of(value, descending):
    """uint64 that sort as the numbers do: NaN after all others either way, one zero."""
    if np.isnan(value):
        return np.uint64(0xFFFFFFFFFFFFFFFF)
    number = np.float64(-value if descending else value) + 0.0
    bits = np.float64(number).view(np.uint64)
    top = np.uint64(0x8000000000000000)
    return ~bits if bits & top else bits | top


@njit(cache=True)
def places_of(values, descending):
    """`place_of` each, uint64 (n,)."""
    out = np.empty(values.size, np.uint64)
    for i in range(values.size):
        out[i] = place_of(values[i], descending)
    return out


@njit(cache=True)
def find_bounds(cell, among, values, descending, id_hash, key, weight, quota):
    """The place where each cell meets its quota (0 < quota <= total, or 0: cell left out), and if the row there is nearer in."""
    cells = quota.size
    bound = np.zeros((cells, 2), np.uint64)
    rest = quota.copy()
    last = np.zeros(cells, np.int64)
    rows = np.empty(0, np.uint32)
    first = True
    for level in range(0 if values.size else 1, 2):
        for step in range(8):
            shift = np.uint64(56 - 8 * step)
            sums = np.zeros((cells, 256), np.int64)
            for j in range(cell.size if first else rows.size):
                i = j if first else np.int64(rows[j])
                if among[i] and rest[cell[i]] > 0:
                    place = place_of(values[i], descending) if level == 0 else mix(id_hash[i] ^ key)
                    sums[cell[i], np.int64((place >> shift) & np.uint64(255))] += weight[i]
            for c in range(cells):
                if rest[c] > 0:
                    digit = 0
                    while sums[c, digit] < rest[c]:
                        rest[c] -= sums[c, digit]
                        digit += 1
                    bound[c, level] |= np.uint64(digit) << shift
                    last[c] = sums[c, digit]
            nearer = np.empty(0, np.uint32)
            for write in range(2):  # count, then keep, the rows that share the digits so far
                kept = 0
                for j in range(cell.size if first else rows.size):
                    i = j if first else np.int64(rows[j])
                    if among[i] and rest[cell[i]] > 0:
                        place = place_of(values[i], descending) if level == 0 else mix(id_hash[i] ^ key)
                        if place >> shift == bound[cell[i], level] >> shift:
                            if write:
                                nearer[kept] = i
                            kept += 1
                if not write:
                    nearer = np.empty(kept, np.uint32)
            rows = nearer
            first = False
    return bound, 2 * rest > last


@njit(cache=True)
def within(cell, among, values, descending, id_hash, key, bound, closed, state):
    """Rows before their cell's bound, and the one at it where `closed`; state 0: none of the cell, 1: by the bound, 2: all."""
    taken = np.zeros(cell.size, np.bool_)
    for i in range(cell.size):
        if among[i]:
            c = cell[i]
            if state[c] == 2:
                taken[i] = True
            elif state[c] == 1:
                first = place_of(values[i], descending) if values.size else bound[c, 0]
                if first != bound[c, 0]:
                    taken[i] = first < bound[c, 0]
                else:
                    place = mix(id_hash[i] ^ key)
                    taken[i] = place < bound[c, 1] or (place == bound[c, 1] and closed[c])
    return taken
