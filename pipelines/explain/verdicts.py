"""What each rule of a recipe says of one document: passed, failed or not judged, and by how much."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf, isnan
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from curricle.pipelines.output.made_with import steps_of
from curricle.pipelines.plan.recipe import Recipe
from curricle.pipelines.redecide.decision import NOT_MEASURED
from curricle.schemas.column import Column
from curricle.schemas.columns import COLUMNS
from curricle.schemas.condition import Condition
from curricle.schemas.rule import Bound, Rule
from curricle.stages.decide import DecideConfig, bounds, meets

LARGE = 1000  # numbers from here on are shown without decimals
Result = Literal["passed", "failed", "not judged"]


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """One rule and one document."""

    rule: str
    column: str
    value: Any
    bound: Mapping[str, Any]  # what the rule asks of this document: `min` and `max` for its language, `in`, `not_in`
    result: Result
    margin: float | None  # distance to the nearest bound: negative if the document failed by it; None without numbers
    note: str  # why it was not judged; empty otherwise


def judge(row: pa.RecordBatch, recipe: Recipe) -> list[Verdict]:
    """A verdict of each rule, in the order of the recipe, on a row of an output or of `score_text`.

    `row` is one row with the columns that the stages wrote. A rejected row says itself which rules it failed.
    """
    columns = COLUMNS | {column.name: column for step in recipe.steps for column in step.columns}
    skipped = _skipped(row, recipe)
    failed = _value(row, "failed_rules") or ()
    return [_verdict(row, rule, rule.name in failed, columns, skipped) for rule in recipe.decide]


def _verdict(row: pa.RecordBatch, rule: Rule, failed: bool, columns: Mapping[str, Column], skipped: Mapping[str, str]) -> Verdict:
    value = _value(row, rule.column)
    if rule.column not in row.schema.names and _value(row, "reject_reason") == rule.name:  # of an attribute table
        value = _value(row, "reject_value")
    bound: dict[str, Any] = {
        name: limit for name, given in (("min", rule.min), ("max", rule.max)) if (limit := _limit(given, row)) is not None
    }
    bound |= {name: list(values) for name, values in (("in", rule.values_in), ("not_in", rule.not_in)) if values is not None}
    note = "" if failed else _not_judged(row, rule, value, bound, columns, skipped)
    if failed and value is None:
        bound["on_null"] = rule.on_null
    return Verdict(
        rule=rule.name,
        column=rule.column,
        value=value,
        bound=bound,
        result="failed" if failed else "not judged" if note else "passed",
        margin=None if note else _margin(value, bound),
        note=note,
    )


def _not_judged(
    row: pa.RecordBatch,
    rule: Rule,
    value: Any,
    bound: Mapping[str, Any],
    columns: Mapping[str, Column],
    skipped: Mapping[str, str],
) -> str:
    """Why the rule does not apply to the row; empty if it does."""
    for name, condition in (rule.where or {}).items():
        if name not in row.schema.names:
            return f"the output has no column {name!r}"
        if not meets(row.column(name), name, condition)[0]:
            return f"only where {name} is {shown_condition(condition)}; it is {shown(_value(row, name))}"
    if rule.column not in row.schema.names:
        return f"the output has no column {rule.column!r}"
    if value is None or (isinstance(value, float) and isnan(value)):
        if rule.column in skipped:
            return f"the stage {skipped[rule.column]!r} skips rejected documents"
        column = columns.get(rule.column)
        return "no value" + (f" ({column.null})" if column else "")
    if not bound:
        return f"no bound for the language {shown(_value(row, 'language'))}"
    return ""


def _skipped(row: pa.RecordBatch, recipe: Recipe) -> dict[str, str]:
    """The columns of stages that did not process the row because a rule had rejected it before: column to stage."""
    reason = _value(row, "reject_reason")
    found: dict[str, str] = {}
    if reason is None:
        return found
    rejected = False
    for step in steps_of(recipe, row.schema):
        if isinstance(step.config, DecideConfig):
            rejected = rejected or reason in [rule.name for rule in step.config.rules]
        elif reason == NOT_MEASURED and step.name == _value(row, "reject_value"):
            rejected = True
            found |= {column.name: step.name for column in step.columns}
        elif rejected and step.stage.skips_rejected:
            found |= {column.name: step.name for column in step.columns}
    return found


def _limit(bound: Bound, row: pa.RecordBatch) -> float | None:
    """The bound for the row's language; None if there is none."""
    if isinstance(bound, Mapping) and "language" not in row.schema.names:
        return None
    limit = float(np.asarray(bounds(bound, row)).reshape(-1)[0])
    return None if isnan(limit) else limit


def _margin(value: Any, bound: Mapping[str, Any]) -> float | None:
    if not isinstance(value, int | float) or isnan(value):
        return None
    margins = [value - bound["min"]] if "min" in bound else []
    margins += [bound["max"] - value] if "max" in bound else []
    return float(min(margins)) if margins else None


def _value(row: pa.RecordBatch, column: str) -> Any:
    return row.column(column)[0].as_py() if column in row.schema.names else None


def shown(value: Any) -> str:
    """A value as a person reads it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.0f}" if LARGE <= abs(value) < inf else f"{value:.4g}"
    return str(value)


def shown_condition(condition: Condition) -> str:
    """`en or de`, `at least 3`."""
    if condition.is_range:
        return shown_bound({name: limit for name in ("min", "max") if (limit := getattr(condition, name)) is not None})
    name = "in" if condition.not_in is None else "not_in"
    return shown_bound({name: condition.not_in or condition.values_in})


def shown_bound(bound: Mapping[str, Any]) -> str:
    """What a rule asks, in words: `at least 0.65`."""
    words = {"min": "at least", "max": "at most"}
    parts = [f"{words[name]} {shown(bound[name])}" for name in words if name in bound]
    for name, word in (("in", ""), ("not_in", "not ")):
        if name in bound:
            members = [shown(one) for one in bound[name]]
            parts.append(word + (f"one of {len(members)} values" if len(members) > 12 else " or ".join(members)))
    return ", ".join(parts) or ("a value" if bound.get("on_null") == "reject" else "")
