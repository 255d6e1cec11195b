"""`curricle stats`."""

from typing import TYPE_CHECKING

import click

from curricle.pipelines.cli.folders import OutputFolder

if TYPE_CHECKING:
    from curricle.pipelines.output.statistics import Numbers, Statistics
    from curricle.storage.output import OutputPath


@click.command()
@click.argument("output", type=OutputFolder(exists=True, file_okay=False))
@click.option("--by", default="", metavar="COLUMNS", help="Also show groups: `language`, or several as `language,outcome`.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(output: "OutputPath", by: str, as_json: bool) -> None:
    """Show the distribution of every column of an OUTPUT: quantiles of numbers, counts of categories.

    Kept and rejected documents count. `outcome` is a column too: `kept`, or the rule that rejected the document.
    """
    from curricle.pipelines.output.statistics import statistics

    found = statistics(output, [name.strip() for name in by.split(",") if name.strip()])
    if as_json:
        import orjson

        click.echo(orjson.dumps(found.to_dict(), option=orjson.OPT_INDENT_2).decode())
        return
    _print(found)


def _print(found: "Statistics") -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False, soft_wrap=True)
    console.width = max(console.width, 130)
    table = Table(title="numbers", title_justify="left")
    grouped = len(found.documents) > 1
    for name in ("column", *(["group"] if grouped else []), "values", "nulls", "mean", "min", "p5", "median", "p95", "max"):
        table.add_column(name, justify="left" if name in ("column", "group") else "right", no_wrap=True)
    for row in found.numbers:
        table.add_row(row.column, *([row.group] if grouped else []), f"{row.count:,}", f"{row.nulls:,}", *_figures(row))
    console.print(table)
    table = Table(title="categories", title_justify="left")
    for name in ("column", *(["group"] if grouped else []), "value", "documents", "share"):
        table.add_column(name, justify="right" if name in ("documents", "share") else "left")
    for part in found.categories:
        total = found.documents[part.group]
        counts = {
            **part.values,
            **({"others": part.others} if part.others else {}),
            **({"null": part.nulls} if part.nulls else {}),
        }
        for value, count in counts.items():
            share = f"{count / max(total, 1):.1%}"
            table.add_row(part.column, *([part.group] if grouped else []), value, f"{count:,}", share)
    console.print(table)


def _figures(row: "Numbers") -> list[str]:
    values = (row.mean, row.minimum, row.quantiles["p5"], row.quantiles["median"], row.quantiles["p95"], row.maximum)
    return ["" if value is None else f"{value:,.4g}" if abs(value) < 1e5 else f"{value:,.0f}" for value in values]
