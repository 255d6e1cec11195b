"""How many dead letters an output may hold before its run counts as failed."""

from typing import Final, NamedTuple


class DeadLimits(NamedTuple):
    """Largest shares of dead letters among the documents, 0 to 1."""

    run: float = 0.05
    file: float = 0.2


DEFAULT_LIMITS: Final = DeadLimits()
