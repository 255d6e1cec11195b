"""Everything there is to say of one document, in one object."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa

from curricle.errors import ModelError, one_line
from curricle.pipelines.explain.find import Place, read_row
from curricle.pipelines.explain.original import Original, read_original
from curricle.pipelines.explain.percentiles import Score, numbers_of, scores_in
from curricle.pipelines.explain.text import score_text
from curricle.pipelines.explain.verdicts import Verdict, judge
from curricle.pipelines.explain.weights import Weight, harm, quality
from curricle.pipelines.output.made_with import recipe_of
from curricle.pipelines.plan.recipe import Recipe
from curricle.storage.output import OutputPath

HEAD = ("id", "url", "source", "source_offset", "language", "text_chars")
"""Columns that say which document it is."""

LOGRATIO = "ppl_logratio_"
"""Beginning of the names of columns that hold the log-ratio of a category of harm."""


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """One document: what became of it, what each rule says, and its scores."""

    document: dict[str, Any]  # the columns of HEAD that it has
    place: Place | None  # None for a text that is in no output
    split: str
    reason: str | None  # the first rule that it failed, or why it is a dead letter
    value: str | None  # that the rule judged; the stage, for a dead letter
    verdicts: tuple[Verdict, ...]
    scores: tuple[Score, ...]
    weights: tuple[Weight, ...]  # what weighs most in log-ratios and ratings
    original: Original | None  # what it was in the input, if that was asked for
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)


def explain_document(output: OutputPath, place: Place, source: str | None = None) -> Explanation:
    """Explain a document that is in an output; with `source`, an input, also show what it was there."""
    recipe, row = recipe_of(output), read_row(output, place)
    original = read_original(row, source, recipe.read) if source is not None else None
    if place.split == "dead":
        return Explanation(
            document=_head(row),
            place=place,
            split="dead",
            reason=row.column("dead_reason")[0].as_py(),
            value=row.column("dead_stage")[0].as_py(),
            verdicts=(),
            scores=(),
            weights=(),
            original=original,
            notes=(),
        )
    return _explain(output, recipe, row, place, place.split, original)


def explain_text(output: OutputPath, text: str) -> Explanation:
    """Explain what the recipe of an output says of a text."""
    recipe = recipe_of(output)
    row = score_text(text, recipe)
    if row.column("dead_reason")[0].is_valid:
        split = "dead"
    else:
        split = "kept" if row.column("reject_reason")[0].as_py() is None else "rejected"
    return _explain(output, recipe, row, None, split, None)


def _explain(
    output: OutputPath, recipe: Recipe, row: pa.RecordBatch, place: Place | None, split: str, original: Original | None
) -> Explanation:
    language, verdicts = _value(row, "language"), tuple(judge(row, recipe))
    weights, notes = [], []
    try:
        weights = list(_weights(row, recipe, verdicts))
    except ModelError as error:
        notes.append(f"the paragraph that weighs most is not shown: {one_line(error)}")
    return Explanation(
        document=_head(row),
        place=place,
        split=split,
        reason=_value(row, "dead_reason" if split == "dead" else "reject_reason"),
        value=_value(row, "dead_stage" if split == "dead" else "reject_value"),
        verdicts=verdicts,
        scores=tuple(scores_in(output, numbers_of(row), language)),
        weights=tuple(weights),
        original=original,
        notes=tuple(notes),
    )


def _weights(row: pa.RecordBatch, recipe: Recipe, verdicts: Sequence[Verdict]) -> Iterator[Weight]:
    text = _value(row, "text")
    if not text or not text.strip():
        return
    failed = [one.column.removeprefix(LOGRATIO) for one in verdicts if one.result == "failed" and one.column.startswith(LOGRATIO)]
    found = harm(text, _value(row, "language"), recipe, next(iter(failed), None))
    if found:
        yield found
    for weight in quality(text, recipe):
        if _value(row, weight.column) is not None:
            yield weight


def _head(row: pa.RecordBatch) -> dict[str, Any]:
    return {name: _value(row, name) for name in HEAD if name in row.schema.names}


def _value(row: pa.RecordBatch, column: str) -> Any:
    return row.column(column)[0].as_py() if column in row.schema.names else None
