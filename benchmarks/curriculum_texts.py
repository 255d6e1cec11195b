"""What it costs to measure and to move the texts of a curriculum: CPU, bytes in storage, memory, of one worker process.

    python benchmarks/curriculum_texts.py OUT --tokenizer tokenizer.json

OUT is a finished output of `curricle run`. Everything is drawn into one shuffled phase, so that each text is moved.
"""

import resource
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from curricle.pipelines.curriculum.measure import measure_file
from curricle.pipelines.curriculum.run import make_curriculum, write_curriculum
from curricle.pipelines.curriculum.tokens import load_counter
from curricle.pipelines.curriculum.write import route
from curricle.schemas.curriculum import Curriculum, Tokens


class Here:
    """Does tasks in this process and adds up their CPU."""

    def __init__(self) -> None:
        self.cpu: dict[str, float] = {}
        self.fragments = 0

    def run(self, tasks: Sequence[Any], work: Callable[..., None]) -> None:
        """One after another."""
        started = time.process_time()
        for task in tasks:
            if not task.commit.exists():
                work(task, lambda *_: None)
        self.cpu[work.__name__] = self.cpu.get(work.__name__, 0) + time.process_time() - started
        if work is route:
            self.fragments = sum(task.fragment.stat().st_size for task in tasks)


@click.command()
@click.argument("output", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--tokenizer", help="tokenizer.json, or a folder or hub name: counted too.")
@click.option("--shard-bytes", default=16 << 20, show_default=True, help="Text in an output file.")
def main(output: Path, tokenizer: str | None, shard_bytes: int) -> None:
    """Measure the texts of OUTPUT, then move them all."""
    hands = Here()
    with tempfile.TemporaryDirectory() as scratch:
        own = Path(scratch) / "out"
        shutil.copytree(output, own, ignore=shutil.ignore_patterns("_measures"))
        phase = {"name": "all", "tokens": 1, "select": {"method": "uniform"}}
        total = int(make_curriculum(Curriculum.model_validate({"phases": [phase]}), [own], hands).documents.tokens.sum())
        plan = Curriculum.model_validate({"phases": [{**phase, "tokens": total}], "shard_bytes": shard_bytes})
        planned = make_curriculum(plan, [own], hands)
        write_curriculum(planned, Path(scratch) / "cur", hands)
        kept = sum(file.path.stat().st_size for file in planned.sources.files)
        written = sum(path.stat().st_size for path in (Path(scratch) / "cur").glob("*/part-*"))
        documents = planned.documents.tokens.size
        if tokenizer:
            started = time.process_time()
            tokens = Tokens(tokenizer=tokenizer)
            load_counter(tokens)
            hands.cpu["load tokenizer"] = time.process_time() - started
            shutil.rmtree(own / "_measures")
            counting = Here()
            make_curriculum(plan.model_copy(update={"tokens": tokens}), [own], counting)
            hands.cpu["measure with tokenizer"] = counting.cpu[measure_file.__name__]
    click.echo(f"{documents:,} documents, {total / 1e6:.1f} MB of text, {total / documents:,.0f} bytes each")
    for name, seconds in hands.cpu.items():
        click.echo(f"{name}: {seconds:.2f} s of CPU, {total / 1e6 / seconds:.1f} MB/s")
    for name, size in (("kept files", kept), ("fragments", hands.fragments), ("output", written)):
        click.echo(f"{name}: {size / total:.3f} bytes in storage per byte of text")
    click.echo(f"peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10} MiB")


if __name__ == "__main__":
    main()
