"""`curricle dedup`."""

from pathlib import Path
from typing import Any

import click

from curricle.pipelines.cli.folders import LocalFolder
from curricle.pipelines.cli.run import workers


@click.command()
@click.argument("outputs", nargs=-1, required=True, type=LocalFolder(path_type=Path, exists=True, file_okay=False))
@click.option("--output", type=LocalFolder(path_type=Path, file_okay=False), help="Folder to write the attribute table to.")
@click.option(
    "--level",
    "levels",
    multiple=True,
    type=click.Choice(["exact", "near", "url"]),
    default=("exact", "near"),
    show_default="exact and near",
    help="What counts as a duplicate: the same text apart from case, punctuation and spaces (exact), a measured similarity"
    " (near), the same address (url). Can be given several times.",
)
@click.option(
    "--keep",
    default="best",
    show_default=True,
    metavar="COLUMN,...",
    help="Which copy stays: the one with the highest value in these columns, or the lowest with a minus, such as"
    " date,-perplexity,length. `length` is the number of words, `output` puts earlier OUTPUTS first; `best` is the overall"
    " quality, where all outputs have it, then length.",
)
@click.option(
    "--against",
    multiple=True,
    type=LocalFolder(path_type=Path, exists=True, file_okay=False),
    help="Index of documents that stay in any case, written by --index-out of an earlier deduplication. Can be given several"
    " times.",
)
@click.option(
    "--index-out",
    type=LocalFolder(path_type=Path, file_okay=False),
    help="Folder to write an index of the kept documents that stay to, for --against of later deduplications.",
)
@click.option("--dry-run", is_flag=True, help="Only show how many documents would be compared and how; write nothing.")
@workers
@click.option("--quiet", is_flag=True, help="Do not show progress.")
def command(
    outputs: tuple[Path, ...],
    output: Path | None,
    levels: tuple[str, ...],
    keep: str,
    against: tuple[Path, ...],
    index_out: Path | None,
    dry_run: bool,
    workers: int,
    quiet: bool,
) -> None:
    """Find duplicates and near-duplicates among the documents of finished OUTPUTS.

    Writes an attribute table: one row for each kept and rejected document, which says whether it stays, what it is a duplicate
    of and what was measured; and a report with texts side by side. The outputs are not changed.
    """
    from curricle.pipelines.deduplication.plan import plan
    from curricle.pipelines.deduplication.run import dedup

    if output is None and not dry_run:
        raise click.UsageError("give --output, or --dry-run to write nothing")
    planned = plan(outputs, keep, levels, against, index_out)
    if output is None or dry_run:
        click.echo(f"{planned.documents:,} documents in {len(planned.shards):,} shards")
        for index in planned.indexes:
            click.echo(f"{index.path}: {index.rows:,} documents that stay")
        click.echo(f"levels: {', '.join(planned.levels)}; of copies, the first by {planned.keep} stays")
        return
    report = dedup(planned, output, workers, quiet)
    if report is None:
        click.echo(f"{output}: already finished, with the same documents and options")
        return
    _print_report(report)
    if index_out:
        click.echo(f"wrote {index_out}; use it with --against")
    click.echo(f"wrote {output}; the largest clusters: {output / 'report.md'}")


def _print_report(report: dict[str, Any]) -> None:
    for evidence, count in report["evidence"].items():
        click.echo(f"{evidence}: {count:,} documents")
    click.echo(f"{report['duplicates']:,} of {report['kept']:,} kept documents are duplicates of others that stay")
    if report["not_compared"]:
        click.echo(f"{report['hot_buckets']:,} buckets were too large; {report['not_compared']:,} comparisons were left out")
