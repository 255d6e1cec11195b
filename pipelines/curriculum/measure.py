"""The first pass: hash, bytes and tokens of each text, stored in the output folder, so that the next plan reads no text.

The hash is one of the text's words in their normal form (`pipelines.decontamination.folding`): copies with other case, accents,
spaces, line ends, punctuation or Unicode form have the same. A text without words has a hash of its bytes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import xxhash

from curricle.pipelines.curriculum.tokens import Counter, load_counter, text_bytes
from curricle.pipelines.decontamination.words import word_groups
from curricle.pipelines.execute.events import ReportProgress
from curricle.schemas.curriculum import Tokens
from curricle.storage.whole_file import whole_file

MEASURES = np.dtype([("id_hash", "u8"), ("text_hash", "u8"), ("text_bytes", "u4"), ("tokens", "u4")])
BATCH = 4096  # documents read at once


@dataclass(frozen=True)
class MeasureTask:
    """A kept file, and the file for the measures of its documents."""

    path: Path
    measures: Path
    tokens: Tokens

    @property
    def name(self) -> str:
        """The file."""
        return str(self.path)

    @property
    def size(self) -> int:
        """Its size in bytes."""
        return self.path.stat().st_size

    @property
    def commit(self) -> Path:
        """The measures."""
        return self.measures

    def counts(self) -> tuple[int, int, int]:
        """Documents and bytes of their text."""
        rows = np.load(self.measures)
        return rows.size, int(rows["text_bytes"].sum(dtype=np.int64)), rows.size

    def __hash__(self) -> int:
        return hash(self.path)


def measure_file(task: MeasureTask, report: ReportProgress) -> None:
    """Write one row of MEASURES for each row of the file, as .npy, completely or not at all."""
    count, _ = load_counter(task.tokens)
    parts = [np.empty(0, MEASURES)]
    with pq.ParquetFile(task.path) as file:
        for batch in file.iter_batches(BATCH, columns=["id", "text"]):
            rows = measure(batch, count)
            parts.append(rows)
            report(rows.size, int(rows["text_bytes"].sum(dtype=np.int64)), rows.size)
    with whole_file(task.measures) as part, part.open("wb") as target:
        np.save(target, np.concatenate(parts))


def measure(batch: pa.RecordBatch, count: Counter) -> npt.NDArray[Any]:
    """MEASURES of the columns `id` and `text`; a null text has no bytes and no tokens."""
    texts = batch.column("text")
    rows = np.empty(batch.num_rows, MEASURES)
    rows["id_hash"] = list(map(xxhash.xxh3_64_intdigest, _bytes(batch.column("id"))))
    rows["text_hash"] = content_hashes(texts)
    rows["text_bytes"] = text_bytes(texts)
    rows["tokens"] = count(texts)
    return rows


def content_hashes(texts: pa.StringArray) -> npt.NDArray[np.uint64]:
    """A hash of each text's words, uint64 (n,)."""
    hashes = []
    plain = _bytes(texts)
    for words in word_groups(texts):
        data, ends = words.hashes.data.cast("B"), (words.offsets * words.hashes.itemsize).tolist()
        for start, end, text in zip(ends[:-1], ends[1:], plain, strict=False):
            hashes.append(xxhash.xxh3_64_intdigest(data[start:end] if end > start else text))
    return np.array(hashes, np.uint64)


def _bytes(texts: pa.StringArray) -> Iterator[memoryview]:
    """The UTF-8 of each text, without a copy."""
    _, offsets, data = texts.buffers()
    ends = np.frombuffer(offsets, np.int32)[texts.offset : texts.offset + len(texts) + 1]
    view = memoryview(data or b"")
    return (view[start:end] for start, end in zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True))
