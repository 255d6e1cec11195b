"""`curricle stats`."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from curricle.pipelines.cli.folders import OutputFolder
from curricle.pipelines.cli.printable import printable

if TYPE_CHECKING:
    from curricle.pipelines.report.statistics import Group
    from curricle.storage.output import OutputPath

SHOWN = 10  # values of a category


@click.command()
@click.argument("output", type=OutputFolder(exists=True, file_okay=False))
@click.option("--by", default="", metavar="COLUMNS", help="Group documents by these columns, such as language,domain or split.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, with all values of every category.")
def command(output: "OutputPath", by: str, as_json: bool) -> None:
    """Print quantiles of every numeric column of OUTPUT and counts of every category, over kept and rejected documents.

    The values are exact. Texts are not read.
    """
    from curricle.pipelines.report.statistics import statistics

    found = statistics(output, [name for part in by.split(",") if (name := part.strip())])
    if as_json:
        import orjson

        click.echo(orjson.dumps(asdict(found), option=orjson.OPT_INDENT_2).decode())
        return
    for group in found.groups:
        _print_group(group)
    if found.not_counted:
        click.echo(f"not counted, too many different values: {', '.join(found.not_counted)}")


def _print_group(group: "Group") -> None:
    named = ", ".join(f"{name} {_shown(value)}" for name, value in group.group.items())
    counts = f"{group.documents:,} documents: {group.kept:,} kept, {group.rejected:,} rejected"
    click.echo(printable(f"{named}: {counts}" if named else counts))
    if group.numbers:
        head = ["column", *next(iter(group.numbers.values()))]
        _print_table([head, *([name, *map(_shown, row.values())] for name, row in group.numbers.items())])
    for name, values in group.categories.items():
        parts = [f"{value} {count:,}" for value, count in list(values.items())[:SHOWN]]
        more = [f"{len(values) - SHOWN:,} more values"] if len(values) > SHOWN else []
        if parts:
            click.echo(printable(f"  {name}: {', '.join([*parts, *more])}"))
    click.echo()


def _print_table(rows: list[list[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for name, *cells in rows:
        right = (cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True))
        click.echo(printable(f"  {name.ljust(widths[0])}  {'  '.join(right)}"))


def _shown(value: Any) -> str:
    from curricle.pipelines.explain.verdicts import shown

    return shown(value)
