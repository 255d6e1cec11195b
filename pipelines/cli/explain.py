"""`curricle explain`."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from curricle.pipelines.cli.folders import OutputFolder
from curricle.pipelines.cli.printable import printable

if TYPE_CHECKING:
    from curricle.storage.output import OutputPath


@click.command()
@click.argument("output", type=OutputFolder(exists=True, file_okay=False))
@click.argument("document", required=False, metavar="[URL|ID]")
@click.option(
    "--text",
    "text",
    type=click.File("rb"),
    help="Explain this text file (- for standard input) instead: run the recipe of OUTPUT over it.",
)
@click.option("--input", "source", help="Input of the run: print also what the document was in it, such as the page's HTML.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(output: "OutputPath", document: str | None, text: Any, source: str | None, as_json: bool) -> None:
    """Explain why a document of OUTPUT was kept or rejected: what each rule says, by how much, and where its scores stand.

    The document is found by its id or URL, by the beginning of a URL or by a part of one. If several match, they are listed.
    """
    if (document is None) == (text is None):
        raise click.UsageError("give a URL or an id, or --text")
    if text is not None and source is not None:
        raise click.UsageError("--input goes with a document of the output, not with --text")
    from curricle.pipelines.explain.explanation import explain_document, explain_text
    from curricle.pipelines.explain.find import find_documents

    if document is not None:
        found = find_documents(output, document)
        if found.count > 1:
            _list(asdict(found), as_json)
            return
        explained = explain_document(output, found.places[0], source)
    else:
        explained = explain_text(output, _decoded(text.read()))
    if as_json:
        _print_json(explained.to_dict())
    else:
        from curricle.pipelines.cli.explanation import print_explanation

        print_explanation(explained)


def _decoded(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise click.UsageError(f"--text: not UTF-8 at byte {error.start}") from None


def _list(found: dict[str, Any], as_json: bool) -> None:
    if as_json:
        _print_json(found)
        return
    for place in found["places"]:
        click.echo(printable(f"{place['id']}  {place['split']:8}  {place['url'] or '-'}"))
    more = found["count"] - len(found["places"])
    rest = f", {more:,} more are not shown" if more else ""
    click.echo(f"{found['count']:,} documents match by the {found['how']}{rest}: name one by its id", err=True)


def _print_json(content: dict[str, Any]) -> None:
    import orjson

    click.echo(orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS).decode())
