"""`curricle raters distil`."""

from pathlib import Path

import click


@click.command()
@click.option("--ratings", "patterns", multiple=True, required=True, help="Parquet files of rated documents; a glob; repeatable.")
@click.option("--domains", "domain_patterns", multiple=True, help="Parquet files of further documents with a domain only.")
@click.option("--output", required=True, type=click.Path(path_type=Path), help="Folder of the student to make.")
@click.option("--prefix", default="quality_", show_default=True, help="Of the 14 rating columns.")
@click.option("--domain-column", default="domain", show_default=True)
@click.option("--text-column", default="text", show_default=True)
@click.option("--url-column", default="url", show_default=True, help="Documents of one host are never on both sides of a split.")
@click.option(
    "--language-column", default="language", show_default=True, help="Languages of under 20 rated documents: `out_of_domain`."
)
@click.option("--licence", default="not stated", show_default=True, help="For the card: of the ratings and texts.")
def distil(
    patterns: tuple[str, ...],
    domain_patterns: tuple[str, ...],
    output: Path,
    prefix: str,
    domain_column: str,
    text_column: str,
    url_column: str,
    language_column: str,
    licence: str,
) -> None:
    """Train a CPU student on ratings, and print how well it imitates them on hosts that it has not seen.

    Use it in a recipe as `quality: {rater: ./my-student}` and `domain: {model: ./my-student}`.
    """
    try:
        import scipy  # noqa: F401
    except ImportError:
        raise click.ClickException("distil needs scipy: pip install 'curricle[train]'") from None
    from curricle.models.raters.train.evaluation import evaluation_table
    from curricle.pipelines.ratings import distillation

    columns = distillation.TextColumns(
        prefix=prefix, domain=domain_column, text=text_column, url=url_column, language=language_column
    )
    if output.exists():
        raise click.UsageError(f"--output {output} is there already")
    documents, left_out = distillation.read_documents(_files(patterns), _files(domain_patterns), columns)
    if left_out:
        click.echo(f"{left_out:,} rows without a text or one of the 14 ratings are left out", err=True)
    click.echo(evaluation_table(distillation.distil(documents, output, licence)))
    click.echo(f"wrote {output}")


def _files(patterns: tuple[str, ...]) -> list[Path]:
    import fsspec

    local = fsspec.filesystem("file")
    files = []
    for pattern in patterns:
        found = sorted(local.glob(pattern))
        if not found:
            raise click.UsageError(f"no file matches {pattern}")
        files += [Path(name) for name in found]
    return files
