"""`curricle raters`."""

import click

from pipelines.cli.raters.agree import agree
from pipelines.cli.raters.distil import distil


@click.group()
def command() -> None:
    """Label documents with a rater, distil a rater into a CPU student, compare raters."""


for _member in (distil, agree):
    command.add_command(_member)
