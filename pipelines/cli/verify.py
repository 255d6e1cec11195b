"""`curricle verify`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from curricle.pipelines.cli.folders import OutputFolder

if TYPE_CHECKING:
    from curricle.storage.output import OutputPath


@click.command()
@click.argument("output", type=OutputFolder(exists=True, file_okay=False))
def command(output: "OutputPath") -> None:
    """Check a finished OUTPUT, curriculum or attribute table: hash and count every file again.

    Each problem is printed as one line; the exit status is then 1.
    """
    from curricle.pipelines.curriculum.verify import is_curriculum, verify_curriculum
    from curricle.pipelines.output.attribute_tables import is_table, verify_table
    from curricle.pipelines.output.manifest import read_manifests, total
    from curricle.pipelines.output.verify import verify

    without_shards = True
    if isinstance(output, Path) and is_curriculum(output):
        problems = list(verify_curriculum(output))
    elif is_table(output):
        problems = list(verify_table(output))
    else:
        without_shards, problems = False, list(verify(output))
    for problem in problems:
        click.echo(problem, err=True)
    if problems:
        sys.exit(1)
    if without_shards:
        click.echo(f"{output}: all hashes match")
        return
    counts = total(read_manifests(output))
    click.echo(
        f"{output}: {counts.shards} shards, {counts.records} documents = {counts.rows['kept']} kept"
        f" + {counts.rows['rejected']} rejected + {counts.rows['dead']} dead; all hashes match"
    )
