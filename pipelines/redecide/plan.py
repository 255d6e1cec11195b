"""What is decided again and how: the old recipe, the new one, and that they differ only in rules."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from curricle.errors import OutputError, RecipeError, did_you_mean
from curricle.pipelines.output.difference import differences, read_recipe, recipe_changes
from curricle.pipelines.output.joined_tables import JoinedTable, check_names, open_table
from curricle.pipelines.output.made_with import columns_of_others, recipe_of, steps_of
from curricle.pipelines.output.manifest import Manifest, finished_run, read_manifests
from curricle.pipelines.output.write import SPLITS
from curricle.pipelines.plan.fingerprint import code_sha256, fingerprint_sha256
from curricle.pipelines.plan.model_uses import check_models
from curricle.pipelines.plan.recipe import Recipe, check_recipe, load_recipe
from curricle.pipelines.plan.run_plan import Plan, parts_of, place_decisions
from curricle.pipelines.plan.settings import apply_settings
from curricle.pipelines.plan.stage_table import Steps
from curricle.pipelines.redecide.decision import NOT_MEASURED, Measured, measured
from curricle.schemas.columns import COLUMNS, DECISION
from curricle.schemas.stage import Step
from curricle.storage.output import OutputPath

SHOWN = 3  # differences that a message names
CHANGE_TEXT = ("redact", "clean_lines", "datatrove")
"""Stages that change texts after `extract`."""

DECIDED, INCOMPLETE, WITH = "code of the decision", "measurement", "attributes "
"""Parts of a fingerprint, or beginnings of them, that only a redecision has."""


@dataclass(frozen=True)
class Redecision:
    """Everything that is known before a document is judged."""

    source: OutputPath
    record: dict[str, Any]  # run.json of the source
    manifests: tuple[Manifest, ...]
    before: Recipe
    new: Plan  # of the new output: recipe, steps, schemas, fingerprint
    measured: Measured
    tables: tuple[JoinedTable, ...]
    measure: bool  # whether documents that were never measured are measured now

    def made_by(self, parts: dict[str, str]) -> "Redecision":
        """The same, for an output whose fingerprint has these parts."""
        metadata = {"curricle": fingerprint_sha256(parts), "curricle.recipe": parts["recipe"]}
        schemas = {split: schema.with_metadata(metadata) for split, schema in self.new.schemas.items()}
        return replace(self, new=replace(self.new, schemas=schemas, fingerprint_inputs=parts))

    def incomplete(self) -> "Redecision":
        """The same, for an output in which documents are rejected because they were never measured: no run makes such a one."""
        return self.made_by({**self.new.fingerprint_inputs, INCOMPLETE: "incomplete"})

    @property
    def carried(self) -> frozenset[str]:
        """Columns that come from the input."""
        return frozenset(self.new.recipe.read.carry)

    def columns(self) -> tuple[str, ...]:
        """The columns of the files that are read to judge: those of rules, and carried ones of slow stages."""
        names = [name for rule in self.new.recipe.decide for name in rule.reads()]
        for step in self.new.steps:
            if step.stage.skips_rejected:
                names += [column.name for column in step.columns if column.name in self.carried]
        schema = self.new.schemas["kept"]
        return tuple(dict.fromkeys(name for name in names if name in schema.names))

    def notes(self) -> tuple[str, ...]:
        """What a run of the new recipe could decide otherwise, one line each."""
        found = []
        if self.record["made_by"].get("code") != code_sha256():
            found.append("measured by another version of curricle: a run of this version may measure other values")
        late = [(at, step.name) for at, step in enumerate(self.new.steps) if _changes_text(step)]
        for at, step in enumerate(self.new.steps):
            rules = getattr(step.config, "rules", ()) if step.stage.name == "decide" else ()
            names = [rule.name for rule in rules if {"text", "text_chars"}.intersection(rule.reads())]
            changing = [name for later, name in late if later > at]
            if names and changing:
                found.append(
                    f"{', '.join(names)}: judged by the text as the stage {changing[0]!r} left it, a run judges before it"
                )
        for step in self.new.recipe.steps:
            if step.stage.skips_rejected and self.carried.intersection(column.name for column in step.columns):
                found.append(
                    f"{step.name}: values that were carried and values that it measured are judged alike; a run judges them apart"
                )
        return tuple(found)


def plan_redecision(
    source: OutputPath, recipe: str | None, settings: Sequence[str], tables: Sequence[Path] = (), *, measure: bool = False
) -> Redecision:
    """The new recipe is at a path or a shipped one, or the output's own; `settings` are applied to it.

    With `measure`, documents that a stage skipped are measured, which needs the models and versions of the run. Raises
    OutputError for an output that is not finished, RecipeError for a recipe that differs in more than its rules.
    """
    record = finished_run(source)
    manifests = tuple(read_manifests(source))
    if not manifests:
        raise OutputError(f"{source}: no finished shard in this folder")
    before = recipe_of(source)
    after = _own_recipe(source, before.name, settings) if recipe is None else load_recipe(recipe, settings)
    _check_same(source, before, after)
    if any(rule.name == NOT_MEASURED for rule in after.decide):
        raise RecipeError(f"recipe {after.name}: a rule cannot be named {NOT_MEASURED!r} here: redecide gives this reason itself")
    opened = tuple(open_table(path) for path in tables)
    stored = {split: _schema(source, manifests[0], split) for split in SPLITS}
    own = [name for name in stored["rejected"].names if name not in {column.name for column in DECISION}]
    check_names(opened, own, [name for rule in after.decide for name in rule.reads()])
    others = [*columns_of_others(before, stored["kept"]), *(column for table in opened for column in table.columns)]
    run_parts = {key: value for key, value in record["made_by"].items() if not key.startswith((DECIDED, INCOMPLETE, WITH))}
    made_by = {**run_parts, "recipe": after.sha256()}
    _check_columns(after, [column.name for column in others])
    steps = place_decisions(after, others=others)
    if measure:
        _check_measure(source, before, after, steps, made_by)
    if run_parts.get("code") != (code := code_sha256()):
        made_by[DECIDED] = code
    made_by |= {f"{WITH}{table.path.name}": table.fingerprint for table in opened}
    redecision = Redecision(
        source=source,
        record=record,
        manifests=manifests,
        before=before,
        new=Plan(
            recipe=after,
            steps=steps,
            schemas=stored,
            shards=(),
            fingerprint_inputs={},
            left_out=tuple(record.get("left_out", ())),
        ),
        measured=measured(steps_of(before, stored["kept"])),
        tables=opened,
        measure=measure,
    )
    return redecision.made_by(made_by)


def _own_recipe(source: OutputPath, name: str, settings: Sequence[str]) -> Recipe:
    content = read_recipe(source)
    changes = apply_settings(content, settings)
    return check_recipe(name, content, str(source / "recipe.yaml"), changes=changes)


def _check_same(source: OutputPath, before: Recipe, after: Recipe) -> None:
    """RecipeError, one line, unless the recipes differ only in `decide`."""
    old, new = ({key: recipe.resolved()[key] for key in ("read", "stages")} for recipe in (before, after))
    changes = list(recipe_changes(old, new))
    if not changes and list(old["stages"]) != list(new["stages"]):
        changes = ["the order of the stages"]
    if changes:
        more = f"; and {len(changes) - SHOWN} more" if len(changes) > SHOWN else ""
        raise RecipeError(
            f"recipe {after.name}: not only rules differ from {source} ({'; '.join(changes[:SHOWN])}{more}); documents must be "
            "measured again: use `curricle run`"
        )


def _check_columns(after: Recipe, others: Sequence[str]) -> None:
    """RecipeError for a rule that reads a column which no stage writes and no table holds."""
    known = {*COLUMNS, *others, *(column.name for step in after.steps for column in step.columns)}
    for rule in after.decide:
        for name in rule.reads():
            if name not in known:
                raise RecipeError(
                    f"recipe {after.name}: rule {rule.name!r} reads column {name!r}, which no stage writes; name the attribute "
                    f"table that has it (--with){did_you_mean(name, known)}"
                )


def _check_measure(source: OutputPath, before: Recipe, after: Recipe, steps: Steps, made_by: Mapping[str, str]) -> None:
    """OutputError unless stages that skipped documents would give the values here that they gave in the run."""
    check_models(after)
    if (parts := parts_of(after, steps)) != made_by:
        what = differences(made_by, parts, before.resolved(), after.resolved())
        raise OutputError(f"{source}: made with {what}; --measure needs what the run had")
    first = next((at for at, step in enumerate(after.steps) if step.stage.skips_rejected), len(after.steps))
    for step in after.steps[first:]:
        if _changes_text(step):
            raise OutputError(
                f"{source}: the stage {step.name!r} may change texts, so {after.steps[first].name!r} cannot be measured as in "
                "the run; leave --measure out"
            )


def _changes_text(step: Step) -> bool:
    return step.stage.name in CHANGE_TEXT or step.module is not None


def _schema(source: OutputPath, manifest: Manifest, split: str) -> pa.Schema:
    with (source / manifest["files"][split]["path"]).open("rb") as stored:
        return pq.read_schema(stored)
