"""An explanation of one document, for a person."""

from collections.abc import Sequence
from textwrap import shorten

import click

from curricle.pipelines.cli.printable import printable
from curricle.pipelines.explain.explanation import Explanation
from curricle.pipelines.explain.percentiles import Score
from curricle.pipelines.explain.verdicts import Verdict, shown, shown_bound
from curricle.pipelines.explain.weights import Weight
from curricle.pipelines.redecide.decision import NOT_MEASURED

PARAGRAPH_CHARS = 300


def print_explanation(explained: Explanation) -> None:
    """Print what became of the document, then its rules, its scores and what weighs most."""
    document, place = explained.document, explained.place
    _print((document.get("url") or document["id"]) if place else "the text")
    _print(f"  {_outcome(explained)}")
    facts = [f"id {document['id']}"] if place else ["in no output"]
    if language := document.get("language"):
        facts.append(f"language {language}")
    if (chars := document.get("text_chars")) is not None:
        facts.append(f"{chars:,} characters")
    _print(f"  {', '.join(facts)}")
    if place:
        _print(f"  {place.file}, row {place.row:,}; from {document['source']}, offset {document['source_offset']:,}")
    for note in explained.notes:
        _print(f"  {note}")
    if explained.verdicts:
        _print_rules(explained.verdicts)
    if explained.scores:
        _print_scores(explained.scores, language)
    for weight in explained.weights:
        _print_weight(weight)
    if explained.original:
        original = explained.original
        _print(f"\nin the input: {original.kind}, {original.bytes:,} bytes\n{original.content}")


def _print(text: str) -> None:
    click.echo(printable(text))


def _print_rules(verdicts: Sequence[Verdict]) -> None:
    head = ("rule", "", "column", "value", "asks for", "by")
    rows = [(one.rule, one.result, one.column, shown(one.value), *_judged(one)) for one in verdicts]
    _print_table("\nrules, in order", [head, *rows], right=())


def _print_scores(scores: Sequence[Score], language: str | None) -> None:
    documents = max(score.documents for score in scores)
    head = ("score", "value", f"percentile of {documents:,} documents", f"of those in {language}" if language else "")
    rows = [(one.column, shown(one.value), _percent(one.percentile), _percent(one.language_percentile)) for one in scores]
    _print_table("\nscores", [head, *rows], right=(1, 2, 3))


def _print_weight(weight: Weight) -> None:
    where = f"paragraph {weight.number} of {weight.paragraphs}"
    _print(f"\n{weight.column} is lowest in {where}: {shown(weight.value)}")
    _print(f"  {shorten(weight.paragraph, PARAGRAPH_CHARS, placeholder=' ...')}")
    if weight.words:
        gains = ", ".join(f"{word} (+{gain:.3f})" for word, gain in weight.words)
        _print(f"  words that lower it most, each with what it costs: {gains}")


def _outcome(explained: Explanation) -> str:
    if explained.split == "kept":
        return "kept: it failed no rule"
    if explained.split == "dead":
        return f"dead letter of {explained.value}: {explained.reason}"
    if explained.reason == NOT_MEASURED:
        return f"rejected: the stage {explained.value!r} never measured it; `curricle redecide --measure` can"
    first = next((one for one in explained.verdicts if one.rule == explained.reason), None)
    if first is None:
        return f"rejected: {explained.reason} ({explained.value})"
    others = [one.rule for one in explained.verdicts if one.result == "failed" and one.rule != explained.reason]
    also = f"; it also failed {', '.join(others)}" if others else ""
    return f"rejected by {first.rule}: {first.column} is {shown(first.value)}; the rule asks for {shown_bound(first.bound)}{also}"


def _judged(one: Verdict) -> tuple[str, str]:
    if one.note:
        return one.note, ""
    by = "" if one.margin is None else f"{shown(abs(one.margin))} {'inside' if one.margin >= 0 else 'outside'}"
    return shown_bound(one.bound), by


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"


def _print_table(title: str, rows: Sequence[Sequence[str]], right: Sequence[int]) -> None:
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    _print(title)
    for row in rows:
        cells = [
            cell.rjust(width) if at in right else cell.ljust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        _print(f"  {'  '.join(cells)}".rstrip())
