"""Batches for a neural model: texts of similar length together, within a budget of tokens."""

from collections.abc import Sequence


def token_batches(lengths: Sequence[int], budget: int) -> list[list[int]]:
    """Rows in batches. The longest come first, so that a batch that does not fit in memory fails at once.

    Each row is padded to the longest of its batch: the longest length times the number of rows is at most `budget`. A row that is
    longer than the budget is a batch of its own. Rows of equal length keep their order.
    """
    batches: list[list[int]] = []
    longest = 0
    for row in sorted(range(len(lengths)), key=lambda row: -lengths[row]):
        if not batches or longest * (len(batches[-1]) + 1) > budget:
            batches.append([])
            longest = lengths[row]
        batches[-1].append(row)
    return batches
