"""The recipe that an output was made with, checked again, and the steps of its run."""

from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa

from curricle.errors import OutputError
from curricle.pipelines.output.difference import read_recipe
from curricle.pipelines.output.manifest import run_record
from curricle.pipelines.plan.recipe import Recipe, check_recipe
from curricle.pipelines.plan.run_plan import place_decisions
from curricle.pipelines.plan.stage_table import Steps
from curricle.schemas.column import Column
from curricle.schemas.columns import DEAD, DECISION, DOCUMENT, PAYLOAD
from curricle.schemas.condition import Condition
from curricle.schemas.extensions import look_in
from curricle.schemas.rule import Rule
from curricle.storage.output import OutputPath


def recipe_of(output: OutputPath) -> Recipe:
    """The recipe in recipe.yaml of an output. Raises OutputError if there is none, RecipeError if it no longer can be used."""
    record, content = run_record(output), read_recipe(output)
    if record is None or not isinstance(content, dict):
        raise OutputError(f"{output}: not an output of `curricle run`: it has no readable run.json and recipe.yaml")
    look_in(Path())
    return check_recipe(record["recipe"], content, str(output / "recipe.yaml"))


def steps_of(recipe: Recipe, stored: pa.Schema) -> Steps:
    """The steps of the run that made an output with these columns, decisions placed.

    Columns that only its rules know, of attribute tables, are taken as known from the start.
    """
    others = [*columns_of_others(recipe, stored)]
    known = {column.name for column in others} | _own_names(recipe)
    for rule in recipe.decide:
        tests: dict[str, Rule | Condition] = {rule.column: rule, **(rule.where or {})}
        others += [Column(name=name, dtype=_dtype(test), doc="") for name, test in tests.items() if name not in known]
        known |= tests.keys()
    return place_decisions(recipe, others=others)


def columns_of_others(recipe: Recipe, stored: pa.Schema) -> Iterable[Column]:
    """The columns among `stored` that neither the reader nor a stage of the recipe nor a decision writes."""
    own = _own_names(recipe) | {column.name for column in (*DECISION, *DEAD)}
    return (Column(name=field.name, dtype=field.type, doc="") for field in stored if field.name not in own)


def _own_names(recipe: Recipe) -> set[str]:
    written = (column for step in recipe.steps for column in step.columns)
    return {column.name for column in (*DOCUMENT, *PAYLOAD, *recipe.read.carried(), *written)}


def _dtype(test: Rule | Condition) -> pa.DataType:
    """A type whose values the test can meet."""
    values = (*(test.values_in or ()), *(test.not_in or ()))
    if any(isinstance(value, bool) for value in values):
        return pa.bool_()
    return pa.string() if any(isinstance(value, str) for value in values) else pa.float64()
