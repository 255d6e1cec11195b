"""What is measured of two documents, and what it takes for one to be a duplicate of the other."""

from typing import NamedTuple

import numpy as np

from curricle.pipelines.deduplication.normal_form import SHINGLE_WORDS
from curricle.pipelines.deduplication.shingle_files import Shingles
from curricle.pipelines.deduplication.signatures import count_shared

JACCARD = 0.8
"""Share of all shingles of two documents that both have, from which they are near-duplicates."""

CONTAINED = 0.9
"""Share of a document's shingles that stand in another one, from which it is contained in that."""

LONGEST_PASSAGE = 100
"""Words of a passage of a duplicate that may be missing from the document that stays: more is text of its own, such as another
body within a large frame."""

EXACT, NEAR, CONTAINED_IN, URL, REJECTED = "exact", "jaccard", "contained", "url", "rejected candidate"


class Pair(NamedTuple):
    """A document, one that stays, and what was measured."""

    document: int
    stays: int
    jaccard: float
    containment: float  # of the document in the one that stays
    missing_words: int | None  # of its longest passage that is missing there; None if it is not similar enough anyway

    @property
    def evidence(self) -> str:
        """What the measurement shows."""
        if self.missing_words is None or self.missing_words > LONGEST_PASSAGE:
            return REJECTED
        return NEAR if self.jaccard >= JACCARD else CONTAINED_IN

    @property
    def similarity(self) -> float:
        """The value that counts."""
        return self.containment if self.evidence == CONTAINED_IN else self.jaccard


def measure(document: int, stays: int, text: Shingles, own: Shingles, theirs: Shingles) -> Pair:
    """Compare a document, by its shingles in the order of the text and its distinct ones, with the distinct ones of another."""
    shared = count_shared(own, theirs)
    jaccard, containment = shared / (own.size + theirs.size - shared), shared / own.size
    similar = jaccard >= JACCARD or containment >= CONTAINED
    return Pair(document, stays, jaccard, containment, missing_words(text, theirs) if similar else None)


def missing_words(text: Shingles, theirs: Shingles) -> int:
    """Words of the longest passage that has no shingle in common with `theirs`, which is ascending.

    A word that is missing takes the SHINGLE_WORDS - 1 shingles that end after it along.
    """
    places = np.minimum(np.searchsorted(theirs, text), theirs.size - 1)
    shared = np.flatnonzero(theirs[places] == text)
    longest = int(np.diff(shared, prepend=-1, append=text.size).max(initial=0)) - 1
    return max(0, longest - (SHINGLE_WORDS - 1))


def distinct(values: Shingles) -> Shingles:
    """The distinct values, ascending. np.unique takes longer: it looks up hashes first."""
    values = np.sort(values)
    new = np.ones(values.size, np.bool_)
    np.not_equal(values[1:], values[:-1], out=new[1:])
    return values[new]
