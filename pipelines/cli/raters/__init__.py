"""`curricle raters`."""

import click

from pipelines.cli.raters.agree import agree
from pipelines.cli.raters.distil import distil
from pipelines.cli.raters.rate import rate


@click.group()
def command() -> None:
    """Label documents with a rater, distil a rater into a CPU student, compare raters."""


for _member in (rate, distil, agree):
    command.add_command(_member)
