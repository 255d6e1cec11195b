"""Groups of documents that share hashes: against a plain dictionary, in any number of ranges."""

import numpy as np
import pyarrow as pa
import pytest

from curricle.pipelines.deduplication import groups as module
from curricle.pipelines.deduplication.groups import Documents, find_anchored, find_contents, group_equal, repeated


def tables(draw: np.random.Generator, sizes: tuple[int, ...] = (40, 0, 25)) -> Documents:
    """Tables of hashes of which many are equal, from the whole range of 64 bits."""
    pool = draw.integers(0, 1 << 64, 30, np.uint64)
    pool[0] = 0
    parts = []
    for size in sizes:
        lists = [draw.choice(pool[1:], draw.integers(0, 4), replace=False) for _ in range(size)]
        parts.append(
            pa.table(
                {
                    "id": pa.array([f"{draw.integers(1 << 62):032x}" for _ in range(size)], pa.string()),
                    "hash": draw.choice(pool, size),
                    "exact_high": draw.choice(pool[:5], size),
                    "exact_low": draw.choice(pool[:3], size),
                    "anchors": pa.array([own.tolist() for own in lists], pa.large_list(pa.uint64())),
                }
            )
        )
    return Documents(tuple(parts))


def plain_groups(pairs: list[tuple[int, int]]) -> set[tuple[int, ...]]:
    found: dict[int, list[int]] = {}
    for value, number in pairs:
        if value:
            found.setdefault(value, []).append(number)
    return {tuple(group) for group in found.values() if len(group) > 1}


def values_of(documents: Documents, name: str) -> list:
    return [value for table in documents.tables for value in table[name].to_pylist()]


@pytest.mark.parametrize("size", [1 << 24, 7, 1])
def test_groups_are_those_of_a_dictionary(monkeypatch, size):
    monkeypatch.setattr(module, "SLICE", size)
    draw = np.random.default_rng(size)
    for _ in range(20):
        documents = tables(draw)
        chosen = draw.random(len(documents)) < 0.7
        pairs = [(value, number) for number, value in enumerate(values_of(documents, "hash")) if chosen[number]]
        found = [group for groups in repeated(documents.hashes("hash"), chosen) for group in groups.split()]
        assert {tuple(group.tolist()) for group in found} == plain_groups(pairs)
        listed = [(value, number) for number, own in enumerate(values_of(documents, "anchors")) for value in own]
        found = [group for groups in repeated(documents.hashes("anchors")) for group in groups.split()]
        assert {tuple(group.tolist()) for group in found} == plain_groups(listed)


@pytest.mark.parametrize("size", [1 << 24, 5])
def test_contents_need_both_halves_of_the_key(monkeypatch, size):
    monkeypatch.setattr(module, "SLICE", size)
    documents = tables(np.random.default_rng(1))
    keys = list(zip(values_of(documents, "exact_high"), values_of(documents, "exact_low"), strict=True))
    expected = [keys.index(key) if key[0] else number for number, key in enumerate(keys)]
    assert find_contents(documents).tolist() == expected


def test_a_content_is_looked_for_if_others_have_half_of_its_anchors():
    anchors = [[1, 2, 3, 4], [1, 2, 9, 10, 11, 12], [20, 21, 22], [20], []]
    table = pa.table({"anchors": pa.array(anchors, pa.large_list(pa.uint64()))})
    found = find_anchored(Documents((table,)), np.arange(5))
    assert found.needed == {0: 2.0, 3: 0.5}
    assert sorted(tuple(group.tolist()) for group in found.groups) == [(0, 1), (0, 1), (2, 3)]


def test_nothing_to_group():
    assert group_equal(np.empty(0, np.uint64), np.empty(0, np.int64)).split() == []
    assert group_equal(np.array([5], np.uint64), np.array([0])).split() == []
