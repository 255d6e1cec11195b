"""`curricle redecide`."""

import sys
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from curricle.pipelines.cli.folders import LocalFolder, OutputFolder
from curricle.pipelines.cli.run import settings

if TYPE_CHECKING:
    from curricle.storage.output import OutputPath


@click.command()
@click.argument("output", metavar="OUTPUT", type=OutputFolder(exists=True, file_okay=False))
@click.option("--recipe", help="Recipe with the new rules: a YAML file or a shipped name; by default the recipe of OUTPUT.")
@settings
@click.option(
    "--with",
    "tables",
    multiple=True,
    type=LocalFolder(exists=True, file_okay=False, path_type=Path),
    help="Attribute table whose columns the rules may read. Can be given several times.",
)
@click.option(
    "--measure",
    is_flag=True,
    help="Measure the documents that pass now and that a slow stage has skipped. This loads the recipe's models.",
)
@click.option("--output", "target", type=OutputFolder(), help="Folder, or s3:// or gs:// prefix, for the new output.")
@click.option("--dry-run", is_flag=True, help="Only show what would change, with examples.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(
    output: "OutputPath",
    recipe: str | None,
    settings: tuple[str, ...],
    tables: tuple[Path, ...],
    measure: bool,
    target: "OutputPath | None",
    dry_run: bool,
    as_json: bool,
) -> None:
    """Decide again about the documents of a finished OUTPUT by other rules, without its inputs and without models.

    The new output is what a run with these rules would have written. Documents that the old rules rejected before a slow stage
    measured them stay rejected, with the reason not_measured, unless there is --measure.
    """
    if not dry_run and target is None:
        raise click.UsageError("--output is required, unless there is --dry-run")
    if recipe is None and not settings:
        raise click.UsageError("give --recipe, or --set with a change to a rule")
    from curricle.pipelines.redecide.plan import plan_redecision
    from curricle.pipelines.redecide.run import preview, redecide

    plan = plan_redecision(output, recipe, settings, tables, measure=measure)
    watch = partial(_watch, shards=len(plan.manifests))
    changes = preview(plan, watch=watch) if dry_run or target is None else redecide(plan, target, watch=watch)
    if as_json:
        import orjson

        click.echo(orjson.dumps(changes.to_dict(), option=orjson.OPT_INDENT_2).decode())
        return
    from curricle.pipelines.cli.changes import print_changes

    print_changes(plan, changes, None if dry_run else target)


def _watch(results: Iterator[Any], shards: int) -> Iterable[Any]:
    """Show a bar on a terminal."""
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    return track(results, "shards", total=shards, console=console, transient=True, disable=not sys.stderr.isatty())
