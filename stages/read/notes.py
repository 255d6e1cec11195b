"""What a reader has to say about a shard besides its rows."""

from collections import Counter
from collections.abc import Iterable

SHOWN_KINDS = 20  # the number of media types is unbounded; the length of a note is not


class Notes(list[str]):
    """Notes on a shard, one line each, and how many records of which kind were skipped because they are no documents."""

    def __init__(self, notes: Iterable[str] = ()) -> None:
        super().__init__(notes)
        self.skipped: Counter[str] = Counter()

    def count_skipped(self, skipped: Counter[str]) -> None:
        """Add the counts, those of the most frequent kinds by name, and a note."""
        shown = dict(skipped.most_common(SHOWN_KINDS))
        rest = skipped.total() - sum(shown.values())
        self.skipped.update(shown | ({"others": rest} if rest else {}))
        self.append(f"skipped: {', '.join(f'{count} {kind}' for kind, count in self.skipped.items())}")
