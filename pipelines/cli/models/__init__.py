"""`curricle models`."""

import click

from curricle.pipelines.cli.models.calibrate import calibrate
from curricle.pipelines.cli.models.get import add, pull
from curricle.pipelines.cli.models.show import info, list_models, verify
from curricle.pipelines.cli.models.train import train
from curricle.pipelines.cli.usage import Commands


@click.group(cls=Commands)
def command() -> None:
    """List, download, check, train and calibrate the models that recipes use."""


for _member in (list_models, info, pull, add, verify, train, calibrate):
    command.add_command(_member)
