"""Which documents stay: walks the ranking from the best; a document goes only if it was measured against one that stays."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from curricle.pipelines.deduplication.groups import Anchored, Numbers, memberships
from curricle.pipelines.deduplication.measure import EXACT, REJECTED, URL, Pair, distinct, measure
from curricle.pipelines.deduplication.shingle_files import Shingles

MOST_COMPARED = 64
"""With so many documents a document is compared; so many that stay are found by a band hash or anchor that they share. A group
with more is hot."""

CACHED = 1024
"""Documents whose sorted shingles stay in memory."""


class Verdict(NamedTuple):
    """Of a document that was compared."""

    stays: int | None  # the document that it is a duplicate of; None if it stays itself
    similarity: float | None
    evidence: str | None


@dataclass
class Decisions:
    """Verdicts of the documents that were compared, the pairs that count or were nearest to it, and what was left out."""

    verdicts: dict[int, Verdict] = field(default_factory=dict)
    pairs: list[Pair] = field(default_factory=list)
    also: list[tuple[int, int]] = field(default_factory=list)  # duplicate, another document that stays and is as similar
    hot: set[int] = field(default_factory=set)  # groups that not all documents that stay were put into
    not_compared: int = 0  # entries of documents in such groups, and candidates of documents that had too many


@dataclass(frozen=True)
class Proposals:
    """Which documents may be copies of each other.

    `contents`: document -> the first one with the same normal form, which stands for all of them in buckets and anchors.
    """

    contents: Mapping[int, int]
    buckets: Sequence[Numbers]
    anchored: Anchored
    urls: Sequence[Numbers]


def decide(order: Iterable[int], old: int, proposals: Proposals, shingles: Callable[[int], Shingles]) -> Decisions:
    """Walk the documents, best first. Those below `old` stay in any case."""
    walk = _Walk(proposals, shingles)
    for document in order:
        if document < old or walk.stays(document):
            walk.add(document)
    return walk.done


class _Walk:
    """The documents that stay so far, by what others may share with them."""

    def __init__(self, proposals: Proposals, shingles: Callable[[int], Shingles]) -> None:
        self.contents, self.shingles = proposals.contents, shingles
        self.distinct = lru_cache(CACHED)(lambda content: distinct(shingles(content)))
        groups = [*proposals.buckets, *proposals.anchored.groups]
        self.groups_of, self.urls_of = memberships(groups), memberships(proposals.urls)
        self.bands = len(proposals.buckets)  # groups from here on are anchors
        self.needed = proposals.anchored.needed
        self.in_group: dict[int, list[int]] = {}  # bucket or anchor -> contents of documents that stay
        self.with_url: dict[int, int] = {}
        self.staying: dict[int, int] = {}  # content -> the document that stays
        self.place: dict[int, int] = {}  # content -> its place among those that stay
        self.near: dict[int, Verdict] = {}  # content -> what all copies of it are near-duplicates of
        self.done = Decisions()

    def stays(self, document: int) -> bool:
        """Whether a document stays; notes why."""
        verdict = self._judge(document)
        if verdict is not None:
            self.done.verdicts[document] = verdict
        return verdict is None or verdict.stays is None

    def add(self, document: int) -> None:
        """Later documents are compared with this one."""
        for group in self.urls_of.get(document, ()):
            self.with_url.setdefault(group, document)
        content = self.contents[document]
        if content in self.staying:
            return
        self.staying[content] = document
        self.place[content] = len(self.place)
        for group in self.groups_of.get(content, ()):
            if len(members := self.in_group.setdefault(group, [])) < MOST_COMPARED:
                members.append(content)
            else:
                self.done.hot.add(group)
                self.done.not_compared += 1

    def _judge(self, document: int) -> Verdict | None:
        content = self.contents[document]
        if content in self.staying:
            return Verdict(self.staying[content], 1.0, EXACT)
        for group in self.urls_of.get(document, ()):
            if group in self.with_url:
                return Verdict(self.with_url[group], None, URL)
        if content in self.near:
            return self.near[content]
        found = self._measure(document, content)
        if not found:
            return None
        accepted = [pair for pair in found if pair.evidence != REJECTED]
        if not accepted:
            nearest = max(found, key=lambda pair: pair.jaccard)
            self.done.pairs.append(nearest)
            return Verdict(None, nearest.jaccard, REJECTED)
        self.done.pairs += accepted
        best = max(accepted, key=lambda pair: pair.similarity)  # the better one of two that are as similar
        self.near[content] = Verdict(best.stays, best.similarity, best.evidence)
        self.done.also += [(document, pair.stays) for pair in accepted if pair is not best]
        return self.near[content]

    def _candidates(self, content: int) -> list[int]:
        """Contents of documents that stay and share a bucket, or enough anchors, with this one; those that share most first."""
        bands: Counter[int] = Counter()
        anchors: Counter[int] = Counter()
        for group in self.groups_of.get(content, ()):
            if group < self.bands:
                bands.update(self.in_group.get(group, ()))
            elif content in self.needed:
                anchors.update(self.in_group.get(group, ()))
        needed = self.needed.get(content, 0.0)
        found = bands | Counter({other: count for other, count in anchors.items() if count >= needed})
        return sorted(found, key=lambda other: (-bands[other], -anchors[other], self.place[other]))

    def _measure(self, document: int, content: int) -> list[Pair]:
        """Compare a document with the candidates that share most with it, in the order of the ranking."""
        others = self._candidates(content)
        self.done.not_compared += max(0, len(others) - MOST_COMPARED)
        if not others:
            return []
        text, own = self.shingles(content), self.distinct(content)
        others = sorted(others[:MOST_COMPARED], key=self.place.__getitem__)
        return [measure(document, self.staying[other], text, own, self.distinct(other)) for other in others]


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
