"""`curricle decontaminate`: plan, scan, judge and report. The table is created, continued or rejected."""

import hashlib
import shutil
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from curricle.pipelines.decontamination.index import SEED_WORDS, build_index
from curricle.pipelines.decontamination.items import Fields, Item
from curricle.pipelines.decontamination.judge import HITS, JudgeTask, count_documents, judge, weights_of
from curricle.pipelines.decontamination.read_items import read_items
from curricle.pipelines.decontamination.report import make_report, write_report
from curricle.pipelines.decontamination.scan import ScanTask, matcher_of, scan
from curricle.pipelines.decontamination.words import find_words
from curricle.pipelines.execute.commit_tasks import run_uncommitted
from curricle.pipelines.output.attribute_tables import (
    ShardDocuments,
    find_shards,
    sources_of,
    sources_sha256,
    table_folder,
    write_table_record,
)
from curricle.pipelines.plan.fingerprint import PACKAGE, code_sha256, fingerprint_sha256
from curricle.storage.whole_file import whole_file

KIND = "decontaminate"
SAMPLE_DOCUMENTS = 2000  # documents whose words say how common a word is
SAMPLE_SHARDS = 40  # that they are taken from


@dataclass(frozen=True)
class Planned:
    """Everything that is known before a text is read."""

    items: tuple[Item, ...]
    shards: tuple[ShardDocuments, ...]  # by name
    made_by: dict[str, str]

    @property
    def documents(self) -> int:
        """Number of documents."""
        return sum(shard.rows for shard in self.shards)

    @property
    def fingerprint(self) -> str:
        """One hash over `made_by`."""
        return fingerprint_sha256(self.made_by)

    def too_short(self) -> Counter[str]:
        """Items by benchmark whose question has fewer words than are looked for, and no answer that makes up for it."""
        words = find_words(pa.array([item.question for item in self.items], pa.string()))
        sizes = np.diff(words.offsets).tolist()
        return Counter(item.benchmark for item, size in zip(self.items, sizes, strict=True) if size < SEED_WORDS)


def plan(outputs: Sequence[Path], against: Sequence[str], fields: Fields) -> Planned:
    """Read the items and find the documents. Raises InputError or OutputError."""
    items = tuple(read_items(against, fields))
    shards = tuple(sorted(find_shards([output.absolute() for output in outputs]), key=lambda shard: shard.name))
    made_by = {
        "items": hashlib.sha256(orjson.dumps(sorted(astuple(item) for item in items))).hexdigest(),
        "documents": sources_sha256(shards),
        "code": code_sha256(),
        f"{PACKAGE}unicodedata": unicodedata.unidata_version,
    }
    return Planned(items, shards, made_by)


def decontaminate(planned: Planned, table: Path, workers: int, quiet: bool) -> dict[str, Any] | None:
    """Write the table; returns its report, or None if it is already finished. A table that was stopped is continued."""
    table = table.absolute()
    with table_folder(table, KIND, planned.made_by) as finished:
        if finished:
            return None
        work = table / "_work"
        work.mkdir(exist_ok=True)
        index_path, names_path, weights_path = work / "index.npz", work / "items.json", work / "weights.npy"
        if not index_path.exists():
            build_index(planned.items, _sample(planned.shards)).save(index_path)
        if not names_path.exists():
            with whole_file(names_path) as part:
                part.write_bytes(orjson.dumps([(item.benchmark, item.name) for item in planned.items]))
        scans = [ScanTask(shard, index_path, work / f"{shard.name}.evidence") for shard in planned.shards]
        run_uncommitted(scans, scan, workers, quiet)
        if not weights_path.exists():
            index, _ = matcher_of(index_path)
            counts = count_documents(index, [task.evidence for task in scans])
            with whole_file(weights_path) as part, part.open("wb") as file:
                np.save(file, weights_of(index, counts, planned.documents))
        judges = [JudgeTask(task.shard, table, planned.fingerprint, work, task.evidence) for task in scans]
        run_uncommitted(judges, judge, workers, quiet)
        hits = pa.concat_tables([HITS.empty_table(), *(pq.read_table(task.hits, schema=HITS) for task in judges)])
        with whole_file(table / "hits.parquet") as part:
            pq.write_table(hits, part, compression="zstd")
        report = make_report(planned.items, planned.shards, hits, planned.too_short())
        write_report(table, report)
        summary = {key: report[key] for key in ("documents", "contaminated", "benchmarks")}
        write_table_record(table, KIND, planned.made_by, finished=True, sources=sources_of(planned.shards), **summary)
        shutil.rmtree(work)
        return report


def _sample(shards: Sequence[ShardDocuments]) -> Iterator[pa.Array]:
    """The first documents of some shards, the same ones however the outputs are named."""
    step = max(1, len(shards) // SAMPLE_SHARDS)
    chosen = shards[::step][:SAMPLE_SHARDS]
    for shard in chosen:
        batch = next(shard.batches(["text"], -(-SAMPLE_DOCUMENTS // len(chosen))), None)
        if batch is not None:
            yield batch.column(0)
