"""The second pass: weighs the evidence of all shards by how many documents have it, and writes the part of each shard."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from curricle.pipelines.decontamination.index import ANSWER, LAST, OWN, PASSAGE, Flags, ItemIndex
from curricle.pipelines.decontamination.scan import EVIDENCE, information, matcher_of
from curricle.pipelines.decontamination.verdict import Evidence
from curricle.pipelines.execute.events import ReportProgress
from curricle.pipelines.output.attribute_tables import ShardDocuments, commit_part, part_manifest
from curricle.storage.whole_file import whole_file

COMMON_DOCUMENTS = 10  # documents that may have a stretch of an item before it counts as common
COMMON_SHARE = 1e-3  # of all documents, in addition
SAME_PLACE = 0.8  # share of a hit's place at which a stronger hit there takes its place

ROWS = pa.schema(
    [
        ("id", pa.string()),
        ("contaminated", pa.bool_()),
        ("items_found", pa.int32()),
        ("benchmark", pa.string()),
        ("item", pa.string()),
        ("form", pa.string()),
        ("overlap", pa.float32()),
        ("span_start", pa.int32()),
        ("span_end", pa.int32()),
    ]
)
"""Columns of a part: the strongest item that the document holds; null where it holds none."""

HITS = pa.schema(
    [
        ("id", pa.string()),
        ("shard", pa.string()),
        ("row", pa.int64()),
        ("benchmark", pa.string()),
        ("item", pa.string()),
        ("contaminated", pa.bool_()),
        ("form", pa.string()),
        ("overlap", pa.float32()),
        ("bits", pa.float32()),
        ("answer_overlap", pa.float32()),
        ("passage_overlap", pa.float32()),
        ("span_start", pa.int32()),
        ("span_end", pa.int32()),
    ]
)
"""Columns of the hits: every item that a document shares words with, whether it counts or not."""


@dataclass(frozen=True)
class JudgeTask:
    """A shard, its evidence, and what the verdicts need from the other shards."""

    shard: ShardDocuments
    table: Path
    fingerprint: str
    work: Path  # with the index, the names of the items and the weights
    evidence: Path

    @property
    def name(self) -> str:
        """The shard."""
        return self.shard.name

    @property
    def size(self) -> int:
        """Number of its documents."""
        return self.shard.rows

    @property
    def commit(self) -> Path:
        """The manifest of the part."""
        return part_manifest(self.table, self.shard.name)

    @property
    def hits(self) -> Path:
        """The file of hits, written before the part."""
        return self.evidence.with_suffix(".hits")

    def counts(self) -> tuple[int, int, int]:
        """Documents."""
        return self.shard.rows, 0, self.shard.rows

    def __hash__(self) -> int:
        return hash(self.evidence)


def count_documents(index: ItemIndex, evidence: Iterable[Path]) -> npt.NDArray[np.int64]:
    """How many documents have each word of each part within an occurrence of the part."""
    counts = np.zeros(index.words.size, np.int64)
    for path in evidence:
        seen: set[tuple[int, int]] = set()
        for hit in pq.read_table(path, columns=["row", "part", "mask"]).to_pylist():
            if (key := (hit["row"], hit["part"])) not in seen:
                seen.add(key)
                own = slice(index.starts[hit["part"]], index.starts[hit["part"] + 1])
                counts[own] += np.unpackbits(np.frombuffer(hit["mask"], np.uint8), count=own.stop - own.start)
    return counts


def weights_of(index: ItemIndex, counts: npt.NDArray[np.int64], documents: int) -> npt.NDArray[np.float32]:
    """The bits of each word of each part, lower for those that more documents have than the rarest words of the part."""
    weights = index.word_bits.copy()
    floor = COMMON_DOCUMENTS + COMMON_SHARE * documents
    for part in np.unique(np.searchsorted(index.starts, np.flatnonzero(counts > floor), side="right") - 1).tolist():
        own = slice(index.starts[part], index.starts[part + 1])
        found = counts[own]
        usual = max(floor, float(found[found > 0].min()))
        weights[own] *= np.minimum(1.0, usual / np.maximum(found, 1)).astype(np.float32)
    return weights


@cache
def _shared(work: Path) -> tuple[ItemIndex, npt.NDArray[np.float32], list[tuple[str, str]]]:
    index, _ = matcher_of(work / "index.npz")
    return index, np.load(work / "weights.npy"), orjson.loads((work / "items.json").read_bytes())


def judge(task: JudgeTask, report: ReportProgress) -> None:
    """Write the hits of one shard, then its part of the table."""
    index, weights, names = _shared(task.work)
    ids = pa.chunked_array([batch.column(0) for batch in task.shard.batches(["id"], 1 << 16)], pa.string())
    by_row: dict[int, list[dict[str, Any]]] = {}
    for hit in pq.read_table(task.evidence, schema=EVIDENCE).to_pylist():
        benchmark, item = names[hit["item"]]
        evidence = _evidence(hit, index, weights)
        by_row.setdefault(hit["row"], []).append(
            {
                "id": ids[hit["row"]].as_py(),
                "shard": task.shard.name,
                "row": hit["row"],
                "benchmark": benchmark,
                "item": item,
                "contaminated": evidence.contaminated,
                "form": evidence.form,
                "overlap": evidence.overlap,
                "bits": evidence.bits,
                "answer_overlap": evidence.answer_share,
                "passage_overlap": evidence.passage_share,
                "span_start": hit["span_start"],
                "span_end": hit["span_end"],
            }
        )
    hits = {row: strongest_first(found) for row, found in sorted(by_row.items())}
    with whole_file(task.hits) as part:
        pq.write_table(pa.Table.from_pylist([hit for found in hits.values() for hit in found], HITS), part, compression="zstd")
    rows = _rows(ids, hits)
    commit_part(task.table, task.shard, task.fingerprint, rows)
    report(task.shard.rows, 0, task.shard.rows)


def _evidence(hit: dict[str, Any], index: ItemIndex, weights: npt.NDArray[np.float32]) -> Evidence:
    part, item = hit["part"], hit["item"]
    own = slice(index.starts[part], index.starts[part + 1])
    size = int(own.stop - own.start)
    mask = np.unpackbits(np.frombuffer(hit["mask"], np.uint8), count=size).astype(np.bool_)
    return Evidence(
        is_question=bool(index.kinds[part] != ANSWER),
        words=size,
        overlap=information(weights[own], mask) / information(weights[own]),
        bits=information(index.word_bits[own], mask),
        ask_share=min(_share(mask, index.asked[own], flag) for flag in (LAST, OWN)),
        answer_share=hit["answer_share"],
        answer_bits=hit["answer_bits"],
        passage_share=hit["passage_share"],
        passage_bits=hit["passage_bits"],
        has_passage=PASSAGE in index.near_kinds[index.near[item] : index.near[item + 1]],
        items=int(index.part_items[part + 1] - index.part_items[part]),
    )


def _share(mask: npt.NDArray[np.bool_], flags: Flags, flag: int) -> float:
    """The share of the words with this flag that stand in the document; 1 if there are none."""
    flagged = mask[flags & flag > 0]
    return float(flagged.mean()) if flagged.size else 1.0


def strongest_first(hits: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The hits of one document: those that count first, then by information and overlap.

    Of items in the same place, such as variants of one question, only the strongest counts; all of them if they are equal.
    """
    in_order = sorted(hits, key=lambda hit: (not hit["contaminated"], -hit["bits"] * hit["overlap"], hit["item"]))
    taken: list[dict[str, Any]] = []
    for hit in in_order:
        strength, size = hit["bits"] * hit["overlap"], hit["span_end"] - hit["span_start"]
        weaker = any(
            other["contaminated"]
            and other["bits"] * other["overlap"] > strength
            and min(other["span_end"], hit["span_end"]) - max(other["span_start"], hit["span_start"]) >= SAME_PLACE * size
            for other in taken
        )
        taken.append({**hit, "contaminated": hit["contaminated"] and not weaker})
    return sorted(taken, key=lambda hit: not hit["contaminated"])


def _rows(ids: pa.ChunkedArray, hits: dict[int, list[dict[str, Any]]]) -> pa.Table:
    columns: dict[str, Any] = {name: [None] * len(ids) for name in ROWS.names[3:]}
    contaminated, items = np.zeros(len(ids), np.bool_), np.zeros(len(ids), np.int32)
    for row, found in hits.items():
        if not found[0]["contaminated"]:
            continue
        contaminated[row], items[row] = True, sum(hit["contaminated"] for hit in found)
        for name, values in columns.items():
            values[row] = found[0][name]
    return pa.table({"id": ids, "contaminated": contaminated, "items_found": items, **columns}, ROWS)
