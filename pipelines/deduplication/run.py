"""`curricle dedup`: plan, scan, compare, decide and report. The table is created, continued or rejected."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow.parquet as pq

from curricle.errors import OutputError, one_line
from curricle.pipelines.deduplication.compare import compare
from curricle.pipelines.deduplication.compared import ComparedShingles
from curricle.pipelines.deduplication.groups import Documents
from curricle.pipelines.deduplication.index import is_written, write_index
from curricle.pipelines.deduplication.measure import distinct
from curricle.pipelines.deduplication.parts import PartTask, write_part
from curricle.pipelines.deduplication.plan import Planned, ranking_table
from curricle.pipelines.deduplication.ranking import in_order
from curricle.pipelines.deduplication.report import make_report, write_report
from curricle.pipelines.deduplication.signed import sign_all
from curricle.pipelines.execute.commit_tasks import run_uncommitted
from curricle.pipelines.output.attribute_tables import (
    part_path,
    sources_of,
    table_folder,
    write_table_record,
)
from curricle.pipelines.plan.fingerprint import fingerprint_sha256
from curricle.storage.whole_file import whole_file

KIND = "dedup"


def dedup(planned: Planned, table: Path, workers: int, quiet: bool) -> dict[str, Any] | None:
    """Write the table; returns its report, or None if it is already finished. A table that was stopped is continued."""
    table = table.absolute()
    try:
        with table_folder(table, KIND, planned.made_by) as finished:
            return _write(planned, table, finished, workers, quiet)
    except OSError as error:
        raise OutputError(f"{table}: {one_line(error)}; fix this, and run the same command again") from None


def _write(planned: Planned, table: Path, finished: bool, workers: int, quiet: bool) -> dict[str, Any] | None:
    """Write what is missing of a table that is held."""
    fingerprint = fingerprint_sha256(planned.made_by)
    with_index = planned.index_out is not None and not is_written(planned.index_out, fingerprint)
    work = table / "_work"
    if finished and not with_index:
        shutil.rmtree(work, ignore_errors=True)
        return None
    work.mkdir(exist_ok=True)
    documents = sign_all(planned, work, workers, quiet)
    if finished:
        _write_index(planned, documents, table, work, workers, quiet)
        shutil.rmtree(work)
        return None
    compared = work / "compared.json"
    if not compared.exists():
        compare(planned, documents, work, workers, quiet)
    parts = [PartTask(shard, table, fingerprint, work / f"{shard.name}.verdicts") for shard in planned.shards]
    run_uncommitted(parts, write_part, workers, quiet)
    with whole_file(table / "pairs.parquet") as part:
        shutil.copyfile(work / "pairs.parquet", part)
    if with_index:
        _write_index(planned, documents, table, work, workers, quiet)
    report = make_report(planned.shards, parts, orjson.loads(compared.read_bytes()))
    write_report(table, report)
    summary = {key: report[key] for key in ("documents", "kept", "duplicates", "clusters")}
    chosen = {"keep": planned.keep, "levels": planned.levels, "sources": sources_of(planned.shards)}
    write_table_record(table, KIND, planned.made_by, finished=True, **chosen, **summary)
    shutil.rmtree(work)
    return report


def _write_index(planned: Planned, documents: Documents, table: Path, work: Path, workers: int, quiet: bool) -> None:
    """Write the index of the kept documents that stay."""
    staying = []
    for shard, start in zip(planned.shards, documents.starts[len(planned.indexes) :].tolist(), strict=False):
        keep = pq.read_table(part_path(table, shard.name), columns=["keep"])["keep"].slice(0, shard.files[0].rows)
        staying.append(np.flatnonzero(keep.to_numpy()) + start)
    numbers = np.concatenate([np.empty(0, np.int64), *staying])
    ranked = numbers[in_order(ranking_table(planned, documents, numbers), planned.ranking)]
    shingles = ComparedShingles(planned, documents, work, "indexed")
    shingles.write(numbers, workers, quiet)
    made_from = fingerprint_sha256(planned.made_by)
    if planned.index_out:
        own = (distinct(shingles(number)) for number in ranked.tolist())
        write_index(planned.index_out, documents, ranked, own, made_from=made_from, with_urls=planned.with_urls)
