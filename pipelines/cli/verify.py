"""`curricle verify`."""

import sys
from typing import TYPE_CHECKING

import click

from curricle.pipelines.cli.folders import OutputFolder

if TYPE_CHECKING:
    from curricle.storage.output import OutputPath


@click.command()
@click.argument("output", type=OutputFolder(exists=True, file_okay=False))
def command(output: "OutputPath") -> None:
    """Check a finished OUTPUT or attribute table: hash and count every file again.

    Each problem is printed as one line; the exit status is then 1.
    """
    from curricle.pipelines.output.attribute_tables import is_table, verify_table
    from curricle.pipelines.output.manifest import read_manifests, total
    from curricle.pipelines.output.verify import verify

    table = is_table(output)
    problems = list(verify_table(output) if table else verify(output))
    for problem in problems:
        click.echo(problem, err=True)
    if problems:
        sys.exit(1)
    if table:
        click.echo(f"{output}: all hashes match")
        return
    counts = total(read_manifests(output))
    click.echo(
        f"{output}: {counts.shards} shards, {counts.records} documents = {counts.rows['kept']} kept"
        f" + {counts.rows['rejected']} rejected + {counts.rows['dead']} dead; all hashes match"
    )
