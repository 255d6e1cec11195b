"""`curricle models`."""

import click

from pipelines.cli.models.calibrate import calibrate
from pipelines.cli.models.get import add, pull
from pipelines.cli.models.show import info, list_models, verify
from pipelines.cli.models.train import train


@click.group()
def command() -> None:
    """List, get, check, train and calibrate the models that recipes can name."""


for _member in (list_models, info, pull, add, verify, train, calibrate):
    command.add_command(_member)
