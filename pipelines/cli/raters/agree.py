"""`curricle raters agree`."""

from pathlib import Path

import click

_FILE = click.Path(path_type=Path, exists=True)


@click.command()
@click.argument("first", type=_FILE)
@click.argument("second", type=_FILE)
@click.option("--by", default="", help="Columns of FIRST, separated by commas: also show the figures for each of their values.")
@click.option("--prefix", default="quality_", show_default=True, help="Prefix of the rating columns in FIRST.")
@click.option("--second-prefix", help="Prefix of the rating columns in SECOND.  [default: same as in FIRST]")
@click.option("--domain-column", default="domain", show_default=True, help="Name of the domain column in FIRST.")
@click.option("--second-domain-column", help="Name of the domain column in SECOND.  [default: same as in FIRST]")
def agree(
    first: Path,
    second: Path,
    by: str,
    prefix: str,
    second_prefix: str | None,
    domain_column: str,
    second_domain_column: str | None,
) -> None:
    """Measure how well two raters agree.

    FIRST and SECOND are Parquet files, or folders of them, with the ratings of the same documents. Rows are matched by the
    column id, or by text if there is no id.

    For each criterion: share of equal ratings, share within one, quadratic-weighted kappa and Spearman's correlation, each with
    a 95% bootstrap interval.
    """
    from curricle.models.raters.ratings import RatingColumns
    from curricle.pipelines.ratings.agreement import agreement_table, compare

    columns = RatingColumns(prefix=prefix, domain=domain_column)
    second_columns = RatingColumns(prefix=second_prefix or prefix, domain=second_domain_column or domain_column)
    groups = [name.strip() for name in by.split(",") if name.strip()]
    click.echo(agreement_table(compare(first, second, columns, second_columns, groups)))
