"""The section of a report that compares an output with another one."""

from collections import Counter
from typing import Any

from curricle.pipelines.output.difference import recipe_changes
from curricle.pipelines.output.made_with import recipe_of
from curricle.pipelines.report.changes import KEPT, changes
from curricle.pipelines.report.columns import Judged
from curricle.pipelines.report.documents import read_documents
from curricle.pipelines.report.sections import Block, Card, Section, facts_of
from curricle.pipelines.report.tables import table


def comparison(first: Judged, second: Judged) -> Section:
    """Which documents changed sides between two outputs, and why."""
    found = changes(first, second)
    lost: Counter[str] = Counter()
    won: Counter[str] = Counter()
    for (before, after), count in found.moves.items():
        (lost if before == KEPT else won)[after if before == KEPT else before] += count
    reasons = sorted({*lost, *won}, key=lambda name: (-lost[name] - won[name], name))
    by_rule = table(
        "Documents that changed sides, by rule",
        ("rule or reason", "no longer kept", "kept now"),
        [(name, lost[name], won[name]) for name in reasons],
    )
    texts = {True: read_documents(second.output, [one.place for one in found.examples if one.second])}
    texts[False] = read_documents(first.output, [one.place for one in found.examples if not one.second])
    cards = []
    for one in found.examples:
        document = texts[one.second][one.id]
        facts: tuple[Any, ...] = (f"before: {one.before}; now: {one.after}", *facts_of(document))
        cards.append(Card(document.name, facts, document.excerpt, ()))
    old, new = (recipe_of(one.output).resolved() for one in (first, second))
    settings = [(change,) for change in recipe_changes(old, new)]
    blocks = [Block("By rule", None, (by_rule,) if reasons else (), "" if reasons else "No document changed sides.")]
    if settings:
        blocks.append(Block("Recipes", None, (table("Settings that differ", ("setting",), settings),)))
    return Section(
        "comparison",
        f"Compared with {second.output}",
        f"{lost.total():,} documents that {first.output} keeps are not kept in {second.output}; {won.total():,} are kept only "
        f"there. {found.same:,} have the same outcome and {found.other_reason:,} are kept in neither, for different reasons.",
        tuple(blocks),
        cards=tuple(cards),
    )
