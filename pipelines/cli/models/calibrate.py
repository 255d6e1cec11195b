"""`curricle models calibrate`."""

import shlex
import sys
from pathlib import Path

import click

from curricle.pipelines.cli.folders import LocalFolder

OPTIONS = {"quantiles": "quantile", "positives": "positive", "negatives": "negative", "maximise": "maximize"}
"""Names of options that differ from the settings that they give."""


@click.command()
@click.argument("outputs", nargs=-1, required=True, type=LocalFolder(path_type=Path, exists=True, file_okay=False))
@click.option("--column", required=True, help="Column of scores to find thresholds for, such as ppl_logratio.")
@click.option(
    "--method",
    required=True,
    type=click.Choice(["quantiles", "valley", "labels"]),
    help="How to choose thresholds; docs/calibration.md explains the methods.",
)
@click.option(
    "--output",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="YAML file to write; a plot in a .svg file is written next to it.",
)
@click.option(
    "--keep",
    type=click.Choice(["below", "above", "between"]),
    help="Which side of the threshold to keep.  [default: depends on the column]",
)
@click.option("--min-documents", type=click.IntRange(1), help="Languages with fewer documents get no threshold.  [default: 100]")
@click.option(
    "--quantile",
    "quantiles",
    type=float,
    multiple=True,
    help="Method quantiles: a number between 0 and 1. Can be given twice, with --keep between.",
)
@click.option("--label", help="Method labels: column of the labels, or metadata.FIELD for a field of the input.")
@click.option(
    "--positive", "positives", multiple=True, help="Method labels: a label of documents to reject. Can be given several times."
)
@click.option(
    "--negative",
    "negatives",
    multiple=True,
    help="Method labels: a label of documents to keep; `unlabelled` means documents without a label. Can be given several times."
    "  [default: all other labels]",
)
@click.option(
    "--maximize",
    "--maximise",
    "maximise",
    type=click.Choice(["macro-f1", "f-beta", "recall-at-fpr"]),
    help="Method labels: the measure to maximize.  [default: macro-f1]",
)
@click.option("--beta", type=float, help="With --maximize f-beta: weight of recall relative to precision.  [default: 1]")
@click.option("--fpr", type=float, help="With --maximize recall-at-fpr: highest false-positive rate.  [default: 0.01]")
def calibrate(outputs: tuple[Path, ...], method: str, output: Path, **options: object) -> None:
    """Find thresholds for each language from the scores in OUTPUTS.

    OUTPUTS are finished runs made with --set 'decide=[]', so that no rule has rejected a document.
    """
    from pydantic import ValidationError

    from curricle.pipelines.thresholds.calibrate import calibrate as calibrate_scores
    from curricle.pipelines.thresholds.calibrate import figures_table, write_calibration
    from curricle.pipelines.thresholds.methods import METHODS
    from curricle.schemas.config import explain_options
    from curricle.schemas.rule_sets import is_rule_file

    if not is_rule_file(output.name):
        raise click.UsageError(f"--output must be a file name that ends in .yaml, not {output.name!r}")
    kind = METHODS[method]
    given = {name: value for name, value in options.items() if value not in (None, ())}
    for name in given:
        if name not in kind.model_fields:
            raise click.UsageError(f"--{OPTIONS.get(name, name).replace('_', '-')}: --method {method} does not use this option")
    try:
        config = kind.model_validate(given)
    except ValidationError as error:
        raise click.UsageError(explain_options(error, kind, OPTIONS)) from None
    result = calibrate_scores(outputs, output.stem, method, config, shlex.join(["curricle", *sys.argv[1:]]))
    for line in result.warnings:
        click.echo(f"warning: {line}", err=True)
    if result.figures:
        click.echo(figures_table(result.figures))
    for path in write_calibration(result, output):
        click.echo(f"wrote {path}")
    if result.thresholds is None:
        click.echo("no threshold was found for any language", err=True)
        sys.exit(1)
