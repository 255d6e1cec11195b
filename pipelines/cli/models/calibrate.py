"""`curricle models calibrate`."""

import shlex
import sys
from pathlib import Path

import click
from curricle.pipelines.cli.folders import LocalFolder


@click.command()
@click.argument("outputs", nargs=-1, required=True, type=LocalFolder(path_type=Path, exists=True, file_okay=False))
@click.option("--column", required=True, help="Score to find thresholds of, such as ppl_logratio.")
@click.option("--method", required=True, type=click.Choice(["quantiles", "valley", "labels"]), help="docs/calibration.md.")
@click.option(
    "--output", required=True, type=click.Path(path_type=Path, dir_okay=False), help="File to write, .yaml; a .svg beside it."
)
@click.option("--keep", type=click.Choice(["below", "above", "between"]), help="Side to keep  [default: by the column]")
@click.option("--min-documents", type=click.IntRange(1), help="Languages with fewer get no threshold.  [default: 100]")
@click.option("--quantile", "quantiles", type=float, multiple=True, help="quantiles: between 0 and 1; once or twice.")
@click.option("--label", help="labels: the column with the label; metadata.FIELD: a field of the input.")
@click.option("--positive", "positives", multiple=True, help="labels: a label of what is to be rejected; repeatable.")
@click.option("--negative", "negatives", multiple=True, help="labels: a label of what is to be kept; `unlabelled`: documents "
              "without one; repeatable.  [default: all other labels]")  # fmt: skip
@click.option("--maximise", type=click.Choice(["macro-f1", "f-beta", "recall-at-fpr"]), help="labels.  [default: macro-f1]")
@click.option("--beta", type=float, help="f-beta: recall weighs so many times as much as precision.  [default: 1]")
@click.option("--fpr", type=float, help="recall-at-fpr: highest false-positive rate.  [default: 0.01]")
def calibrate(outputs: tuple[Path, ...], method: str, output: Path, **options: object) -> None:
    """Thresholds per language from the scores in OUTPUTS, finished runs made with --set 'decide=[]'."""
    from curricle.pipelines.thresholds.calibrate import calibrate as calibrate_scores
    from curricle.pipelines.thresholds.calibrate import figures_table, write_calibration
    from curricle.pipelines.thresholds.methods import METHODS
    from curricle.schemas.config import explain_error
    from curricle.schemas.rule_sets import is_rule_file
    from pydantic import ValidationError

    if not is_rule_file(output.name):
        raise click.UsageError(f"--output {output}: the name ends in .yaml")
    kind = METHODS[method]
    given = {name: value for name, value in options.items() if value not in (None, ())}
    for name in given:
        if name not in kind.model_fields:
            raise click.UsageError(f"--method {method} has no use for {name}")
    try:
        config = kind.model_validate(given)
    except ValidationError as error:
        raise click.UsageError(explain_error(error, kind, method)) from None
    result = calibrate_scores(outputs, output.stem, method, config, shlex.join(["curricle", *sys.argv[1:]]))
    for line in result.warnings:
        click.echo(f"warning: {line}", err=True)
    if result.figures:
        click.echo(figures_table(result.figures))
    for path in write_calibration(result, output):
        click.echo(f"wrote {path}")
    if result.thresholds is None:
        click.echo("no language has a threshold", err=True)
        sys.exit(1)
