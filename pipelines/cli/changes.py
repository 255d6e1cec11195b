"""What other rules change, for a person."""

import shlex

from rich.console import Console
from rich.table import Table

from curricle.installation import program
from curricle.pipelines.cli.printable import printable
from curricle.pipelines.redecide.decision import NOT_MEASURED
from curricle.pipelines.redecide.plan import Redecision
from curricle.pipelines.redecide.run import Changes
from curricle.storage.output import OutputPath


def print_changes(plan: Redecision, changes: Changes, target: OutputPath | None, console: Console | None = None) -> None:
    """Print documents by rule, before and now, examples, and what could not be decided. `target`: the new output, if written."""
    console = console or Console(highlight=False, soft_wrap=True)
    title = f"{plan.source}: what would change" if target is None else f"{plan.source} -> {target}"
    table = Table(title=title, title_justify="left")
    for name in ("documents", "before", "now", "newly rejected", "newly kept"):
        table.add_column(name, justify="left" if name == "documents" else "right")
    before, now = changes.before, changes.rejected
    out, back = changes.sides()
    table.add_row("in", f"{before.records:,}", f"{before.records:,}", "", "")
    table.add_row("kept", f"{before.rows['kept']:,}", f"{changes.kept:,}", "", _some(back.total()))
    table.add_row("rejected", f"{before.rows['rejected']:,}", f"{now.total():,}", _some(out.total()), "")
    reasons = sorted({*before.rejected, *now}, key=lambda name: (-now[name], -before.rejected[name], name))
    for reason in reasons:
        counts = f"{before.rejected[reason]:,}", f"{now[reason]:,}", _some(out[reason]), _some(back[reason])
        table.add_row(f"  {reason}", *counts)
    table.add_row("dead letters", f"{before.rows['dead']:,}", f"{before.rows['dead']:,}", "", "")
    console.print(table)
    for example in changes.examples:
        value = "" if example.value is None else f" ({example.value})"
        if example.now is None:
            what = f"rejected by {example.before}{value} -> kept"
        else:
            what = f"kept -> rejected by {example.now}{value}"
        console.print(printable(f"{what}: {example.url or example.id}"), markup=False)
    if changes.not_measured:
        console.print(
            f"{changes.not_measured:,} documents fail no rule now, but an old rule had rejected them before a stage measured "
            f"them: they stay rejected, reason {NOT_MEASURED}; --measure measures them"
        )
    if changes.unmatched:
        console.print(f"{changes.unmatched:,} documents have no row in the attribute tables: their values are null")
    for note in changes.notes:
        console.print(f"note: {note}")
    if target is not None:
        console.print(f"\nNext:\n  {program('curricle')} verify {shlex.quote(str(target))}")


def _some(count: int) -> str:
    return f"{count:,}" if count else ""
