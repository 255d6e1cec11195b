"""Turns a recipe and inputs into a plan: steps in order, output schemas and shards. Whatever can be wrong is found here."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import pyarrow as pa

from curricle.errors import did_you_mean
from curricle.pipelines.inputs.carried import with_types
from curricle.pipelines.inputs.find import SHOWN, find_inputs, plan_shards
from curricle.pipelines.plan.fingerprint import fingerprint, fingerprint_sha256, model_hashes, package_versions
from curricle.pipelines.plan.model_uses import check_models
from curricle.pipelines.plan.recipe import Recipe, RecipeError
from curricle.pipelines.plan.rule_checks import check_rules
from curricle.pipelines.plan.stage_table import Steps, modules_of, writer_of
from curricle.schemas.column import Column, schema_of
from curricle.schemas.columns import DEAD, DECISION, DOCUMENT, PAYLOAD
from curricle.schemas.extensions import code_hashes
from curricle.schemas.shards import Shard
from curricle.schemas.stage import Step
from curricle.stages.decide import STAGE as DECIDE
from curricle.stages.decide import DecideConfig
from curricle.stages.read.config import ReadConfig
from curricle.stages.read.parquet import open_parquet

EXTRACT = "extract"
"""The stage that fills `text`. By name, because importing it is slow."""

InputColumns = Callable[[], set[str] | None]
"""Returns the names of the input's columns; None where they are not known."""


@dataclass(frozen=True)
class Plan:
    """What a run will do."""

    recipe: Recipe
    steps: Steps
    schemas: dict[str, pa.Schema]  # by split, with the fingerprint in the metadata
    shards: tuple[Shard, ...]  # largest first
    fingerprint_inputs: dict[str, str]  # by name: recipe, code and models as hashes
    left_out: tuple[str, ...] = ()  # files of the input folders that are not read, each with the reason

    @property
    def fingerprint(self) -> str:
        """One hash over recipe, models, code and package versions."""
        return fingerprint_sha256(self.fingerprint_inputs)

    def left_out_line(self) -> str:
        """One line about the files that are not read; empty if there are none."""
        more = len(self.left_out) - SHOWN
        shown = "; ".join(self.left_out[:SHOWN]) + (f"; and {more} more" if more > 0 else "")
        return f"left out, {len(self.left_out)} files: {shown}" if self.left_out else ""

    @property
    def models(self) -> bool:
        """Whether a stage loads a model."""
        return any(name.startswith("model ") for name in self.fingerprint_inputs)


def make_plan(recipe: Recipe, patterns: Sequence[str]) -> Plan:
    """Check the recipe's wiring, find its models and the inputs, and split them; starts nothing.

    Raises RecipeError, ModelError or InputError, each one line.
    """
    check_models(recipe)
    left_out: list[str] = []
    files = find_inputs(patterns, left_out)
    recipe = replace(recipe, read=with_types(recipe.read, files))
    steps = place_decisions(recipe, partial(_input_columns, patterns))
    inputs = parts_of(recipe, steps)
    metadata = {"curricle": fingerprint_sha256(inputs), "curricle.recipe": inputs["recipe"]}
    schemas = {split: schema.with_metadata(metadata) for split, schema in output_schemas(recipe.read, steps).items()}
    shards = plan_shards(files, recipe.read)
    if any(shard.format == "warc" for shard in shards):
        _check_order(recipe)
    return Plan(
        recipe, steps, schemas, tuple(sorted(shards, key=lambda shard: (-shard.size, shard.name))), inputs, tuple(left_out)
    )


def parts_of(recipe: Recipe, steps: Steps) -> dict[str, str]:
    """The parts of the fingerprint of a run of these steps here, by name. Raises ModelError if a model is missing."""
    packages = package_versions(name for step in steps for name in step.packages)
    outside = code_hashes(module for step in steps for module in modules_of(step))
    return fingerprint(recipe, model_hashes(steps), packages) | {f"code {package}": sha for package, sha in outside.items()}


def _check_order(recipe: Recipe) -> None:
    """RecipeError if a step reads the text of HTML pages before it is extracted, or if it never is."""
    for at, step in enumerate(recipe.steps):
        if step.stage.name == EXTRACT:
            return
        later = next((later.name for later in recipe.steps[at + 1 :] if later.stage.name == EXTRACT), None)
        if "text" in step.reads and later is None:
            raise RecipeError(
                f"recipe {recipe.name}: stage {step.name!r} reads texts, and WARC files hold HTML pages: put the stage 'extract' "
                "before it"
            )
        if later and "text" in step.reads:
            raise RecipeError(
                f"recipe {recipe.name}: stage {step.name!r} stands before {later!r}, which fills the text of HTML pages: put "
                f"{later!r} first"
            )


def place_decisions(recipe: Recipe, input_columns: InputColumns = lambda: None, others: Sequence[Column] = ()) -> Steps:
    """The recipe's steps with decisions placed before each step that skips rejected rows and at the end, each with the rules
    that it can judge. `others` are columns besides those of the reader and of the steps, known from the start.

    Raises RecipeError if a step or a rule reads a column that nothing before it writes, if two steps write the same column, or if
    a rule asks for what its column never holds.
    `input_columns` is asked only then, for a better message.
    """
    known = {column.name for column in (*DOCUMENT, *PAYLOAD, *recipe.read.carried(), *others)}
    writers = {column.name: "the reader" for column in (*DOCUMENT, *PAYLOAD, *DEAD)}
    writers |= {column.name: "the decision" for column in DECISION}
    waiting = list(recipe.decide)
    steps: list[Step] = []

    def decide(last: bool) -> None:
        ready = tuple(rule for rule in waiting if known.issuperset(rule.reads()))
        if ready or last:
            steps.append(Step("decide", DECIDE, DecideConfig(rules=ready)))
            waiting[:] = [rule for rule in waiting if rule not in ready]

    def missing(column: str) -> str:
        return _advice(column, known, recipe.steps, input_columns)

    for step in recipe.steps:
        for name in step.reads:
            if name not in known:
                raise RecipeError(f"recipe {recipe.name}: stage {step.name!r} reads column {name!r}: {missing(name)}")
        if step.stage.skips_rejected:
            decide(last=False)
        steps.append(step)
        for column in step.columns:
            if column.name in writers:
                other = writers[column.name]
                raise RecipeError(f"stage {step.name!r} and {other} both write column {column.name!r}: rename one")
            writers[column.name] = f"stage {step.name!r}"
            known.add(column.name)
    decide(last=True)
    for rule in waiting:
        name = next(name for name in rule.reads() if name not in known)
        raise RecipeError(f"recipe {recipe.name}: rule {rule.name!r} reads column {name!r}: {missing(name)}")
    columns = (
        *DOCUMENT,
        *PAYLOAD,
        *recipe.read.carried(),
        *others,
        *(column for step in recipe.steps for column in step.columns),
    )
    check_rules(recipe.decide, {column.name: column for column in columns}, f"recipe {recipe.name}")
    return tuple(steps)


def _advice(column: str, known: set[str], steps: Sequence[Step], input_columns: InputColumns) -> str:
    """What to do about a column that is not known where it is read."""
    for step in steps:
        if column in [written.name for written in step.columns]:
            return f"put the stage {step.name!r} before it"
    found = writer_of(column)
    if found is None:
        return f"no stage writes this column{did_you_mean(column, known)}"
    stage, setting = found
    advice = f"put the stage {stage!r} before it" if setting is None else f"{setting} of the stage {stage!r}"
    names = input_columns()
    if names is None:
        return f"{advice}, or add read.carry: [{column}] if the input has this column"
    return f"the input has it: add read.carry: [{column}]" if column in names else advice


def _input_columns(patterns: Sequence[str]) -> set[str] | None:
    """Names of the columns that every input has; None where that is not known without reading the inputs."""
    inputs = find_inputs(patterns)
    if any(file.format != "parquet" for file in inputs):
        return None
    return set.intersection(*(set(open_parquet(file.url).schema_arrow.names) for file in inputs))


def output_schemas(read: ReadConfig, steps: Steps) -> dict[str, pa.Schema]:
    """Columns of kept, rejected and dead files."""
    columns: dict[str, Column] = {column.name: column for column in (*DOCUMENT, *read.carried())}
    for step in steps:
        if step.stage is not DECIDE:
            columns.update({column.name: column for column in step.columns})
    kept = [*columns.values()]
    dead = [column for column in DOCUMENT if column.name != "text"]
    return {
        "kept": schema_of(kept),
        "rejected": schema_of([*kept, *DECISION]),
        "dead": schema_of([*dead, *DEAD]),
    }
