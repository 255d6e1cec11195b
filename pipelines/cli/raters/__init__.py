"""`curricle raters`."""

import click
from curricle.pipelines.cli.raters.agree import agree
from curricle.pipelines.cli.raters.distil import distil
from curricle.pipelines.cli.raters.rate import rate


@click.group()
def command() -> None:
    """Label documents with a rater, distil a rater into a CPU student, compare raters."""


for _member in (rate, distil, agree):
    command.add_command(_member)
