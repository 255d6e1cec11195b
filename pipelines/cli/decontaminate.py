"""`curricle decontaminate`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from curricle.pipelines.cli.folders import LocalFolder
from curricle.pipelines.cli.run import workers

if TYPE_CHECKING:
    from curricle.pipelines.decontamination.run import Planned


@click.command()
@click.argument("outputs", nargs=-1, required=True, type=LocalFolder(path_type=Path, exists=True, file_okay=False))
@click.option(
    "--against",
    multiple=True,
    required=True,
    metavar="ITEMS",
    help="Evaluation set: a file, a folder, NAME=PATH, or a known name such as gsm8k, loaded from the Hugging Face Hub."
    " Can be given several times.",
)
@click.option(
    "--fields",
    metavar="PART=FIELD,...",
    help="Fields that hold the question, answer, passage or choices, such as question=prompt,answer=target."
    " Usual names are found without it.",
)
@click.option("--output", type=LocalFolder(path_type=Path, file_okay=False), help="Folder to write the attribute table to.")
@click.option("--dry-run", is_flag=True, help="Only show which items would be looked for in which documents; write nothing.")
@workers
@click.option("--quiet", is_flag=True, help="Do not show progress.")
def command(
    outputs: tuple[Path, ...],
    against: tuple[str, ...],
    fields: str | None,
    output: Path | None,
    dry_run: bool,
    workers: int,
    quiet: bool,
) -> None:
    """Find items of evaluation sets in the documents of finished OUTPUTS.

    Writes an attribute table: one row for each kept and rejected document, which says whether it holds an item, which one and
    where; and a report with both texts side by side. The outputs are not changed.
    """
    from curricle.pipelines.decontamination.items import parse_fields
    from curricle.pipelines.decontamination.run import decontaminate, plan

    if output is None and not dry_run:
        raise click.UsageError("give --output, or --dry-run to write nothing")
    planned = plan(outputs, against, parse_fields(fields) if fields else {})
    if output is None or dry_run:
        _print_plan(planned)
        return
    report = decontaminate(planned, output, workers, quiet)
    if report is None:
        click.echo(f"{output}: already finished, with the same items and the same documents")
        return
    _print_report(report)
    click.echo(f"wrote {output}; both texts of the strongest hits: {output / 'report.md'}")


def _print_plan(planned: "Planned") -> None:
    from collections import Counter

    short = planned.too_short()
    for benchmark, count in sorted(Counter(item.benchmark for item in planned.items).items()):
        few = f", {short[benchmark]:,} of them too short to look for" if short[benchmark] else ""
        click.echo(f"{benchmark}: {count:,} items{few}")
    click.echo(f"{planned.documents:,} documents in {len(planned.shards):,} shards")


def _print_report(report: dict[str, Any]) -> None:
    for one in report["benchmarks"]:
        click.echo(
            f"{one['benchmark']}: {one['items_found']:,} of {one['items']:,} items found, in {one['documents']:,} documents"
        )
    click.echo(f"{report['contaminated']:,} of {report['documents']:,} documents hold an item")
