"""`curricle raters`."""

import click

from pipelines.cli.raters.agree import agree


@click.group()
def command() -> None:
    """Label documents with a rater, distil a rater into a CPU student, compare raters."""


for _member in (agree,):
    command.add_command(_member)
