"""Batches by length: every row once, within the budget."""

from hypothesis import given
from hypothesis import strategies as st

from curricle.models.raters.batching import token_batches


@given(st.lists(st.integers(0, 50), max_size=40), st.integers(1, 200))
def test_every_row_is_in_one_batch_and_no_batch_of_several_is_over_the_budget(lengths: list[int], budget: int):
    batches = token_batches(lengths, budget)
    assert sorted(row for batch in batches for row in batch) == list(range(len(lengths)))
    assert all(len(batch) == 1 or max(lengths[row] for row in batch) * len(batch) <= budget for batch in batches)
    order = [lengths[row] for batch in batches for row in batch]
    assert order == sorted(order, reverse=True)


def test_a_batch_is_filled_up_to_the_budget():
    assert token_batches([1, 5, 5, 2, 2, 9], budget=10) == [[5], [1, 2], [3, 4, 0]]
    assert token_batches([], budget=10) == []
