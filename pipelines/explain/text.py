"""Runs the stages and rules of an output's recipe over a text that is in no output, in this process."""

import pyarrow as pa

from curricle.errors import ExtensionError, RecipeError
from curricle.pipelines.execute.in_process import run_step, with_read_columns
from curricle.pipelines.plan.model_uses import check_models
from curricle.pipelines.plan.recipe import Recipe
from curricle.pipelines.plan.run_plan import place_decisions


def score_text(text: str, recipe: Recipe) -> pa.RecordBatch:
    """One row: the text with all columns of the recipe's stages and the decision. The URL and the input's fields are null.

    Raises ModelError if a model is missing, RecipeError if a stage cannot process a text without its input.
    """
    check_models(recipe)
    carried = {column.name: pa.nulls(1, column.dtype) for column in recipe.read.carried()}
    batch = with_read_columns(pa.table({"text": pa.array([text], pa.string()), **carried}), 0)
    for step in place_decisions(recipe):
        try:
            batch = run_step(step, batch)
        except ExtensionError as error:
            raise RecipeError(f"recipe {recipe.name}: {error}") from None
    return batch
