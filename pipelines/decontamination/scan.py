"""The first pass: compares the documents of a shard with the index, and stores what of which item stands where, without texts."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from curricle.pipelines.decontamination.align import AFTER, BEFORE, Occurrence, Stretch, find_occurrence, share_near
from curricle.pipelines.decontamination.index import ANSWER, PAIR, PASSAGE, Hashes, ItemIndex, load_index
from curricle.pipelines.decontamination.matcher import Matcher
from curricle.pipelines.decontamination.verdict import ANSWER_SHARE
from curricle.pipelines.decontamination.words import word_groups
from curricle.pipelines.execute.events import ReportProgress
from curricle.pipelines.output.attribute_tables import ShardDocuments
from curricle.storage.whole_file import whole_file

BATCH = 1024  # documents read at once
CANDIDATE_SHARE = 0.5  # of its information that must stand there to be stored

EVIDENCE = pa.schema(
    [
        ("row", pa.int64()),  # of the document in the part of its shard
        ("part", pa.int32()),  # of the index
        ("item", pa.int32()),
        ("span_start", pa.int32()),  # in characters of the text
        ("span_end", pa.int32()),
        ("mask", pa.binary()),  # bits: which words of the part stand there
        ("answer_share", pa.float64()),
        ("answer_bits", pa.float64()),
        ("passage_share", pa.float64()),
        ("passage_bits", pa.float64()),
    ]
)


@dataclass(frozen=True)
class ScanTask:
    """A shard, the saved index, and the file for the evidence."""

    shard: ShardDocuments
    index: Path
    evidence: Path

    @property
    def name(self) -> str:
        """The shard."""
        return self.shard.name

    @property
    def size(self) -> int:
        """Bytes of its files."""
        return self.shard.size

    @property
    def commit(self) -> Path:
        """The evidence."""
        return self.evidence

    def counts(self) -> tuple[int, int, int]:
        """Documents; bytes of text are not recorded."""
        return self.shard.rows, 0, self.shard.rows

    def __hash__(self) -> int:
        return hash(self.evidence)


@cache
def matcher_of(path: Path) -> tuple[ItemIndex, Matcher]:
    """The saved index, once for each process."""
    index = load_index(path)
    return index, Matcher(index)


def scan(task: ScanTask, report: ReportProgress) -> None:
    """Write the evidence of one shard, completely or not at all."""
    index, matcher = matcher_of(task.index)
    found: list[dict[str, Any]] = []
    first = 0
    for batch in task.shard.batches(["text"], BATCH):
        found += scan_texts(batch.column(0), index, matcher, first)
        first += batch.num_rows
        report(batch.num_rows, batch.nbytes, batch.num_rows)
    with whole_file(task.evidence) as part:
        pq.write_table(pa.Table.from_pylist(found, EVIDENCE), part, compression="zstd")


def scan_texts(texts: pa.StringArray, index: ItemIndex, matcher: Matcher, first: int) -> list[dict[str, Any]]:
    """The evidence in texts, whose rows are numbered from `first`, in the columns of EVIDENCE."""
    found = []
    row = 0  # of the first text of a group
    for words in word_groups(texts):
        counted, characters = -1, np.zeros(1, np.int32)
        for (text, part), stretches in _by_part(matcher.find(words.hashes, words.offsets)).items():
            document, own = words.of(text), slice(index.starts[part], index.starts[part + 1])
            weights = index.word_bits[own]
            occurrence = find_occurrence(document, index.words[own], stretches, weights)
            if information(weights, occurrence.mask) < CANDIDATE_SHARE * information(weights):
                continue
            at = int(words.offsets[text])
            start, end = words.starts[at + occurrence.first], words.ends[at + occurrence.end - 1]
            if text != counted:
                counted, characters = text, _characters(texts[row + text].as_buffer())
            place = {
                "row": first + row + text,
                "part": part,
                "span_start": int(characters[start]),
                "span_end": int(characters[end]),
                "mask": np.packbits(occurrence.mask).tobytes(),
            }
            for item in index.item_numbers[index.part_items[part] : index.part_items[part + 1]].tolist():
                found.append({**place, "item": item, **_around(index, document, item, int(index.kinds[part]), occurrence)})
        row += words.offsets.size - 1
    return found


def _characters(text: pa.Buffer) -> npt.NDArray[np.int32]:
    """Number of characters before each byte of a text in UTF-8, and in all of it."""
    first = (np.frombuffer(text, np.uint8) & 0xC0) != 0x80
    return np.concatenate([np.zeros(1, np.int32), np.cumsum(first, dtype=np.int32)])


def information(weights: npt.NDArray[np.float32], mask: npt.NDArray[np.bool_] | None = None) -> float:
    """The bits of words, or of some of them."""
    return float((weights if mask is None else weights[mask]).sum(dtype=np.float64))


def _by_part(stretches: npt.NDArray[np.int32]) -> dict[tuple[int, int], list[Stretch]]:
    """(text, part) -> its stretches."""
    groups: dict[tuple[int, int], list[Stretch]] = {}
    for text, part, position, at, length in stretches.tolist():
        groups.setdefault((text, part), []).append((position, at, length))
    return groups


def _around(index: ItemIndex, document: Hashes, item: int, kind: int, occurrence: Occurrence) -> dict[str, float]:
    """The best answer or choice before or after an occurrence of a question, and how much of the passage stands near it."""
    found = dict.fromkeys(("answer_share", "answer_bits", "passage_share", "passage_bits"), 0.0)
    if kind == PAIR:
        return {**found, "answer_share": 1.0}
    if kind == ANSWER:
        return found
    first, end = occurrence.first, occurrence.end
    for text in range(int(index.near[item]), int(index.near[item + 1])):
        own = slice(index.near_starts[text], index.near_starts[text + 1])
        words, weights = index.near_words[own], index.near_bits[own]
        if not words.size:
            continue
        if index.near_kinds[text] == PASSAGE:
            bits = share_near(document, words, first - AFTER - words.size, end + AFTER + words.size, weights)
            found |= {"passage_share": bits / information(weights), "passage_bits": bits}
            continue
        before = share_near(document, words, first - BEFORE, first, weights)
        bits = max(before, share_near(document, words, end, end + AFTER + words.size, weights))
        share = bits / information(weights)
        if (share >= ANSWER_SHARE, bits) > (found["answer_share"] >= ANSWER_SHARE, found["answer_bits"]):
            found |= {"answer_share": share, "answer_bits": bits}
    return found
