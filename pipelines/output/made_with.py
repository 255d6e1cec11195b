"""The recipe that an output was made with, checked again."""

from pathlib import Path

from curricle.errors import OutputError
from curricle.pipelines.output.difference import read_recipe
from curricle.pipelines.output.manifest import run_record
from curricle.pipelines.plan.recipe import Recipe, check_recipe
from curricle.schemas.extensions import look_in
from curricle.storage.output import OutputPath


def recipe_of(output: OutputPath) -> Recipe:
    """The recipe in recipe.yaml of an output. Raises OutputError if there is none, RecipeError if it no longer can be used."""
    record, content = run_record(output), read_recipe(output)
    if record is None or not isinstance(content, dict):
        raise OutputError(f"{output}: not an output of `curricle run`: it has no readable run.json and recipe.yaml")
    look_in(Path())
    return check_recipe(record["recipe"], content, str(output / "recipe.yaml"))
