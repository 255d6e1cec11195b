"""`curricle curriculum`: plan from scores, then move the texts. The output folder is created, continued or rejected."""

import fcntl
import hashlib
import os
import shutil
import tempfile
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from curricle.pipelines.curriculum.card import CARD, curriculum_card
from curricle.pipelines.curriculum.destinations import Destinations, OutputFile, OutputFolder, make_destinations, make_folders
from curricle.pipelines.curriculum.documents import Documents, Sources, find_sources, read_documents
from curricle.pipelines.curriculum.draw import DrawnPhase, draw_phases, hold_out, origin_names
from curricle.pipelines.curriculum.errors import CurriculumError
from curricle.pipelines.curriculum.formats import check_format, find_format, outside_code
from curricle.pipelines.curriculum.measure import MeasureTask, measure_file
from curricle.pipelines.curriculum.report import phase_record
from curricle.pipelines.curriculum.tokens import load_counter, located
from curricle.pipelines.curriculum.verify import RECORD, changed_file, read_record
from curricle.pipelines.curriculum.workers import Workers
from curricle.pipelines.curriculum.write import AssembleTask, RouteTask, assemble, route
from curricle.pipelines.output.joined_tables import JoinedTable, check_names, open_table
from curricle.pipelines.plan.fingerprint import PACKAGE, code_sha256
from curricle.schemas.curriculum import Curriculum, Tokens
from curricle.storage.whole_file import whole_file


@dataclass(frozen=True)
class Planned:
    """Everything that is decided before a text is moved."""

    plan: Curriculum
    sources: Sources
    documents: Documents
    folders: list[OutputFolder]
    records: list[dict[str, Any]]  # of the phases
    heldout: dict[str, int]  # documents
    left_out: dict[str, int]  # documents that no phase and no held-out set may hold, by reason
    problems: list[str]
    plan_hash: str
    made_by: dict[str, Any]


def make_curriculum(plan: Curriculum, outputs: Sequence[Path], workers: Workers, tables: Sequence[Path] = ()) -> Planned:
    """The first pass. The plan may name columns of `tables` (see `pipelines.output.joined_tables`) like those of the outputs.

    CurriculumError or OutputError if something does not exist; what falls short is in `problems`.
    """
    check_format(plan.format)
    joined = [open_table(path) for path in tables]
    sources, documents = read_outputs(outputs, plan.columns(), plan.tokens, workers, joined)
    made_by = {
        "plan": plan.model_dump(mode="json", by_alias=True, exclude={"description"}),
        "sources": sources.hashes,
        "tokens": load_counter(plan.tokens)[1],
        f"{PACKAGE}unicodedata": unicodedata.unidata_version,
        "code": code_sha256(),
        **{f"code {package}": sha for package, sha in outside_code(plan.format).items()},
    }
    if joined:
        made_by["tables"] = sorted(table.fingerprint for table in joined)
    plan_hash = hashlib.sha256(orjson.dumps(made_by, option=orjson.OPT_SORT_KEYS)).hexdigest()
    held = hold_out(documents, plan)
    documents = replace(documents, text_hash=documents.text_hash[:0].copy())
    phases: list[DrawnPhase] = list(draw_phases(documents, plan, held))
    folders = make_folders(documents, plan, held, phases)
    records = [phase_record(documents, *pair) for pair in zip(phases, folders[len(plan.heldout) :], strict=True)]
    heldout = {folder.name: int(folder.rows.document.size) for folder in folders[: len(plan.heldout)]}
    problems = [problem for phase in phases for problem in phase.problems]
    left_out = {}
    if plan.tokens.control_tokens == "leave_out":
        left_out["spell_control_tokens"] = int(np.count_nonzero((documents.tokens == 0) & (documents.text_bytes > 0)))
    return Planned(plan, sources, documents, folders, records, heldout, left_out, problems, plan_hash, made_by)


def read_outputs(
    outputs: Sequence[Path], columns: Sequence[str], tokens: Tokens, workers: Workers, tables: Sequence[JoinedTable] = ()
) -> tuple[Sources, Documents]:
    """The kept documents of finished outputs, measured; CurriculumError or OutputError as `find_sources`."""
    _, token_hash = load_counter(tokens)
    joined = {column.name for table in tables for column in table.columns}
    sources = find_sources([output.absolute() for output in outputs], [name for name in columns if name not in joined])
    check_names(tables, sources.schema.names, columns)
    with tempfile.TemporaryDirectory() as scratch:
        measures = _measure(tokens, sources, token_hash, Path(scratch), workers)
        return sources, read_documents(sources, columns, measures, tables)


def _measure(tokens: Tokens, sources: Sources, token_hash: str, scratch: Path, workers: Workers) -> list[Path]:
    """Paths of the measures of each file: in its output folder, or in `scratch` if that is read-only. Missing ones are made."""
    paths = []
    for file in sources.files:
        folder = file.output / "_measures" if os.access(file.output, os.W_OK) else scratch
        folder.mkdir(exist_ok=True)
        paths.append(folder / f"{file.sha256[:16]}-{token_hash[:16]}-{unicodedata.unidata_version}.npy")
    pairs, tokens = dict(zip(paths, sources.files, strict=True)).items(), located(tokens)
    workers.run([MeasureTask(file.path, path, tokens) for path, file in pairs], measure_file)
    return paths


def write_curriculum(planned: Planned, output: Path, workers: Workers) -> bool:
    """The second pass, into `output`; False if it already exists, with all its files. CurriculumError, and nothing is written, if
    it falls short.
    """
    if planned.problems:
        more = f" (and {len(planned.problems) - 1} more: see --dry-run)" if len(planned.problems) > 1 else ""
        raise CurriculumError(planned.problems[0] + more)
    output = output.absolute()
    with _output_folder(output, planned.plan_hash) as (work, finished):
        if finished:
            return False
        files, destinations = make_destinations(planned.documents, planned.folders, planned.plan.shard_bytes)
        fragments = _route(planned, destinations, work, workers)
        tasks = _assemble_tasks(planned, files, fragments, output, work)
        workers.run(tasks, assemble)
        _finish(planned, tasks, output)
        shutil.rmtree(work)
    return True


@contextmanager
def _output_folder(output: Path, plan_hash: str) -> Iterator[tuple[Path, bool]]:
    """The folder for work in progress, and whether this curriculum is finished; CurriculumError if it holds another one."""
    work = output / "_work"
    mark = work / "plan"
    try:
        output.mkdir(parents=True, exist_ok=True)
        shown = {path.name for path in output.iterdir()} - {"_lock"}
        if shown and RECORD not in shown and not mark.is_file():
            raise CurriculumError(f"{output}: not empty, and not made by `curricle curriculum`; choose another output folder")
        with (output / "_lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise CurriculumError(f"{output}: another process is writing to this folder") from None
            finished = (output / RECORD).is_file()
            before = None
            record = read_record(output) if finished else None
            if record:
                before = record["plan_hash"]
            elif mark.is_file():
                before = mark.read_text()
            if before not in (None, plan_hash):
                raise CurriculumError(f"{output}: made with another plan or from other documents; choose another output folder")
            if record and changed_file(output, record):  # all files are made again, with the same bytes
                (output / RECORD).unlink()
                finished, before = False, None
            if finished:
                shutil.rmtree(work, ignore_errors=True)
            elif before is None:
                work.mkdir(exist_ok=True)
                with whole_file(mark) as part:
                    part.write_text(plan_hash)
            yield work, finished
    except OSError as error:
        raise CurriculumError(f"{output}: {error.strerror or error}") from None


def _route(planned: Planned, destinations: Destinations, work: Path, workers: Workers) -> list[Path]:
    """The fragment files of all input files that contribute a row."""
    tasks = []
    names, origins = tuple(folder.name for folder in planned.folders), origin_names(planned.plan)
    for number, (file, start) in enumerate(zip(planned.sources.files, planned.sources.starts.tolist(), strict=False)):
        low, high = np.searchsorted(destinations["document"], [start, start + file.rows])
        if low == high:
            continue
        task = RouteTask(
            file.path, work / f"fragments-{number:06}.arrow", int(high - low), planned.sources.schema, names, origins
        )
        if not task.commit.exists():
            own = destinations[low:high].copy()
            own["document"] -= start
            with whole_file(task.destinations) as path, path.open("wb") as target:
                np.save(target, own)
        tasks.append(task)
    workers.run(tasks, route)
    return [task.fragment for task in tasks]


def _assemble_tasks(
    planned: Planned, files: list[OutputFile], fragments: list[Path], output: Path, work: Path
) -> list[AssembleTask]:
    feeding: dict[int, list[tuple[Path, tuple[int, ...]]]] = {number: [] for number in range(len(files))}
    for fragment in fragments:
        for number, batches in orjson.loads(fragment.with_suffix(".json").read_bytes()).items():
            feeding[int(number)].append((fragment, tuple(batches)))
    schema, plan = planned.sources.schema, planned.plan
    tokens = located(plan.tokens)
    return [
        AssembleTask(file, tuple(feeding[number]), output, work / f"file-{number:06}.json", schema, plan.format, tokens)
        for number, file in enumerate(files)
    ]


def _files(planned: Planned, tasks: list[AssembleTask], output: Path) -> dict[str, list[dict[str, Any]]]:
    """All files by folder. If the format has an index for a whole folder, it is written first."""
    records: dict[str, list[dict[str, Any]]] = {folder.path: [] for folder in planned.folders}
    for task in tasks:
        records[task.file.folder].append(orjson.loads(task.record.read_bytes()))
    by_folder = {folder: [file for record in written for file in record["files"]] for folder, written in records.items()}
    index = find_format(planned.plan.format).index
    for folder, written in records.items():
        if found := index([record["index"] for record in written]):
            name, content = found
            (output / folder / name).write_bytes(content)
            sha256 = hashlib.sha256(content).hexdigest()
            by_folder[folder].append({"path": f"{folder}/{name}", "bytes": len(content), "sha256": sha256})
    return by_folder


def _finish(planned: Planned, tasks: list[AssembleTask], output: Path) -> None:
    """Write the record of each phase, then that of the whole curriculum, which marks the output as finished."""
    by_folder = _files(planned, tasks, output)
    phases = []
    for folder, record in zip(planned.folders[len(planned.heldout) :], planned.records, strict=True):
        tokens = sum(file.get("tokens", 0) for file in by_folder[folder.path])  # an index holds none
        if tokens != record["tokens_met"]:
            raise RuntimeError(f"{folder.path}: {tokens} tokens in its files, {record['tokens_met']} planned")
        phases.append({"folder": folder.path, **record, "files": by_folder[folder.path]})
        # readers of a whole Parquet folder skip names that begin with `_`
        path = output / folder.path / "_meta" / "phase.json"
        path.parent.mkdir(parents=True, exist_ok=True)  # without rows there may be no file
        path.write_bytes(orjson.dumps(phases[-1], option=orjson.OPT_INDENT_2))
    content = {
        "plan_hash": planned.plan_hash,
        "seed": planned.plan.seed,
        "description": planned.plan.description,
        "made_by": planned.made_by,
        "sources": list(planned.sources.runs),
        **planned.left_out,
        "phases": phases,
        "heldout": [
            {"name": one.name, "folder": one.path, "documents": planned.heldout[one.name], "files": by_folder[one.path]}
            for one in planned.folders[: len(planned.heldout)]
        ],
    }
    (output / CARD).write_text(curriculum_card(content, planned.plan.format), "utf-8")
    temporary = output / "_work" / RECORD  # in `_work`, which is removed if the run is killed
    temporary.write_bytes(orjson.dumps(content, option=orjson.OPT_INDENT_2))
    temporary.replace(output / RECORD)
