"""The kernel that finds stretches, against all pairs of positions; and occurrences built from them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curricle.pipelines.decontamination.align import find_occurrence, share_near
from curricle.pipelines.decontamination.index import SEED_WORDS, build_index
from curricle.pipelines.decontamination.items import Item
from curricle.pipelines.decontamination.matcher import Matcher, fill_table, seed_hashes
from curricle.pipelines.decontamination.words import find_words

WORDS = st.lists(st.integers(1, 6).map(lambda number: f"w{number}"), max_size=30)


def stretches(document: list[int], part: list[int]) -> set[tuple[int, int, int]]:
    """Every longest run of SEED_WORDS or more words that both share: position in the part, in the document, length."""
    found = set()
    for at in range(len(document)):
        for position in range(len(part)):
            if at and position and document[at - 1] == part[position - 1]:
                continue
            length = 0
            while at + length < len(document) and position + length < len(part):
                if document[at + length] != part[position + length]:
                    break
                length += 1
            if length >= SEED_WORDS:
                found.add((position, at, length))
    return found


@given(st.lists(WORDS, min_size=1, max_size=5), st.lists(WORDS.filter(lambda words: len(words) >= 5), min_size=1, max_size=4))
def test_all_stretches_of_well_covered_parts_are_found(documents, questions):
    import pyarrow as pa

    items = [Item("b", f"b#{number}", " ".join(words)) for number, words in enumerate(questions)]
    index = build_index(items, [])
    words = find_words(pa.array([" ".join(document) for document in documents]))
    found: dict[tuple[int, int], set[tuple[int, int, int]]] = {}
    for document, part, position, at, length in Matcher(index).find(words.hashes, words.offsets).tolist():
        found.setdefault((document, part), set()).add((position, at, length))
    for number in range(len(documents)):
        for part in range(index.starts.size - 1):
            own = index.words[index.starts[part] : index.starts[part + 1]]
            expected = stretches(words.of(number).tolist(), own.tolist())
            if found.get((number, part)):
                assert found[number, part] <= expected
            if any(length == own.size for _, _, length in expected):  # the whole part stands there
                assert {one for one in expected if one[2] == own.size} & found[number, part]


def test_seeds_depend_on_the_order_of_words():
    words = np.arange(1, 12, dtype=np.uint64)
    assert seed_hashes(words[:4]).size == 0
    assert len(set(seed_hashes(words).tolist() + seed_hashes(words[::-1].copy()).tolist())) == 14


def test_a_table_without_an_empty_slot_is_rejected():
    with pytest.raises(ValueError, match="power of two"):
        fill_table(np.arange(4, dtype=np.uint64), np.zeros(4, np.uint64), np.zeros(4, np.int32), np.zeros(8, np.uint8))


def test_an_index_that_points_outside_is_rejected():
    index = build_index([Item("b", "b#1", "one two three four five six")], [])
    index.positions[0] = 100
    with pytest.raises(ValueError, match="outside its part"):
        Matcher(index)


def numbers(*values: int) -> np.ndarray:
    return np.array(values, np.uint64)


def test_an_occurrence_goes_over_small_differences_both_ways():
    part = np.arange(100, 120, dtype=np.uint64)
    document = np.concatenate(
        [numbers(1, 2, 100, 101, 102, 7, 104, 105, 106, 107, 108, 109), part[10:16], numbers(8, 9), part[17:]]
    )
    found = find_occurrence(document, part, [(4, 6, 12)], np.ones(20, np.float32))
    assert (found.first, found.end) == (2, document.size)
    assert np.flatnonzero(~found.mask).tolist() == [3, 16]


def test_of_several_occurrences_the_one_with_most_information_counts():
    part = np.arange(100, 112, dtype=np.uint64)
    document = np.concatenate([part[:8], numbers(*range(60)), part[3:]])
    found = find_occurrence(document, part, [(0, 0, 8), (3, 68, 9)], np.ones(12, np.float32))
    assert found.first == 68


@pytest.mark.parametrize(
    ("text", "share"),
    [((5, 6), 2), ((5, 7), 0), ((5, 6, 7, 8, 1), 4), ((1, 2, 3, 4, 5), 0), ((), 0)],
)
def test_short_answers_stand_there_whole_and_long_ones_in_part(text, share):
    document = numbers(0, 0, 5, 6, 7, 8, 0)
    assert share_near(document, numbers(*text), 1, 7, np.ones(len(text), np.float32)) == share
