"""`curricle raters distil`."""

from pathlib import Path

import click

from curricle.errors import ModelError
from curricle.installation import install_hint
from curricle.pipelines.cli.options import license_option


@click.command()
@click.option(
    "--ratings",
    "patterns",
    multiple=True,
    required=True,
    help="Parquet file of rated documents, or a pattern. Can be given several times.",
)
@click.option(
    "--domains",
    "domain_patterns",
    multiple=True,
    help="Parquet file of more documents that have a domain but no ratings, or a pattern. Can be given several times.",
)
@click.option("--output", required=True, type=click.Path(path_type=Path), help="Folder of the student to create.")
@click.option("--prefix", default="quality_", show_default=True, help="Prefix of the 14 rating columns.")
@click.option("--domain-column", default="domain", show_default=True, help="Name of the domain column.")
@click.option("--text-column", default="text", show_default=True, help="Name of the text column.")
@click.option(
    "--url-column",
    default="url",
    show_default=True,
    help="Name of the URL column. Documents of one host are kept on one side of every train/test split.",
)
@click.option(
    "--language-column",
    default="language",
    show_default=True,
    help="Name of the language column. Languages with fewer than 20 rated documents get the status out_of_domain.",
)
@license_option("License of the ratings and texts, one line for the card.")
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
    """Train a small CPU model (a student) on ratings, and show how well it imitates them on hosts it has not seen.

    A recipe uses the student with `quality: {rater: ./my-student}` and `domain: {model: ./my-student}`.
    """
    try:
        import scipy  # noqa: F401
    except ImportError:
        raise ModelError(f"distil needs scipy: {install_hint('train')}") from None
    from curricle.models.raters.train.evaluation import evaluation_table
    from curricle.pipelines.ratings import distillation

    columns = distillation.TextColumns(
        prefix=prefix, domain=domain_column, text=text_column, url=url_column, language=language_column
    )
    if output.exists():
        raise click.UsageError(f"--output {output} already exists")
    documents, left_out = distillation.read_documents(_files(patterns), _files(domain_patterns), columns)
    if left_out:
        click.echo(f"{left_out:,} rows without a text or without one of the 14 ratings were left out", err=True)
    click.echo(evaluation_table(distillation.distil(documents, output, licence)))
    click.echo(f"wrote {output}")


def _files(patterns: tuple[str, ...]) -> list[Path]:
    import fsspec

    local = fsspec.filesystem("file")
    files = []
    for pattern in patterns:
        found = sorted(local.glob(pattern))
        if not found:
            raise click.UsageError(f"{pattern}: no file matches")
        files += [Path(name) for name in found]
    return files
