"""`curricle report`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from curricle.pipelines.cli.folders import OutputFolder

if TYPE_CHECKING:
    from curricle.storage.output import OutputPath


@click.command()
@click.argument("output", metavar="OUT", type=OutputFolder(exists=True, file_okay=False))
@click.argument("other", required=False, metavar="[OUT2]", type=OutputFolder(exists=True, file_okay=False))
@click.option(
    "--output",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    show_default="report.html in OUT",
    help="File to write.",
)
def command(output: "OutputPath", other: "OutputPath | None", file: Path | None) -> None:
    """Write one HTML page about the finished output OUT: its funnel, scores, thresholds and samples of documents.

    With OUT2, also show which documents are kept in only one of the two outputs, and by which rules.

    The page needs no network. It holds excerpts of documents.
    """
    from curricle.errors import OutputError
    from curricle.pipelines.report.render import report
    from curricle.storage.output import output_at

    page = report(output, other).encode()
    if file is None:
        output_at(output).write("report.html", page)
        click.echo(f"wrote {output / 'report.html'}")
        return
    try:
        file.write_bytes(page)
    except OSError as error:
        raise OutputError(f"{file}: {error.strerror}") from None
    click.echo(f"wrote {file}")
