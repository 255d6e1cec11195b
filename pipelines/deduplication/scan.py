"""The first pass: what is compared of the documents of a shard, without their texts: exact keys, band hashes, ranking columns."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from curricle.pipelines.decontamination.words import Words
from curricle.pipelines.deduplication.normal_form import SHINGLE_WORDS, normal_words, short_key
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
        columns = {"id": batch["id"], **sign(batch["text"])}
        if task.with_urls:
            columns["url_key"] = url_keys(batch["url"])
        columns |= {f"by {name}": key_column(batch[name]) for name in task.columns}
        parts.append(pa.table(columns))
        report(batch.num_rows, batch.nbytes, batch.num_rows)
    write_signatures(task.signatures, parts)


def write_signatures(path: Path, parts: Sequence[pa.Table]) -> None:
    """One record batch, so that its columns can be mapped into memory."""
    table = pa.concat_tables(parts, promote_options="permissive").combine_chunks() if parts else pa.table({})
    with whole_file(path) as part, pa.OSFile(str(part), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table)


def read_signatures(path: Path) -> pa.Table:
    """The signatures of a shard, mapped into memory."""
    return pa.ipc.open_file(pa.memory_map(str(path))).read_all()


def sign(texts: pa.StringArray) -> dict[str, pa.Array]:
    """`words`, `exact_high`, `exact_low` and `band_0` to `band_13` of texts; the bands are 0 for under five words."""
    texts = texts.fill_null("")
    words, keys, bands = [], [], []
    row = 0
    for group in normal_words(texts):
        count = group.offsets.size - 1
        sizes = np.diff(group.offsets)
        key, band = np.empty((count, 2), np.uint64), np.empty((count, BANDS), np.uint64)
        exact_keys(group.hashes, group.offsets, key)
        sign_texts(group.hashes, group.offsets, _words_signed(texts.slice(row, count), group), band)
        for text in np.flatnonzero(sizes < SHINGLE_WORDS).tolist():
            key[text] = short_key(texts[row + text].as_py())
        words.append(sizes)
        keys.append(key)
        bands.append(band)
        row += count
    key, band = np.concatenate([np.empty((0, 2), np.uint64), *keys]), np.concatenate([np.empty((0, BANDS), np.uint64), *bands])
    return {
        "words": pa.array(np.concatenate([np.empty(0, np.int64), *words])),
        "exact_high": pa.array(np.ascontiguousarray(key[:, 0])),
        "exact_low": pa.array(np.ascontiguousarray(key[:, 1])),
        **{f"band_{number}": pa.array(np.ascontiguousarray(band[:, number])) for number in range(BANDS)},
    }


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
    """A hash of the canonical form of each URL; null where it has none."""
    import hashlib

    from curricle.stages.url_rules.canonical import canonical_url

    found = [None if url is None else canonical_url(url) for url in urls.to_pylist()]
    keys = [None if url is None else hashlib.blake2b(url.encode("utf-8", "replace"), digest_size=8).digest() for url in found]
    return pa.array([None if key is None else int.from_bytes(key, "little") for key in keys], pa.uint64())
