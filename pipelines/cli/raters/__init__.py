"""`curricle raters`."""

import click

from pipelines.cli.raters.rate import rate


@click.group()
def command() -> None:
    """Rate a sample of documents with any rater."""


for _member in (rate,):
    command.add_command(_member)
