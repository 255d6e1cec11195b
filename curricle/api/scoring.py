"""Stages and whole recipes over texts in memory, in this process: for notebooks, tests and small jobs."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol, TypeAlias

import pyarrow as pa
from pydantic import ValidationError

from curricle.api.runs import RecipeLike, Settings, resolve_recipe
from curricle.errors import InputError, RecipeError, one_line
from curricle.pipelines.execute.in_process import run_step, with_read_columns
from curricle.pipelines.plan.recipe import Recipe, check_recipe
from curricle.pipelines.plan.run_plan import place_decisions
from curricle.schemas.columns import COLUMNS, DECISION, READ_SCHEMA
from curricle.schemas.config import Config, explain_error
from curricle.schemas.stage import Stage, Step


class SupportsArrow(Protocol):
    """A data frame of pandas, Polars or another library with Arrow's interface."""

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """The table as an Arrow stream."""
        ...


Texts: TypeAlias = (
    pa.Table | pa.RecordBatch | pa.RecordBatchReader | pa.Array | pa.ChunkedArray
    | Iterable[str | None] | Mapping[str, Any] | SupportsArrow
)  # fmt: skip
"""Texts as an iterable or an Arrow array of strings; or an Arrow table, a data frame or a dictionary of columns, with a string
column `text` and any others.
"""

BATCH_ROWS = 1000
VERDICT = (*(column.name for column in DECISION), "dead_reason")
"""The last columns of a scored table. A table that has them already can be scored again: they are written anew."""


def score(texts: Texts, recipe: RecipeLike = "web", *, settings: Settings | None = None) -> pa.Table:
    """Run a whole recipe over texts: same rows, same order, none dropped.

    Returns the given columns (at least `text`), the columns of the recipe's stages, `reject_reason` (null: the document is
    kept), `reject_value`, `failed_rules`, and `dead_reason` (null unless a stage could not process the document). A column that
    is given under one of these names is written anew, so a scored table can be scored again. Models stay loaded for the next
    call. Raises RecipeError, ModelError or InputError, each one line.
    """
    table = _table(texts)
    table = table.drop_columns([name for name in table.column_names if name in VERDICT])
    checked = _carry_known_columns(resolve_recipe(recipe, settings or {}), table)
    return _apply(table, place_decisions(checked), VERDICT)


def run_stage(stage: str | Stage, texts: Texts, **settings: Any) -> pa.Table:
    """Run one stage over texts: `run_stage("language", ["Guten Tag"])`. `stage` is a name that a recipe can use, or a Stage.

    Columns that the stage reads besides `text` must be in the table. Returns the given columns and those of the stage; raises
    as `score` does.
    """
    table = _table(texts)
    if isinstance(stage, Stage):
        step = Step(stage.name, stage, _settings(stage, settings))
        step.check()
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
        if isinstance(texts, str | bytes):
            raise InputError("texts is one string: give a list of texts")
        texts = _column_or_table(texts)
    names = texts.column_names
    if "text" not in names:
        raise InputError(f"the table has no column 'text', only {', '.join(names) or 'no column at all'}")
    if twice := [name for name in names if names.count(name) > 1]:
        raise InputError(f"the table has two columns {twice[0]!r}: rename one")
    for at, field in enumerate(texts.schema):
        if field.name in READ_SCHEMA.names and field.name != "id":
            kind = READ_SCHEMA.field(field.name).type
            try:
                texts = texts.set_column(at, field.name, texts.column(at).cast(kind))
            except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
                raise InputError(f"column {field.name!r} has type {field.type}; {kind} is required") from None
    return texts


def _column_or_table(texts: Any) -> pa.Table:
    """A data frame or a reader as a table; an array or an iterable of texts as a table with the column `text`."""
    try:
        if isinstance(texts, Mapping):
            return pa.table(dict(texts))
        if hasattr(texts, "__arrow_c_stream__") and not isinstance(texts, pa.Array | pa.ChunkedArray):
            found = pa.chunked_array(texts) if hasattr(texts, "to_frame") else pa.table(texts)  # a series, or a table
            return found if isinstance(found, pa.Table) else pa.table({"text": found})
        return pa.table({"text": texts if isinstance(texts, pa.Array | pa.ChunkedArray) else pa.array(texts, pa.string())})
    except (pa.ArrowException, TypeError, ValueError, KeyError) as error:
        raise InputError(f"texts must be strings or None: {one_line(error)}") from None


def _carry_known_columns(recipe: Recipe, table: pa.Table) -> Recipe:
    """The recipe, told which columns of ours the table has already."""
    known = tuple(name for name in table.column_names if name in COLUMNS and name not in READ_SCHEMA.names)
    return replace(recipe, read=recipe.read.model_copy(update={"carry": known}))


def _apply(table: pa.Table, steps: Sequence[Step], last: Sequence[str]) -> pa.Table:
    """The table after `steps`; of the readers' columns only those that were given, and those named in `last`."""
    batches, given = [], table.column_names
    for start in range(0, max(1, table.num_rows), BATCH_ROWS):
        batch = with_read_columns(table.slice(start, BATCH_ROWS), start)
        for step in steps:
            batch = run_step(step, batch)
        batches.append(batch)
    result = pa.Table.from_batches(batches)
    added = [name for name in result.column_names if name not in given and name not in READ_SCHEMA.names and name not in last]
    kept = [name for name in given if name in result.column_names]  # the stage `extract` uses up `payload`
    return result.select([*kept, *added, *(name for name in last if name in result.column_names)])
