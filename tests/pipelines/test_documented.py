"""Everything a user can name is documented, and the documents are what the program says."""

from pathlib import Path

import click
import pytest

from curricle.pipelines.cli.main import COMMANDS, group
from curricle.pipelines.output.data_model import data_model
from curricle.pipelines.plan.stage_table import BUILT_IN, built_in
from curricle.schemas.columns import COLUMNS
from curricle.schemas.stage import Step

ROOT = Path(__file__).parents[2]


def test_the_data_model_page_is_made_from_the_columns():
    assert (ROOT / "docs/data-model.md").read_text("utf-8") == data_model()


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_stage_has_documented_columns_and_a_sourced_module(name):
    stage = built_in(name)
    assert stage.name == name
    assert {column.name for column in Step(name, stage, stage.config()).columns} <= set(COLUMNS)
    assert stage.config.__doc__
    assert stage.kernel.__doc__


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_loads_and_has_help(name):
    command = group.get_command(None, name)
    assert command.help
    assert all(option.help for option in command.params if isinstance(option, click.Option))


def test_the_readme_names_every_command():
    readme = (ROOT / "README.md").read_text("utf-8")
    assert [name for name in COMMANDS if name not in readme] == []
