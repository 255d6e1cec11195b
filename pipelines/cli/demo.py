"""`curricle demo`."""

import sys
from pathlib import Path

import click

from curricle.pipelines.cli.run import workers

SAMPLE = Path(__file__).parents[1] / "sample"


@click.command()
@click.option(
    "--output", type=click.Path(path_type=Path), default=Path("demo-output"), show_default=True, help="Folder to write to."
)
@workers
@click.option("--quiet", is_flag=True, help="Do not show progress.")
def command(output: Path, workers: int, quiet: bool) -> None:
    """Run every stage over the bundled sample, then make a curriculum of the documents that were kept.

    The sample holds real web pages in several languages; some are spam and some are damaged.
    """
    from curricle.pipelines.cli import curriculum, run

    code = run.execute("demo", (str(SAMPLE),), output, workers, (), quiet)
    sys.exit(code or curriculum.execute("demo", (output,), output / "curriculum", workers, quiet))
