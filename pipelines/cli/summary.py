"""The table at the end of a run, for a person."""

import shlex

from rich.console import Console
from rich.table import Table

from curricle.installation import program
from curricle.pipelines.execute.run import RunResult
from curricle.pipelines.plan.run_plan import Plan
from curricle.storage.output import OutputPath

SHOWN_NOTES = 5


def print_summary(plan: Plan, result: RunResult, output: OutputPath, console: Console | None = None) -> None:
    """Print documents in, kept, rejected by each reason, dead letters, time by stage, and what to do next."""
    console = console or Console(highlight=False, soft_wrap=True)
    totals = result.totals
    table = Table(title=f"{plan.recipe.name}: {output}", title_justify="left")
    table.add_column("documents")
    table.add_column("count", justify="right")
    table.add_column("share", justify="right")
    rows = [("in", totals.records), ("kept", totals.rows["kept"]), ("rejected", totals.rows["rejected"])]
    rows += [(f"  {reason}", count) for reason, count in totals.rejected.most_common()]
    rows += [("dead letters", totals.rows["dead"])]
    rows += [(f"  {reason}", count) for reason, count in totals.dead.most_common(8)]
    for name, count in rows:
        table.add_row(name, f"{count:,}", f"{count / max(1, totals.records):.1%}")
    console.print(table)
    if plan.left_out:
        console.print(plan.left_out_line())
    if totals.skipped:
        console.print(f"skipped: {totals.skipped_kinds()}")
    for note, files in totals.notes.most_common(SHOWN_NOTES):
        console.print(f"note: {note}" + (f" ({files} files)" if files > 1 else ""))
    if result.ran.shards:
        megabytes = sum(result.ran.text_bytes.values()) / 1e6
        console.print(f"{megabytes:.1f} MB of text in {result.seconds:.1f} s, {megabytes / max(result.seconds, 1e-9):.2f} MB/s")
    if cpu := sum(result.cpu_us.values()):
        shares = sorted(result.cpu_us.items(), key=lambda item: -item[1])
        console.print("CPU by stage: " + ", ".join(f"{stage} {us / cpu:.0%}" for stage, us in shares))
    for note in result.notes:
        console.print(note)
    for source, cause in result.failed.items():
        console.print(f"FAILED {source}: {cause}", style="red")
    for line in result.too_many_dead:
        console.print(f"TOO MANY DEAD LETTERS {line}", style="red")
    if not totals.records:
        console.print("No documents: the inputs hold none.", style="red")
    if not totals.rows["kept"] + totals.rows["rejected"]:
        return
    console.print("\nNext:")
    curricle, folder = program("curricle"), shlex.quote(str(output))
    console.print(f"  {curricle} verify {folder}")
    console.print(
        f'  {program("python")} -c "import pyarrow.parquet as pq; '
        f"t = pq.read_table('{output}/rejected', columns=['url', 'language', 'reject_reason', 'reject_value']); "
        "print(*t.to_pylist(), sep='\\n')\"",
    )
    console.print(f"  {curricle} run web --input YOUR.warc.gz --input YOUR.jsonl.zst --output OUT")
