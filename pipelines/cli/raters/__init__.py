"""`curricle raters`."""

import click

from curricle.pipelines.cli.raters.agree import agree
from curricle.pipelines.cli.raters.distil import distil
from curricle.pipelines.cli.raters.rate import rate
from curricle.pipelines.cli.usage import Commands


@click.group(cls=Commands)
def command() -> None:
    """Rate a sample of documents, compare two raters, and distill ratings into a small CPU model."""


for _member in (rate, distil, agree):
    command.add_command(_member)
