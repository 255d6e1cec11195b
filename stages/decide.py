"""Marks rows by rules and drops nothing. The sink splits the marked rows.

Source: the rules are the recipe's. A recipe may have several decisions: each evaluates the rules whose columns
exist by then. A row that an earlier decision rejected keeps its reason; later rules are still listed in `failed_rules`
if their column was measured.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from curricle.schemas.batches import Mask, append_columns
from curricle.schemas.columns import DECISION
from curricle.schemas.condition import Condition
from curricle.schemas.config import Config
from curricle.schemas.languages import UNDETERMINED, canonical
from curricle.schemas.rule import DEFAULT, Bound, Rule, Value
from curricle.schemas.stage import Stage


class DecideConfig(Config):
    """The rules of one decision step, in the order in which they give a reason."""

    rules: tuple[Rule, ...]

    def reads(self) -> tuple[str, ...]:
        """Columns that the rules read."""
        return tuple(dict.fromkeys(name for rule in self.rules for name in rule.reads()))


def decide(batch: pa.RecordBatch, config: DecideConfig) -> pa.RecordBatch:
    """Append or update `reject_reason` (string), `reject_value` (string) and `failed_rules` (list of string).

    Dead rows get nulls in all three.
    """
    rows = batch.num_rows
    alive = batch.column("dead_reason").is_null()
    if "reject_reason" in batch.schema.names:
        reason, value, earlier = (batch.column(column.name) for column in DECISION)
    else:
        reason, value, earlier = (pa.nulls(rows, column.dtype) for column in DECISION)
    already = reason.is_valid().to_numpy(zero_copy_only=False)
    failures = [earlier]
    for rule in config.rules:
        failed = pa.array(_fails(batch, rule, already)) if rows else pa.array([], pa.bool_())
        failed = pc.and_(failed, alive)
        first = pc.and_(failed, reason.is_null())
        if pc.any(first).as_py():
            shown = batch.column(rule.column).cast(pa.string())
            reason = pc.if_else(first, rule.name, reason)
            value = pc.if_else(first, shown, value)
        failures.append(failed)
    names = [rule.name for rule in config.rules]
    failed_rules = _merge_lists(failures[0], failures[1:], names, alive)
    return append_columns(batch, DECISION, {"reject_reason": reason, "reject_value": value, "failed_rules": failed_rules})


def _fails(batch: pa.RecordBatch, rule: Rule, already: Mask) -> Mask:
    """Shape (rows,): True where the row fails `rule`. A null in a row rejected before is no failure: it was skipped."""
    column = batch.column(rule.column)
    null = column.is_null().to_numpy(zero_copy_only=False)
    failed = null & ~already if rule.on_null == "reject" else np.zeros(batch.num_rows, dtype=bool)
    if rule.min is not None or rule.max is not None:
        numbers = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
        failed |= numbers < bounds(rule.min, batch)  # null and "not judged" are NaN: never smaller, never larger
        failed |= numbers > bounds(rule.max, batch)
    for members, wanted in ((rule.values_in, True), (rule.not_in, False)):
        if members is not None:
            inside = pc.is_in(column, value_set=pa.array(_codes(rule.column, members), column.type)).to_numpy(
                zero_copy_only=False
            )
            failed |= ~null & (inside != wanted)
    for name, condition in (rule.where or {}).items():
        failed &= meets(batch.column(name), name, condition)
    return failed


def meets(column: pa.Array, name: str, condition: Condition) -> Mask:
    """Shape (rows,): True where the value is not null and meets the condition."""
    valid: Mask = column.is_valid().to_numpy(zero_copy_only=False)
    if condition.is_range:
        numbers = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
        low = -np.inf if condition.min is None else condition.min
        high = np.inf if condition.max is None else condition.max
        return valid & (numbers >= low) & (numbers <= high)
    members = condition.not_in if condition.values_in is None else condition.values_in
    inside = pc.is_in(column, value_set=pa.array(_codes(name, members or ()), column.type)).to_numpy(zero_copy_only=False)
    return valid & (inside == (condition.values_in is not None))


def _codes(column: str, members: Sequence[Value]) -> list[Value]:
    if column != "language":
        return list(members)
    return [code if code == UNDETERMINED else canonical(str(code)) for code in members]


def bounds(bound: Bound, batch: pa.RecordBatch) -> npt.NDArray[np.float64] | float:
    """The bound of each row, by its language, or the one of all rows; NaN where there is none."""
    if bound is None:
        return np.nan
    if not isinstance(bound, Mapping):
        return bound
    codes = [code for code in bound if code != DEFAULT]
    table = np.array([*(bound[code] for code in codes), bound.get(DEFAULT, np.nan)])
    known = pa.array([canonical(code) for code in codes], pa.string())
    at = pc.fill_null(pc.index_in(batch.column("language"), value_set=known), len(codes))
    return table[at.to_numpy(zero_copy_only=False)]


def _merge_lists(earlier: pa.Array, failures: list[pa.Array], names: list[str], alive: pa.Array) -> pa.Array:
    """One list of rule names a row: those of `earlier`, then the names whose failure is True; null where not alive."""
    rows = len(alive)
    lengths = pc.fill_null(pc.list_value_length(earlier), 0).to_numpy(zero_copy_only=False)
    owners, members = [np.repeat(np.arange(rows), lengths)], [pc.list_flatten(earlier)]
    for name, failed in zip(names, failures, strict=True):
        at = np.flatnonzero(failed.to_numpy(zero_copy_only=False))
        owners.append(at)
        members.append(pa.repeat(name, len(at)).cast(pa.string()))
    owner = np.concatenate(owners)
    order = np.argsort(owner, kind="stable")
    offsets = np.zeros(rows + 1, dtype=np.int32)
    np.cumsum(np.bincount(owner, minlength=rows), out=offsets[1:])
    values = pa.concat_arrays(members).take(pa.array(order))
    return pa.ListArray.from_arrays(pa.array(offsets), values, mask=pc.invert(alive))


STAGE: Final = Stage(name="decide", kernel=decide, config=DecideConfig, reads=DecideConfig.reads, columns=DECISION)
"""Placed where its decisions can be taken: a recipe does not name it among the stages."""
