"""Recipe and inputs to a plan: steps in order, output schemas, shards; everything that can be wrong is found here."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import pyarrow as pa
from curricle.pipelines.inputs.find import find_inputs, plan_shards
from curricle.pipelines.plan.fingerprint import fingerprint, fingerprint_sha256, model_hashes, package_versions
from curricle.pipelines.plan.model_uses import check_models
from curricle.pipelines.plan.recipe import Recipe, RecipeError
from curricle.pipelines.plan.stage_table import StageConfig, Steps, writer_of
from curricle.schemas.column import Column, schema_of
from curricle.schemas.columns import DEAD, DECISION, DOCUMENT, PAYLOAD
from curricle.schemas.config import Config, did_you_mean
from curricle.schemas.shards import Shard
from curricle.stages.decide import DecideConfig
from curricle.stages.read.config import ReadConfig


@dataclass(frozen=True)
class Plan:
    """What a run will do."""

    recipe: Recipe
    steps: Steps
    schemas: dict[str, pa.Schema]  # by split, with the fingerprint in the metadata
    shards: tuple[Shard, ...]  # largest first
    fingerprint_inputs: dict[str, str]  # by name: recipe, code and models as hashes

    @property
    def fingerprint(self) -> str:
        """One hash over recipe, models, code and package versions."""
        return fingerprint_sha256(self.fingerprint_inputs)

    @property
    def models(self) -> bool:
        """Whether a stage loads a model."""
        return any(name.startswith("model ") for name in self.fingerprint_inputs)


def make_plan(recipe: Recipe, patterns: Sequence[str]) -> Plan:
    """Check the recipe's wiring, find its models and the inputs, and split them; starts nothing.

    Raises RecipeError, ModelError or InputError, each one line.
    """
    check_models(recipe)
    steps = place_decisions(recipe)
    configs = [config for _, config in steps]
    inputs = fingerprint(recipe, model_hashes([cast(StageConfig, config) for config in configs]), package_versions(configs))
    metadata = {"curricle": fingerprint_sha256(inputs), "curricle.recipe": inputs["recipe"]}
    schemas = {split: schema.with_metadata(metadata) for split, schema in output_schemas(recipe.read, steps).items()}
    shards = plan_shards(find_inputs(patterns), recipe.read)
    return Plan(recipe, steps, schemas, tuple(sorted(shards, key=lambda shard: (-shard.size, shard.name))), inputs)


def place_decisions(recipe: Recipe) -> Steps:
    """The recipe's stages with decisions put before each expensive stage and at the end, each with the rules it can judge.

    Raises RecipeError if a stage or a rule reads a column that nothing before it writes.
    """
    there = {column.name for column in (*DOCUMENT, *PAYLOAD, *recipe.read.carried())}
    waiting = list(recipe.decide)
    steps: list[tuple[str, Config]] = []

    def decide(last: bool) -> None:
        ready = tuple(rule for rule in waiting if there.issuperset(rule.reads()))
        if ready or last:
            steps.append(("decide", DecideConfig(rules=ready)))
            waiting[:] = [rule for rule in waiting if rule not in ready]

    for name, config in recipe.stages:
        stage = cast(StageConfig, config)
        for column in stage.reads():
            if column not in there:
                raise RecipeError(f"recipe {recipe.name}: stage {name!r} reads column {column!r}: {_advice(column, there)}")
        if stage.expensive:
            decide(last=False)
        steps.append((name, config))
        there.update(column.name for column in stage.writes())
    decide(last=True)
    for rule in waiting:
        missing = next(column for column in rule.reads() if column not in there)
        raise RecipeError(f"recipe {recipe.name}: rule {rule.name!r} reads column {missing!r}: {_advice(missing, there)}")
    return tuple(steps)


def _advice(column: str, there: set[str]) -> str:
    found = writer_of(column)
    if found is None:
        return f"no stage writes this column{did_you_mean(column, there)}"
    stage, setting = found
    if setting is not None:
        return f"{setting} of the stage {stage!r}"
    return f"put the stage {stage!r} before it, or add read.carry: [{column}] if the input has this column"


def output_schemas(read: ReadConfig, steps: Steps) -> dict[str, pa.Schema]:
    """Columns of kept, rejected and dead files."""
    columns: dict[str, Column] = {column.name: column for column in (*DOCUMENT, *read.carried())}
    for name, config in steps:
        if name != "decide":
            columns.update({column.name: column for column in cast(StageConfig, config).writes()})
    kept = [*columns.values()]
    dead = [column for column in DOCUMENT if column.name != "text"]
    return {
        "kept": schema_of(kept),
        "rejected": schema_of([*kept, *DECISION]),
        "dead": schema_of([*dead, *DEAD]),
    }
