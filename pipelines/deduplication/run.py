"""`curricle dedup`: plan, scan, compare, decide and report. The table is created, continued or rejected."""

import hashlib
import shutil
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from curricle.errors import OutputError
from curricle.pipelines.deduplication.decide import Decisions, Verdict, decide, find_clusters
from curricle.pipelines.deduplication.groups import Documents, Numbers, find_buckets, find_contents, find_same_urls, repeated
from curricle.pipelines.deduplication.parts import COMPARED, PartTask, write_part
from curricle.pipelines.deduplication.ranking import LENGTH, OUTPUT, Key, in_order, parse_ranking
from curricle.pipelines.deduplication.report import make_report, write_report
from curricle.pipelines.deduplication.scan import ScanTask, read_signatures, scan
from curricle.pipelines.deduplication.shingle_files import Shingles, ShingleTask, read_shingles, write_shingles
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

KIND = "dedup"
LEVELS = ("exact", "near", "url")
STAYS = Verdict(None, None, None)
"""Of a document that was compared with nothing that ranks better."""

PAIRS = pa.schema(
    [
        ("id", pa.string()),
        ("other_id", pa.string()),
        ("jaccard", pa.float32()),
        ("containment", pa.float32()),
        ("evidence", pa.string()),
    ]
)
"""Every pair that was measured, whether it counts or not: `other_id` stays; `containment` is that of `id` in it."""


@dataclass(frozen=True)
class Planned:
    """Everything that is known before a text is read."""

    shards: tuple[ShardDocuments, ...]  # by name
    outputs: tuple[Path, ...]  # in the order of the command line
    ranking: tuple[Key, ...]
    levels: tuple[str, ...]

    @property
    def documents(self) -> int:
        """Number of documents."""
        return sum(shard.rows for shard in self.shards)

    @property
    def keep(self) -> str:
        """The ranking in words."""
        return ",".join(map(str, self.ranking))

    @property
    def made_by(self) -> dict[str, str]:
        """Everything that the table depends on, by name."""
        order = {"order of outputs": self._order} if any(key.column == OUTPUT for key in self.ranking) else {}
        return {
            "documents": sources_sha256(self.shards),
            "ranking": self.keep,
            "levels": ",".join(self.levels),
            **order,
            "code": code_sha256(),
            f"{PACKAGE}unicodedata": unicodedata.unidata_version,
        }

    @property
    def _order(self) -> str:
        return fingerprint_sha256({str(n): sources_sha256(self._of(output)) for n, output in enumerate(self.outputs)})

    def _of(self, output: Path) -> list[ShardDocuments]:
        return [shard for shard in self.shards if shard.output == output]


def plan(outputs: Sequence[Path], keep: str, levels: Sequence[str]) -> Planned:
    """Find the documents. Raises OutputError."""
    absolute = tuple(output.absolute() for output in outputs)
    shards = tuple(sorted(find_shards(absolute), key=lambda shard: shard.name))
    return Planned(shards, absolute, parse_ranking(keep, shards), tuple(level for level in LEVELS if level in levels))


def dedup(planned: Planned, table: Path, workers: int, quiet: bool) -> dict[str, Any] | None:
    """Write the table; returns its report, or None if it is already finished. A table that was stopped is continued."""
    table = table.absolute()
    with table_folder(table, KIND, planned.made_by) as finished:
        if finished:
            return None
        work = table / "_work"
        work.mkdir(exist_ok=True)
        columns = tuple(key.column for key in planned.ranking if key.column not in (LENGTH, OUTPUT))
        scans = [ScanTask(shard, columns, "url" in planned.levels, work / f"{shard.name}.signatures") for shard in planned.shards]
        run_uncommitted(scans, scan, workers, quiet)
        compared = work / "compared.json"
        if not compared.exists():
            _compare(planned, [task.signatures for task in scans], work, workers, quiet)
        fingerprint = fingerprint_sha256(planned.made_by)
        parts = [PartTask(shard, table, fingerprint, work / f"{shard.name}.verdicts") for shard in planned.shards]
        run_uncommitted(parts, write_part, workers, quiet)
        with whole_file(table / "pairs.parquet") as part:
            shutil.copyfile(work / "pairs.parquet", part)
        report = make_report(planned.shards, parts, orjson.loads(compared.read_bytes()))
        write_report(table, report)
        summary = {key: report[key] for key in ("documents", "kept", "duplicates", "clusters")}
        sources = sources_of(planned.shards)
        write_table_record(
            table, KIND, planned.made_by, finished=True, sources=sources, keep=planned.keep, levels=planned.levels, **summary
        )
        shutil.rmtree(work)
        return report


def _compare(planned: Planned, signatures: Sequence[Path], work: Path, workers: int, quiet: bool) -> None:
    """Find the copies among all documents; writes the verdicts of each shard, the measured pairs, and what the report shows."""
    documents = Documents(tuple(read_signatures(path) for path in signatures))
    check_ids(documents, planned.shards)
    count = len(documents)
    exact = "exact" in planned.levels or "near" in planned.levels
    contents = find_contents(documents) if exact else np.arange(count)
    buckets = find_buckets(documents, contents) if "near" in planned.levels else []
    urls = find_same_urls(documents) if "url" in planned.levels else []
    in_buckets = np.zeros(count, np.bool_)
    for group in buckets:
        in_buckets[group] = True
    involved = (np.bincount(contents, minlength=count) > 1)[contents] | in_buckets[contents]
    for group in urls:
        involved[group] = True
    numbers = np.flatnonzero(involved)
    ranked = numbers[in_order(_ranked(planned, documents, numbers), planned.ranking)]
    shingles = _Shingles(planned.shards, documents, work)
    run_uncommitted(shingles.tasks(np.flatnonzero(in_buckets)), write_shingles, workers, quiet)
    decisions = decide(
        ranked.tolist(), dict(zip(numbers.tolist(), contents[numbers].tolist(), strict=True)), buckets, urls, shingles
    )
    _write_verdicts(planned, documents, decisions, ranked, work)
    with whole_file(work / "compared.json") as part:
        part.write_bytes(orjson.dumps({"hot_buckets": len(decisions.hot), "not_compared": decisions.hot.total()}))


def check_ids(documents: Documents, shards: Sequence[ShardDocuments]) -> None:
    """Raise OutputError if two documents have the same id."""
    ids = pa.chunked_array([chunk for table in documents.tables for chunk in table["id"].chunks], pa.string())
    hashes = np.concatenate([np.empty(0, np.uint64), *(id_hashes(chunk) for chunk in ids.chunks)])
    for group in repeated(hashes, np.arange(hashes.size)):
        seen: dict[str, int] = {}
        for number in group.tolist():
            name = ids[number].as_py()
            if name in seen:
                first, second = (shards[int(documents.table_of(n))].output for n in (seen[name], number))
                raise OutputError(f"{first} and {second} both hold the document {name}; outputs must not overlap")
            seen[name] = number


def id_hashes(ids: pa.StringArray) -> npt.NDArray[np.uint64]:
    """64 bits of each id: its first 16 hex digits, or a hash of an id in another form."""
    try:
        return np.frombuffer(bytes.fromhex("".join(name[:16].zfill(16) for name in ids.to_pylist())), ">u8").astype(np.uint64)
    except ValueError:
        digests = (hashlib.blake2b(name.encode(), digest_size=8).digest() for name in ids.to_pylist())
        return np.frombuffer(b"".join(digests), "<u8")


def _ranked(planned: Planned, documents: Documents, numbers: Numbers) -> pa.Table:
    """The columns that `in_order` ranks documents by."""
    shards = documents.table_of(numbers)
    kept = np.array([shard.files[0].rows for shard in planned.shards], np.int64)
    columns: dict[str, Any] = {
        "tier": (numbers - documents.starts[shards] >= kept[shards]).astype(np.int8),
        "place": np.zeros(numbers.size, np.int64),
        "id": documents.take("id", numbers),
        "number": numbers,
    }
    for key in planned.ranking:
        if key.column == LENGTH:
            columns["by length"] = documents.take("words", numbers)
        elif key.column == OUTPUT:
            order = np.array([-planned.outputs.index(shard.output) for shard in planned.shards])
            columns["by output"] = order[shards]
        else:
            columns[f"by {key.column}"] = documents.take(f"by {key.column}", numbers)
    return pa.table(columns)


class _Shingles:
    """The shingles of the documents that are compared: the tasks that write them, then a document's own by its number."""

    def __init__(self, shards: Sequence[ShardDocuments], documents: Documents, work: Path) -> None:
        self.shards, self.documents, self.work = shards, documents, work
        self.files: dict[int, dict[int, Shingles]] = {}

    def tasks(self, numbers: Numbers) -> list[ShingleTask]:
        """One for each shard that has such documents."""
        tasks = []
        own = self.documents.table_of(numbers)
        for place in np.unique(own).tolist():
            shard = self.shards[place]
            task = ShingleTask(shard, self.work / f"{shard.name}.rows", self._path(place))
            if not task.rows.exists():
                with whole_file(task.rows) as part, part.open("wb") as file:
                    np.save(file, numbers[own == place] - self.documents.starts[place])
            tasks.append(task)
        return tasks

    def _path(self, place: int) -> Path:
        return self.work / f"{self.shards[place].name}.shingles"

    def __call__(self, number: int) -> Shingles:
        place = int(self.documents.table_of(number))
        if place not in self.files:
            self.files[place] = read_shingles(self._path(place))
        return self.files[place][number - int(self.documents.starts[place])]


def _write_verdicts(planned: Planned, documents: Documents, decisions: Decisions, ranked: Numbers, work: Path) -> None:
    clusters = find_clusters(decisions, {document: place for place, document in enumerate(ranked.tolist())})
    stated = sorted({*decisions.verdicts, *clusters})
    shown = np.array(sorted({*stated, *(pair.stays for pair in decisions.pairs)}), np.int64)
    ids = dict(zip(shown.tolist(), documents.take("id", shown).to_pylist(), strict=True))
    rows: list[list[dict[str, Any]]] = [[] for _ in planned.shards]
    for document in stated:
        best, size = clusters.get(document, (document, 1))
        stays, similarity, evidence = decisions.verdicts.get(document, STAYS)
        place = int(documents.table_of(document))
        rows[place].append(
            {
                "row": document - int(documents.starts[place]),
                "cluster_id": ids[best],
                "cluster_size": size,
                "duplicate_of": None if stays is None else ids[stays],
                "keep": stays is None,
                "similarity": similarity,
                "evidence": evidence,
            }
        )
    for shard, own in zip(planned.shards, rows, strict=True):
        with whole_file(work / f"{shard.name}.verdicts") as part:
            pq.write_table(pa.Table.from_pylist(own, COMPARED), part, compression="zstd")
    pairs = [
        {
            "id": ids[pair.document],
            "other_id": ids[pair.stays],
            "jaccard": pair.jaccard,
            "containment": pair.containment,
            "evidence": pair.evidence,
        }
        for pair in decisions.pairs
    ]
    with whole_file(work / "pairs.parquet") as part:
        pq.write_table(pa.Table.from_pylist(pairs, PAIRS), part, compression="zstd")
