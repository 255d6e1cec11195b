"""Finds the copies among all documents; writes the verdicts of each shard and the measured pairs."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from curricle.pipelines.deduplication.compared import ComparedShingles
from curricle.pipelines.deduplication.decide import Decisions, Proposals, Verdict, decide, find_clusters
from curricle.pipelines.deduplication.groups import (
    Anchored,
    Documents,
    Numbers,
    find_anchored,
    find_buckets,
    find_contents,
    find_same_urls,
)
from curricle.pipelines.deduplication.parts import COMPARED
from curricle.pipelines.deduplication.plan import Planned, ranking_table
from curricle.pipelines.deduplication.ranking import in_order
from curricle.storage.whole_file import whole_file

STAYS = Verdict(None, None, None)
"""Of a document that was compared with nothing that ranks better."""


PAIRS = pa.schema(
    [
        ("id", pa.string()),
        ("other_id", pa.string()),
        ("jaccard", pa.float32()),
        ("containment", pa.float32()),
        ("missing_words", pa.int64()),
        ("evidence", pa.string()),
    ]
)
"""The pairs that count, and the nearest one of each document that was compared and stays.

`other_id` stays; `containment` is that of `id` in it, and `missing_words` the longest passage of `id` that is missing there, null
if the two are not similar enough anyway."""


def compare(planned: Planned, documents: Documents, work: Path, workers: int, quiet: bool) -> None:
    """Find the copies among all documents; writes the verdicts of each shard, the measured pairs, and what the report shows."""
    count = len(documents)
    exact = "exact" in planned.levels or "near" in planned.levels
    contents = find_contents(documents) if exact else np.arange(count)
    near = "near" in planned.levels
    buckets = find_buckets(documents, contents) if near else []
    anchored = find_anchored(documents, contents) if near else Anchored([], {})
    urls = find_same_urls(documents) if planned.with_urls else []
    measured = np.zeros(count, np.bool_)
    for group in (*buckets, *anchored.groups):
        measured[group] = True
    involved = (np.bincount(contents, minlength=count) > 1)[contents] | measured[contents]
    for group in urls:
        involved[group] = True
    numbers = np.flatnonzero(involved)
    ranked = numbers[in_order(ranking_table(planned, documents, numbers), planned.ranking)]
    shingles = ComparedShingles(planned, documents, work, "compared")
    shingles.write(np.flatnonzero(measured), workers, quiet)
    old = int(documents.starts[len(planned.indexes)])
    content_of = dict(zip(numbers.tolist(), contents[numbers].tolist(), strict=True))
    decisions = decide(ranked.tolist(), old, Proposals(content_of, buckets, anchored, urls), shingles)
    _write_verdicts(planned, documents, decisions, ranked, work)
    with whole_file(work / "compared.json") as part:
        part.write_bytes(orjson.dumps({"hot_buckets": len(decisions.hot), "not_compared": decisions.not_compared}))


def _write_verdicts(planned: Planned, documents: Documents, decisions: Decisions, ranked: Numbers, work: Path) -> None:
    clusters = find_clusters(decisions, {document: place for place, document in enumerate(ranked.tolist())})
    stated = np.array(sorted({*decisions.verdicts, *clusters}), np.int64)
    shown = np.union1d(stated, np.array([pair.stays for pair in decisions.pairs], np.int64))
    ids = dict(zip(shown.tolist(), documents.take("id", shown).to_pylist(), strict=True))
    found = [decisions.verdicts.get(document, STAYS) for document in stated.tolist()]
    in_clusters = [clusters.get(document, (document, 1)) for document in stated.tolist()]
    rows = pa.table(
        {
            "row": stated - documents.starts[documents.table_of(stated)],
            "cluster_id": [ids[best] for best, _ in in_clusters],
            "cluster_size": [size for _, size in in_clusters],
            "duplicate_of": [None if verdict.stays is None else ids[verdict.stays] for verdict in found],
            "keep": [verdict.stays is None for verdict in found],
            "similarity": [verdict.similarity for verdict in found],
            "evidence": [verdict.evidence for verdict in found],
        },
        COMPARED,
    )
    cuts = np.searchsorted(stated, documents.starts[len(planned.indexes) :]).tolist()
    for shard, (first, last) in zip(planned.shards, pairwise(cuts), strict=True):
        with whole_file(work / f"{shard.name}.verdicts") as part:
            pq.write_table(rows.slice(first, last - first), part, compression="zstd")
    pairs = decisions.pairs
    table = pa.table(
        {
            "id": [ids[pair.document] for pair in pairs],
            "other_id": [ids[pair.stays] for pair in pairs],
            **{name: [getattr(pair, name) for pair in pairs] for name in PAIRS.names[2:]},
        },
        PAIRS,
    )
    with whole_file(work / "pairs.parquet") as part:
        pq.write_table(table, part, compression="zstd")
