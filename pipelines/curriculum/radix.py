"""Compiled kernels of the selection, called by `pipelines.curriculum.kernels`. Places are uint64, weights int64 when summed.

Those that read columns of several types are there once for each, in a mapping by the names of the types.
"""

from itertools import product
from types import FunctionType

import numpy as np
from curricle.pipelines.curriculum.compiled import export, inner

WEIGHTS, VALUES = ("uint8", "uint32", "int64"), ("float32", "float64")


def each_type(signature, *kinds):
    """Export a function for all combinations of `kinds`, names of types for which `signature` has places."""

    def one(function, names):
        own = FunctionType(function.__code__, function.__globals__, "_".join((function.__name__, *names)))
        return export(signature.format(*names))(own)

    return lambda function: {names: one(function, names) for names in product(*kinds)}


@inner
def mix(x):
    """The finaliser of SplitMix64 (Steele, Lea, Flood 2014): a bijection, so distinct ids stay distinct."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@export("void(uint64[::1], uint64, uint64[::1])")
def keyed(hashes, key, out):
    """out (n,): `mix` of every hash under a key."""
    for i in range(hashes.size):
        out[i] = mix(hashes[i] ^ key)


@each_type("void(int16[::1], uint8[::1], {}[::1], int64[::1])", WEIGHTS)
def totals(cell, among, weight, sums):
    """sums (cells,): weight of the rows `among` by cell."""
    sums[:] = 0
    for i in range(cell.size):
        if among[i]:
            sums[cell[i]] += weight[i]


@inner
def place_of(value, descending):
    """uint64 that sort as the numbers do: NaN after all others either way, one zero."""
    if np.isnan(value):
        return np.uint64(0xFFFFFFFFFFFFFFFF)
    number = np.float64(-value if descending else value) + 0.0
    bits = np.float64(number).view(np.uint64)
    top = np.uint64(0x8000000000000000)
    return ~bits if bits & top else bits | top


@each_type("void({}[::1], int64, uint64[::1])", VALUES)
def places_of(values, descending, out):
    """out (n,): `place_of` each."""
    for i in range(values.size):
        out[i] = place_of(values[i], descending)


@each_type(
    "void(int16[::1], uint8[::1], {}[::1], int64, uint64[::1], uint64, {}[::1], int64[::1], uint64[:, ::1], uint8[::1])",
    VALUES,
    WEIGHTS,
)
def find_bounds(cell, among, values, descending, id_hash, key, weight, quota, bound, closed):
    """bound (cells, 2): the place where each cell meets its quota (0 < quota <= total, or 0: cell left out); closed (cells,): if
    the row there is nearer in.
    """
    cells = quota.size
    bound[:] = 0
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
    for c in range(cells):
        closed[c] = 2 * rest[c] > last[c]


@each_type(
    "void(int16[::1], uint8[::1], {}[::1], int64, uint64[::1], uint64, uint64[:, ::1], uint8[::1], int8[::1], uint8[::1])", VALUES
)
def within(cell, among, values, descending, id_hash, key, bound, closed, state, taken):
    """taken (n,): rows before their cell's bound, and the one at it where `closed`; state 0: none of the cell, 1: by the bound,
    2: all.
    """
    for i in range(cell.size):
        taken[i] = 0
        if among[i]:
            c = cell[i]
            if state[c] == 2:
                taken[i] = 1
            elif state[c] == 1:
                first = place_of(values[i], descending) if values.size else bound[c, 0]
                if first != bound[c, 0]:
                    taken[i] = first < bound[c, 0]
                else:
                    place = mix(id_hash[i] ^ key)
                    taken[i] = place < bound[c, 1] or (place == bound[c, 1] and closed[c])
