"""`curricle demo`."""

import os
import sys
from pathlib import Path

import click

SAMPLE = Path(__file__).parents[1] / "sample"


@click.command()
@click.option(
    "--output", type=click.Path(path_type=Path), default=Path("demo-output"), show_default=True, help="Folder to write."
)
@click.option("--workers", type=click.IntRange(1), default=os.cpu_count() or 1, show_default="all cores", help="Processes.")
@click.option("--quiet", is_flag=True, help="No progress.")
def command(output: Path, workers: int, quiet: bool) -> None:
    """Run every stage over the bundled sample: real web pages, some of them spam or damaged."""
    from pipelines.cli.run import execute

    sys.exit(execute("demo", (str(SAMPLE),), output, workers, (), quiet))
