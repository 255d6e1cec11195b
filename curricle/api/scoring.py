"""Stages and whole recipes over texts in memory, in this process: for notebooks, tests and small jobs."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

import pyarrow as pa
from pydantic import ValidationError

from curricle.api.runs import RecipeLike, Settings, resolve_recipe
from curricle.errors import InputError, RecipeError
from curricle.pipelines.execute.load_once import load_once
from curricle.pipelines.plan.recipe import Recipe, check_recipe
from curricle.pipelines.plan.run_plan import place_decisions
from curricle.schemas.columns import COLUMNS, DECISION, READ_SCHEMA
from curricle.schemas.config import Config, explain_error
from curricle.schemas.shards import document_id
from curricle.schemas.stage import Stage, Step

Texts: TypeAlias = pa.Table | pa.RecordBatch | pa.Array | pa.ChunkedArray | Sequence[str | None]
"""Texts as a list or an Arrow array of strings, or an Arrow table with a string column `text` and any others."""

SOURCE = "memory"
BATCH_ROWS = 1000


def score(texts: Texts, recipe: RecipeLike = "web", *, settings: Settings | None = None) -> pa.Table:
    """Run a whole recipe over texts: same rows, same order, none dropped.

    Returns the given columns (at least `text`), the columns of the recipe's stages, `reject_reason` (null: the document is
    kept), `reject_value`, `failed_rules`, and `dead_reason` (null unless a stage could not process the document). Models stay
    loaded for the next call. Raises RecipeError, ModelError or InputError, each one line.
    """
    table = _table(texts)
    checked = _carry_known_columns(resolve_recipe(recipe, settings or {}), table)
    return _apply(table, place_decisions(checked), (*(column.name for column in DECISION), "dead_reason"))


def run_stage(stage: str | Stage, texts: Texts, **settings: Any) -> pa.Table:
    """Run one stage over texts: `run_stage("language", ["Guten Tag"])`. `stage` is a name that a recipe can use, or a Stage.

    Columns that the stage reads besides `text` must be in the table. Returns the given columns and those of the stage; raises
    as `score` does.
    """
    table = _table(texts)
    if isinstance(stage, Stage):
        step = Step(stage.name, stage, _settings(stage, settings))
    else:
        (step,) = check_recipe("run_stage", {"stages": {stage: settings}}, "run_stage").steps
    missing = [name for name in step.reads if name not in table.column_names]
    if missing:
        raise InputError(f"stage {step.name!r} reads column {missing[0]!r}: give a table that has it")
    return _apply(table, (step,), ())


def _settings(stage: Stage, settings: Mapping[str, Any]) -> Config:
    try:
        return stage.config.model_validate(settings)
    except ValidationError as error:
        raise RecipeError(explain_error(error, stage.config, stage.name)) from None


def _table(texts: Texts) -> pa.Table:
    """The texts as a table with a column `text` of type string; InputError for anything else."""
    if isinstance(texts, pa.RecordBatch):
        texts = pa.Table.from_batches([texts])
    if not isinstance(texts, pa.Table):
        if isinstance(texts, str):
            raise InputError("texts is one string: give a list of texts")
        try:
            column = texts if isinstance(texts, pa.Array | pa.ChunkedArray) else pa.array(texts, pa.string())
        except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
            raise InputError(f"texts must be strings or None: {error}") from None
        texts = pa.table({"text": column})
    if "text" not in texts.column_names:
        raise InputError(f"the table has no column 'text', only {', '.join(texts.column_names)}")
    at = texts.column_names.index("text")
    try:
        return texts.set_column(at, "text", texts.column("text").cast(pa.string()))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise InputError(f"column 'text' has type {texts.schema.field('text').type}; string is required") from None


def _carry_known_columns(recipe: Recipe, table: pa.Table) -> Recipe:
    """The recipe, told which columns of ours the table has already."""
    known = tuple(name for name in table.column_names if name in COLUMNS and name not in READ_SCHEMA.names)
    return replace(recipe, read=recipe.read.model_copy(update={"carry": known}))


def _apply(table: pa.Table, steps: Sequence[Step], last: Sequence[str]) -> pa.Table:
    """The table after `steps`; of the readers' columns only those that were given, and those named in `last`."""
    batches, given = [], table.column_names
    for start in range(0, max(1, table.num_rows), BATCH_ROWS):
        batch = _with_read_columns(table.slice(start, BATCH_ROWS), start)
        for step in steps:
            batch = _run_step(step, batch)
        batches.append(batch)
    result = pa.Table.from_batches(batches)
    added = [name for name in result.column_names if name not in given and name not in READ_SCHEMA.names and name not in last]
    return result.select([*given, *added, *(name for name in last if name in result.column_names)])


def _with_read_columns(rows: pa.Table, start: int) -> pa.RecordBatch:
    """One batch of the rows with every column that a reader gives; those that were not given are null, `id` is made."""
    rows = rows.combine_chunks()
    columns: Mapping[str, pa.Array] = {
        name: rows.column(name).chunk(0) if rows.column(name).num_chunks else pa.array([], rows.schema.field(name).type)
        for name in rows.column_names
    }
    made = {field.name: pa.nulls(rows.num_rows, field.type) for field in READ_SCHEMA if field.name not in columns}
    if "id" in made:
        made["id"] = pa.array([document_id(SOURCE, start + row) for row in range(rows.num_rows)], pa.string())
    return pa.record_batch({**columns, **made})


def _run_step(step: Step, batch: pa.RecordBatch) -> pa.RecordBatch:
    if step.stage.load is None:
        return step.stage.kernel(batch, step.config)
    return step.stage.kernel(batch, load_once(step.config, step.stage.load), step.config)
