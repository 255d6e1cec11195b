"""`curricle remove`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from curricle.pipelines.cli.folders import LocalFolder

if TYPE_CHECKING:
    from curricle.pipelines.output.remove import Removed


@click.command()
@click.argument("output", type=LocalFolder(path_type=Path, exists=True, file_okay=False))
@click.option(
    "--ids",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="File with the id of a document on each line.",
)
@click.option("--url-prefix", "url_prefixes", multiple=True, help="Start of URLs. Can be given several times.")
@click.option("--source", "sources", multiple=True, help="Input, as in the column `source`. Can be given several times.")
@click.option(
    "--with",
    "tables",
    multiple=True,
    type=LocalFolder(path_type=Path, exists=True, file_okay=False),
    help="Attribute table of OUTPUT from which the documents are removed too. Can be given several times.",
)
@click.option("--dry-run", is_flag=True, help="Only count the documents that would be removed; change nothing.")
def command(
    output: Path,
    ids: Path | None,
    url_prefixes: tuple[str, ...],
    sources: tuple[str, ...],
    tables: tuple[Path, ...],
    dry_run: bool,
) -> None:
    """Remove documents from a finished OUTPUT: kept, rejected and dead letters.

    A document is removed if it has one of the ids, a URL that begins like this, or one of the sources. What was removed is
    recorded, without any text, so that later runs into OUTPUT leave it out too. If a removal was stopped, run the same command
    again.
    """
    from curricle.pipelines.output.removals import Removals
    from curricle.pipelines.output.remove import find_documents, remove

    if not (ids or url_prefixes or sources):
        raise click.UsageError("give --ids, --url-prefix or --source")
    if "" in (*url_prefixes, *sources):
        raise click.UsageError("an empty --url-prefix or --source would match every document")
    wanted = Removals(_read_ids(ids) if ids else frozenset(), frozenset(url_prefixes), frozenset(sources))
    output = output.absolute()
    if dry_run:
        _show(find_documents(output, wanted)[0], "would be removed")
        return
    if tables:
        _check_tables(tables)
    _show(remove(output, wanted), "removed")
    for table in tables:
        from curricle.pipelines.decontamination.removal import remove_from_table

        remove_from_table(table, output)
        click.echo(f"{table}: has rows for the documents that are left")


def _read_ids(path: Path) -> frozenset[str]:
    from curricle.errors import InputError

    try:
        ids = frozenset(line.strip() for line in path.read_text("utf-8").splitlines() if line.strip())
    except UnicodeDecodeError:
        raise InputError(f"{path}: not a text file in UTF-8 with an id on each line") from None
    if not ids:
        raise InputError(f"{path}: holds no id")
    return ids


def _check_tables(tables: tuple[Path, ...]) -> None:
    """Before anything changes."""
    from curricle.errors import OutputError
    from curricle.pipelines.decontamination.run import KIND
    from curricle.pipelines.output.attribute_tables import read_table_record

    for table in tables:
        record = read_table_record(table)
        if record["kind"] != KIND:
            raise OutputError(f"{table}: made by `curricle {record['kind']}`; make it again after the removal")
        if not record["finished"]:
            raise OutputError(f"{table}: not finished; run the same `curricle {KIND}` command again first")


def _show(removed: "Removed", what: str) -> None:
    documents = removed.documents
    split = f"{documents['kept']:,} kept, {documents['rejected']:,} rejected, {documents['dead']:,} dead letters"
    click.echo(f"{sum(documents.values()):,} documents {what}: {split}, in {removed.shards:,} shards")
    if removed.unknown_ids:
        click.echo(f"{removed.unknown_ids:,} of the ids are not in the output", err=True)
