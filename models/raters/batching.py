"""Batches for a neural model: texts of like length together, as many as a budget of tokens takes."""

from collections.abc import Sequence


def token_batches(lengths: Sequence[int], budget: int) -> list[list[int]]:
    """Rows in batches, the longest first, so that a batch that does not fit in memory is the first to fail.

    A batch's longest length times its rows is at most `budget`, as each row is padded to the longest; a longer row is its own
    batch.
    Every row is in one batch; equal lengths keep their order.
    """
    batches: list[list[int]] = []
    longest = 0
    for row in sorted(range(len(lengths)), key=lambda row: -lengths[row]):
        if not batches or longest * (len(batches[-1]) + 1) > budget:
            batches.append([])
            longest = lengths[row]
        batches[-1].append(row)
    return batches
