"""The first pass: what is compared of the documents of a shard, without their texts: exact keys, band hashes, ranking columns."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from curricle.pipelines.decontamination.words import Words
from curricle.pipelines.deduplication.normal_form import SHINGLE_WORDS, composed, normal_words, short_key
from curricle.pipelines.deduplication.ranking import key_column
from curricle.pipelines.deduplication.signatures import exact_keys, sign_texts
from curricle.pipelines.execute.events import ReportProgress
from curricle.pipelines.output.attribute_tables import ShardDocuments
from curricle.storage.whole_file import whole_file

BATCH = 1024  # documents read at once
BANDS = 14
LONGEST = 500_000  # characters of a document that its signature is made of


@dataclass(frozen=True)
class ScanTask:
    """A shard, what is read besides its texts, and the file for the signatures."""

    shard: ShardDocuments
    columns: tuple[str, ...]  # for the ranking
    with_urls: bool
    signatures: Path

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
        """The signatures."""
        return self.signatures

    def counts(self) -> tuple[int, int, int]:
        """Documents; bytes of text are not recorded."""
        return self.shard.rows, 0, self.shard.rows

    def __hash__(self) -> int:
        return hash(self.signatures)


def scan(task: ScanTask, report: ReportProgress) -> None:
    """Write the signatures of one shard, completely or not at all."""
    names = ["id", "text", *(["url"] if task.with_urls else []), *task.columns]
    parts = []
    for batch in task.shard.batches(list(dict.fromkeys(names)), BATCH):
        parts.append(_signed(batch, task))
        report(batch.num_rows, batch.nbytes, batch.num_rows)
    if not parts:
        schema = pq.read_schema(task.shard.files[0].path)
        parts.append(_signed(pa.RecordBatch.from_pylist([], schema), task))
    write_signatures(task.signatures, parts)


def _signed(batch: pa.RecordBatch, task: ScanTask) -> pa.Table:
    columns = {"id": batch["id"], **sign(batch["text"])}
    if task.with_urls:
        columns["url_key"] = url_keys(batch["url"])
    return pa.table({**columns, **{f"by {name}": key_column(batch[name]) for name in task.columns}})


def write_signatures(path: Path, parts: Sequence[pa.Table]) -> None:
    """One record batch, so that its columns can be mapped into memory."""
    table = pa.concat_tables(parts).combine_chunks()
    with whole_file(path) as part, pa.OSFile(str(part), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table)


def read_signatures(path: Path) -> pa.Table:
    """The signatures of a shard, mapped into memory."""
    return pa.ipc.open_file(pa.memory_map(str(path))).read_all()


def sign(texts: pa.StringArray) -> dict[str, pa.Array]:
    """`words`, `exact_high`, `exact_low`, `band_0` to `band_13` and `anchors` of texts.

    Texts of under five words have bands of 0 and no anchors.
    """
    texts = composed(texts)
    words, keys, bands, anchors = [np.empty(0, np.int64)], [np.empty((0, 2), np.uint64)], [np.empty((0, BANDS), np.uint64)], []
    row = 0
    for group in normal_words(texts):
        count = group.offsets.size - 1
        sizes = np.diff(group.offsets)
        key, band = np.empty((count, 2), np.uint64), np.empty((count, BANDS), np.uint64)
        anchor, offsets = np.empty(group.hashes.size + 1, np.uint64), np.empty(count + 1, np.int64)
        exact_keys(group.hashes, group.offsets, key)
        sign_texts(group.hashes, group.offsets, _words_signed(texts.slice(row, count), group), band, anchor, offsets)
        for text in np.flatnonzero(sizes < SHINGLE_WORDS).tolist():
            key[text] = short_key(texts[row + text].as_py())
        words.append(sizes)
        keys.append(key)
        bands.append(band)
        anchors.append(_distinct(anchor, offsets))
        row += count
    key, band = np.concatenate(keys), np.concatenate(bands)
    return {
        "words": pa.array(np.concatenate(words)),
        "exact_high": pa.array(np.ascontiguousarray(key[:, 0])),
        "exact_low": pa.array(np.ascontiguousarray(key[:, 1])),
        **{f"band_{number}": pa.array(np.ascontiguousarray(band[:, number])) for number in range(BANDS)},
        "anchors": pa.chunked_array(anchors, pa.large_list(pa.uint64())),
    }


def _distinct(values: npt.NDArray[np.uint64], offsets: npt.NDArray[np.int64]) -> pa.LargeListArray:
    """The distinct values of each list, ascending."""
    lists = np.repeat(np.arange(offsets.size - 1), np.diff(offsets))
    values = values[: offsets[-1]]
    order = np.lexsort((values, lists))
    values, lists = values[order], lists[order]
    new = np.ones(values.size, np.bool_)
    new[1:] = (values[1:] != values[:-1]) | (lists[1:] != lists[:-1])
    kept = np.bincount(lists[new], minlength=offsets.size - 1)
    return pa.LargeListArray.from_arrays(pa.array(np.concatenate([[0], np.cumsum(kept)])), pa.array(values[new]))


def _words_signed(texts: pa.StringArray, words: Words) -> npt.NDArray[np.int64]:
    """How many words of each text begin within its first LONGEST characters."""
    counts = np.diff(words.offsets)
    for number, text in enumerate(texts) if int(counts.max(initial=0)) * 2 > LONGEST or texts.nbytes > LONGEST else ():
        raw = text.as_buffer()
        if raw.size > LONGEST:
            firsts = np.flatnonzero((np.frombuffer(raw, np.uint8) & 0xC0) != 0x80)
            if firsts.size > LONGEST:
                own = words.starts[words.offsets[number] : words.offsets[number + 1]]
                counts[number] = np.searchsorted(own, firsts[LONGEST])
    return counts


def url_keys(urls: pa.StringArray) -> pa.Array:
    """A hash of the canonical form of each URL; 0 where it has none."""
    import hashlib

    from curricle.stages.url_rules.canonical import canonical_url

    found = [None if url is None else canonical_url(url) for url in urls.to_pylist()]
    keys = [None if url is None else hashlib.blake2b(url.encode("utf-8", "replace"), digest_size=8).digest() for url in found]
    return pa.array([0 if key is None else int.from_bytes(key, "little") or 1 for key in keys], pa.uint64())
