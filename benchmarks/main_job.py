"""The main job, its floor and datatrove side by side in one run: `python benchmarks/main_job.py --data DIR [--parts ...]`.

`make bench DATA=DIR` runs the part `compare` and writes its table and chart into docs/benchmarks.md and docs/benchmarks.svg.

`ours` is the command `curricle run`, one worker, everything kept, measured from outside: CPU seconds of all its processes, the
largest process's peak memory. `floor` is one bare loop over the same libraries in one process: orjson, fastText, our student's
kernel on batches of 256, Python normalizing, SentencePiece, `kenlm` for each model, one Parquet file. Both read the same files.
`datatrove` is its own executor over every eighth document, `--nemo` NeMo Curator over all (nemo_job.py): fewer stages than ours
has, and none of the costly ones.
"""

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import orjson
import pyarrow.parquet as pq
from chart import bars

from curricle.models.catalog import STARTER

HEAD = "| run | MB of text | wall s | CPU s | MB per CPU s | MB/s | peak MB |\n|---|---|---|---|---|---|---|"
BEGIN, END = "<!-- make bench: begin -->", "<!-- make bench: end -->"

OURS = {
    "curricle, every stage and heuristics": ("stages.heuristics={}",),
    "curricle, language and heuristics": (
        "stages.heuristics={}",
        "stages.perplexity=false",
        "stages.quality=false",
        "stages.domain=false",
    ),
}
"""Runs and their settings; the second has what datatrove's four filters judge, and language ID."""

CURRICLE = str(Path(sys.executable).parent / "curricle")


class Cost(NamedTuple):
    """What a command cost."""

    wall: float  # seconds
    cpu: float  # seconds, of all its processes
    peak_mb: float  # of its largest process

    def row(self, name: str, megabytes: float) -> str:
        """One line of the table."""
        return (
            f"| {name} | {megabytes:.1f} | {self.wall:.1f} | {self.cpu:.1f} | {megabytes / self.cpu:.2f} "
            f"| {megabytes / self.wall:.2f} | {self.peak_mb:.0f} |"
        )


def measure(*command: str) -> Cost:
    """Run a command and account for it and its children."""
    started = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stderr is not None
    stderr = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(command)}\n{stderr.decode()[-2000:]}")
    return Cost(time.monotonic() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def curricle(output: Path, *inputs: Path, workers: int = 1, settings: tuple[str, ...] = ()) -> Cost:
    """The main job, everything kept."""
    named = [argument for path in inputs for argument in ("--input", str(path))]
    options = ["--output", str(output), "--workers", str(workers), "--quiet"]
    changes = [argument for setting in ("decide=[]", *settings) for argument in ("--set", setting)]
    return measure(CURRICLE, "run", "web", *named, *options, *changes)


def stage_shares(output: Path) -> str:
    """CPU seconds by stage, from run.json."""
    seconds = orjson.loads((output / "run.json").read_bytes())["stage_cpu_seconds"]
    return ", ".join(f"{stage} {value:.1f} s" for stage, value in sorted(seconds.items(), key=lambda item: -item[1]))


def write_jsonl(data: Path, path: Path, repeat: int = 1) -> float:
    """All web pages as JSONL; megabytes of text."""
    size = 0
    with path.open("wb") as file:
        for source in sorted((data / "web_text").glob("web-*.parquet")) * repeat:
            for row in pq.read_table(source, columns=["id", "url", "text"]).to_pylist():
                size += len(row["text"].encode())
                file.write(orjson.dumps(row) + b"\n")
    return size / 1e6


def floor(source: Path, output: Path) -> None:
    """The bare loop."""
    import fasttext
    import pyarrow as pa
    import sentencepiece

    from curricle.models.catalog import model_folder, starter_models
    from curricle.models.kenlm.model import load
    from curricle.models.kenlm.profiles import normalize_text
    from curricle.models.raters import student

    lid = fasttext.load_model(str(STARTER / "lid.176/lid.176.ftz"))
    rater = student.load(model_folder("student"))
    scorers = {
        name: (model := load(model_folder(name)), sentencepiece.SentencePieceProcessor(model_file=str(model.folder / "sp.model")))
        for name in starter_models()
        if name.endswith(("-clean", "-adult", "-spam", "-hate"))
    }
    rows = []
    with source.open("rb") as file:
        for line in file:
            row = orjson.loads(line)
            labels = lid.f.predict(row["text"][:1000].replace("\n", " ") + "\n", 1, 0.0, "strict")
            row["language"] = labels[0][1].removeprefix("__label__") if labels else "und"
            for role in ("clean", "adult", "spam", "hate"):
                if entry := scorers.get(f"{row['language']}-{role}"):
                    model, pieces = entry
                    tokens = pieces.encode(normalize_text(model.card.rules, row["text"]), out_type=str)
                    row[f"ppl_{role}"] = 10 ** (-model.kenlm.score(" ".join(tokens)) / (len(tokens) + 1))
            rows.append(row)
    table = pa.Table.from_pylist(rows)
    columns: dict[str, list[pa.Array]] = {}
    for batch in table.to_batches(max_chunksize=256):
        text, language = batch.column("text"), batch.column("language")
        for name, values in {**rater.rate(text, language), **rater.tag(text)}.items():
            columns.setdefault(name, []).append(values)
    for name, chunks in columns.items():
        table = table.append_column(name, pa.chunked_array(chunks))
    pq.write_table(table, output, compression="zstd")


def datatrove(source: Path, output: Path) -> None:
    """datatrove's reader, Gopher quality, Gopher repetition, C4, FineWeb, all documents kept, and its Parquet writer."""
    from datatrove.executor import LocalPipelineExecutor
    from datatrove.pipeline.filters import C4QualityFilter, FineWebQualityFilter, GopherQualityFilter, GopherRepetitionFilter
    from datatrove.pipeline.readers import JsonlReader
    from datatrove.pipeline.writers import ParquetWriter

    steps = [GopherRepetitionFilter(), GopherQualityFilter(), C4QualityFilter(), FineWebQualityFilter()]
    for step in steps:
        judge = step.filter
        step.filter = lambda document, judge=judge: (judge(document), True)[
            1
        ]  # every filter sees every document, as our stages do
    reader = JsonlReader(str(source.parent), glob_pattern=source.name)
    LocalPipelineExecutor([reader, *steps, ParquetWriter(str(output))], logging_dir=str(output / "logs")).run()


def compare(source: Path, megabytes: float, scratch: Path, nemo: Path | None, docs: Path | None) -> None:
    """Ours, the floor and the peers over the same documents."""
    runs = {"curricle, first run on the machine": (curricle(scratch / "warm", source), megabytes)}
    for name, settings in OURS.items():
        runs[name] = (curricle(scratch / f"ours-{len(runs)}", source, settings=settings), megabytes)
    command = [sys.executable, __file__, "--data", "", "--floor", str(source), str(scratch / "floor.parquet")]
    runs["bare loop over the same libraries, no heuristics"] = (measure(*command), megabytes)
    sample = scratch / "sample.jsonl"
    lines = source.read_bytes().splitlines(keepends=True)[::8]
    sample.write_bytes(b"".join(lines))
    size = sum(len(orjson.loads(line)["text"].encode()) for line in lines) / 1e6
    command = [sys.executable, __file__, "--data", "", "--datatrove", str(sample), str(scratch / "datatrove")]
    runs[f"datatrove {version('datatrove')}: four filters only, every 8th document"] = (measure(*command), size)
    if nemo:
        script, model = Path(__file__).with_name("nemo_job.py"), STARTER / "lid.176/lid.176.ftz"
        peer = measure(str(nemo), str(script), str(source), str(scratch / "nemo.parquet"), str(model))
        runs["NeMo Curator, no Ray: language, Gopher, three rules of C4"] = (peer, megabytes)
    table = [HEAD, *(cost.row(name, size) for name, (cost, size) in runs.items())]
    stages = f"CPU seconds by stage of the second line: {stage_shares(scratch / 'ours-1')}."
    print("\n".join(table[1:]), f"\n{stages}\n", sep="\n")
    if docs:
        (docs / "benchmarks.svg").write_text(
            bars("Main job, one worker", "MB per CPU second", [(name, size / cost.cpu) for name, (cost, size) in runs.items()])
        )
        page = docs / "benchmarks.md"
        before, _, rest = page.read_text().partition(BEGIN)
        text = "\n".join([machine(), "", *table, "", stages, "", "![MB per CPU second](benchmarks.svg)"])
        page.write_text(f"{before}{BEGIN}\n{text}\n{END}{rest.partition(END)[2]}")


def machine() -> str:
    """The machine, the versions and the command, as a sentence."""
    information = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    names = [line.partition(":")[2].strip() for line in information.splitlines() if line.startswith("model name")]
    cores = f"{len(names) or os.cpu_count()} cores of {(names or ['an unnamed processor'])[0]}"
    packages = ", ".join(f"{name} {version(name)}" for name in ("apache-beam", "pyarrow", "datatrove", "sentencepiece"))
    return (
        f"`make bench`, {time.strftime('%Y-%m-%d')}: {cores}, "
        f"{platform.system()}, Python {platform.python_version()}, {packages}. One worker or process each, single runs."
    )


def main() -> None:
    """Print the tables as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--parts", default="compare,warc,workers,empty,memory")
    parser.add_argument("--write", type=Path, help="folder with benchmarks.md, which gets the table, and the chart")
    parser.add_argument("--nemo", type=Path, help="Python of an environment with NeMo Curator, which does not go into ours")
    parser.add_argument("--datatrove", nargs=2, type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--floor", nargs=2, type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.floor:
        floor(*arguments.floor)
        return
    if arguments.datatrove:
        datatrove(*arguments.datatrove)
        return
    parts = arguments.parts.split(",")
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        os.environ["CURRICLE_CACHE"] = str(scratch / "cache")  # so that the first run is one
        source = scratch / "web.jsonl"
        megabytes = write_jsonl(arguments.data, source)
        print(HEAD)
        if "compare" in parts:
            compare(source, megabytes, scratch, arguments.nemo, arguments.write)
        if "workers" in parts:
            pieces = [scratch / f"piece-{number}.jsonl" for number in range(8)]
            size = write_jsonl(arguments.data, source, 4)
            lines = source.read_bytes().splitlines(keepends=True)
            for number, piece in enumerate(pieces):
                piece.write_bytes(b"".join(lines[number::8]))
            for workers in (1, 2):
                print(curricle(scratch / f"w{workers}", *pieces, workers=workers).row(f"8 files, {workers} workers", size))
        if "empty" in parts:
            folder = scratch / "empty"
            folder.mkdir()
            for number in range(40):
                (folder / f"{number}.jsonl").touch()
            one, all_ = curricle(scratch / "e1", folder / "0.jsonl"), curricle(scratch / "e40", folder)
            print(f"\none empty file, from the command to its commit: {one.wall:.1f} s")
            print(f"\nan empty shard in a warm worker: {(all_.wall - one.wall) / 39 * 1000:.0f} ms\n")
        if "warc" in parts:
            pages = sorted((arguments.data / "web_html/warc").glob("pages-*.warc.gz"))
            cost = curricle(scratch / "warc", *pages)
            count = orjson.loads((scratch / "warc/run.json").read_bytes())["counts"]["records"]
            print(f"WARC: {count} pages, {count / cost.cpu:.0f} pages per CPU second, peak {cost.peak_mb:.0f} MB")
            print(f"by stage: {stage_shares(scratch / 'warc')}\n")
        if "memory" in parts:
            for repeat in (1, 26):
                size = write_jsonl(arguments.data, source, repeat)
                subprocess.run(["rm", "-rf", str(scratch / "memory")], check=True)
                print(curricle(scratch / "memory", source).row(f"{size:.0f} MB in one file", size))


if __name__ == "__main__":
    main()
