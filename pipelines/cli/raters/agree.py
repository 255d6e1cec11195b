"""`curricle raters agree`."""

from pathlib import Path

import click

_FILE = click.Path(path_type=Path, exists=True)


@click.command()
@click.argument("first", type=_FILE)
@click.argument("second", type=_FILE)
@click.option("--by", default="", help="Columns of FIRST, with commas: figures for each of their values too.")
@click.option("--prefix", default="quality_", show_default=True, help="Of FIRST's rating columns.")
@click.option("--second-prefix", help="Of SECOND's.  [default: that of FIRST]")
@click.option("--domain-column", default="domain", show_default=True, help="FIRST's.")
@click.option("--second-domain-column", help="SECOND's.  [default: that of FIRST]")
def agree(
    first: Path,
    second: Path,
    by: str,
    prefix: str,
    second_prefix: str | None,
    domain_column: str,
    second_domain_column: str | None,
) -> None:
    """Agreement of two raters, from Parquet files (or folders) of their ratings, joined on `id`, else on `text`.

    Per criterion: exact, within one, quadratic-weighted kappa and Spearman, with 95 % bootstrap intervals.
    """
    from curricle.models.raters.ratings import RatingColumns
    from curricle.pipelines.ratings.agreement import agreement_table, compare

    columns = RatingColumns(prefix=prefix, domain=domain_column)
    second_columns = RatingColumns(prefix=second_prefix or prefix, domain=second_domain_column or domain_column)
    groups = [name.strip() for name in by.split(",") if name.strip()]
    click.echo(agreement_table(compare(first, second, columns, second_columns, groups)))
