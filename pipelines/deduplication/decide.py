"""Which documents stay: walks the ranking from the best; a document goes only if it was measured against one that stays."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from curricle.pipelines.deduplication.groups import Numbers, memberships
from curricle.pipelines.deduplication.shingle_files import Shingles
from curricle.pipelines.deduplication.signatures import count_shared

JACCARD = 0.8
"""Share of all shingles of two documents that both have, from which they are near-duplicates."""

CONTAINED = 0.9
"""Share of a document's shingles that stand in another one, from which it is contained in that."""

MOST_COMPARED = 64
"""Documents that stay of one bucket with which others are compared; a bucket with more is hot."""

EXACT, NEAR, CONTAINED_IN, URL, REJECTED = "exact", "jaccard", "contained", "url", "rejected candidate"


class Pair(NamedTuple):
    """A document, one that stays, and what was measured."""

    document: int
    stays: int
    jaccard: float
    containment: float  # of the document in the one that stays

    @property
    def evidence(self) -> str:
        """What the measurement shows."""
        if self.jaccard >= JACCARD:
            return NEAR
        return CONTAINED_IN if self.containment >= CONTAINED else REJECTED

    @property
    def similarity(self) -> float:
        """The value that counts."""
        return self.containment if self.evidence == CONTAINED_IN else self.jaccard


class Verdict(NamedTuple):
    """Of a document that was compared."""

    stays: int | None  # the document that it is a duplicate of; None if it stays itself
    similarity: float | None
    evidence: str | None


@dataclass
class Decisions:
    """The verdicts of the documents that were compared, all pairs that were measured, and buckets that were too large."""

    verdicts: dict[int, Verdict] = field(default_factory=dict)
    pairs: list[Pair] = field(default_factory=list)
    also: list[tuple[int, int]] = field(default_factory=list)  # duplicate, another document that stays and is as similar
    hot: Counter[int] = field(default_factory=Counter)  # bucket -> documents that stay and were not put into it


def decide(
    order: Iterable[int],
    contents: Mapping[int, int],
    buckets: Sequence[Numbers],
    urls: Sequence[Numbers],
    shingles: Callable[[int], Shingles],
) -> Decisions:
    """Walk the documents, best first. `contents`: document -> first one with the same normal form, which is in the buckets."""
    done = Decisions()
    buckets_of, urls_of = memberships(buckets), memberships(urls)
    in_bucket: dict[int, list[int]] = {}  # contents of documents that stay
    with_url: dict[int, int] = {}
    staying: dict[int, int] = {}  # content -> the document that stays
    near: dict[int, Verdict] = {}  # content -> what copies of it are near-duplicates of
    for document in order:
        content = contents[document]
        same_url = next((with_url[group] for group in urls_of.get(document, ()) if group in with_url), None)
        if content in staying:
            done.verdicts[document] = Verdict(staying[content], 1.0, EXACT)
        elif same_url is not None:
            done.verdicts[document] = Verdict(same_url, None, URL)
        elif content in near:
            done.verdicts[document] = near[content]
        else:
            found = _measure(document, content, buckets_of.get(content, ()), in_bucket, staying, shingles)
            done.pairs += found
            accepted = [pair for pair in found if pair.evidence != REJECTED]
            if accepted:
                best = max(accepted, key=lambda pair: pair.similarity)  # the better one of two that are as similar
                near[content] = done.verdicts[document] = Verdict(best.stays, best.similarity, best.evidence)
                done.also += [(document, pair.stays) for pair in accepted if pair is not best]
                continue
            staying[content] = document
            if found:
                done.verdicts[document] = Verdict(None, max(pair.jaccard for pair in found), REJECTED)
            for group in urls_of.get(document, ()):
                with_url[group] = document
            for bucket in buckets_of.get(content, ()):
                if len(members := in_bucket.setdefault(bucket, [])) < MOST_COMPARED:
                    members.append(content)
                else:
                    done.hot[bucket] += 1
    return done


def _measure(
    document: int,
    content: int,
    buckets: Iterable[int],
    in_bucket: Mapping[int, list[int]],
    staying: Mapping[int, int],
    shingles: Callable[[int], Shingles],
) -> list[Pair]:
    """Compare a document with each one that stays and shares a bucket with it, best first."""
    others = dict.fromkeys(other for bucket in buckets for other in in_bucket.get(bucket, ()))
    if not others:
        return []
    own = shingles(content)
    pairs = []
    for other in others:
        theirs = shingles(other)
        shared = count_shared(own, theirs)
        pairs.append(Pair(document, staying[other], shared / (own.size + theirs.size - shared), shared / own.size))
    return pairs


def find_clusters(decisions: Decisions, place: Mapping[int, int]) -> dict[int, tuple[int, int]]:
    """Document -> the best document of its cluster and the cluster's size, for documents that are in one; union-find.

    `place`: document -> its place in the ranking.
    """
    parent: dict[int, int] = {}

    def root(document: int) -> int:
        while parent.setdefault(document, document) != document:
            parent[document] = parent[parent[document]]
            document = parent[document]
        return document

    links = [(document, verdict.stays) for document, verdict in decisions.verdicts.items() if verdict.stays is not None]
    for one, other in (*links, *decisions.also):
        first, second = sorted((root(one), root(other)), key=place.__getitem__)
        parent[second] = first
    roots = {document: root(document) for document in parent}
    sizes = Counter(roots.values())
    return {document: (best, sizes[best]) for document, best in roots.items()}
