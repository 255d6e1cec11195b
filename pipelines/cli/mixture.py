"""`curricle mixture`."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from curricle.pipelines.cli.folders import LocalFolder

if TYPE_CHECKING:
    from curricle.pipelines.mixture.config import UnitsConfig

OPTIONS = (
    click.option("--target", "targets", multiple=True, required=True, help="Text to fit: a file of any input format, of .txt "
                 "a document a line; repeatable."),
    click.option("--units", required=True, metavar="by=COLUMN[,COLUMN...]", help="Columns whose values make the units, as in a "
                 "plan's mixture.by."),
    click.option("--from", "outputs", multiple=True, required=True,
                 type=LocalFolder(path_type=Path, exists=True, file_okay=False), help="Finished output of `curricle run`; "
                 "repeatable."),
    click.option("--unit-bytes", type=click.IntRange(1000), default=300_000, show_default=True, help="Text of each unit's "
                 "sample; a unit with less is left out."),
    click.option("--order", type=click.IntRange(2, 5), default=3, show_default=True, help="Length of the longest n-grams."),
    click.option("--sentencepiece", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="Vocabulary to use  "
                 "[default: one is trained on the samples]"),
    click.option("--tokens", default="bytes", show_default=True, help="What units and budget are counted in: bytes, a "
                 "SentencePiece .model file, or a Hugging Face tokenizer."),
    click.option("--seed", default=0, show_default=True, help="Of samples and resamples."),
    click.option("--workers", type=click.IntRange(1), default=os.cpu_count() or 1, show_default="all cores", help="Processes."),
    click.option("--quiet", is_flag=True, help="No progress."),
)  # fmt: skip


@click.group()
def command() -> None:
    """Find mixture weights for a curriculum from a target text, or rank mixtures by it."""


def _units(function: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(OPTIONS):
        function = option(function)
    return function


def _config(units: str, tokens: str, **options: Any) -> "UnitsConfig":
    from curricle.pipelines.mixture.config import UnitsConfig
    from curricle.schemas.config import explain_error
    from pydantic import ValidationError

    name, _, columns = units.partition("=")
    if name != "by" or not all(columns.split(",")):
        raise click.UsageError(f"--units {units}: give by=COLUMN, or by=COLUMN,COLUMN")
    kind = "count" if tokens == "bytes" else "sentencepiece" if tokens.endswith(".model") else "tokenizer"
    try:
        return UnitsConfig.model_validate({"by": columns.split(","), "tokens": {kind: tokens}, **options})
    except ValidationError as error:
        raise click.UsageError(explain_error(error, UnitsConfig, "mixture")) from None


@command.command()
@_units
@click.option("--output", required=True, type=click.Path(path_type=Path, dir_okay=False), help="File to write, .yaml; a plan "
              "includes it with `mixture: {file: ...}`.")  # fmt: skip
@click.option(
    "--budget", type=click.IntRange(1), help="Tokens of the phase that will use the weights: bounds them by what is there."
)
@click.option("--max-epochs", type=click.FloatRange(0, min_open=True), default=4.0, show_default=True,
              help="With --budget: how often a unit's text may be read.")  # fmt: skip
@click.option("--bootstrap", type=click.IntRange(2), default=200, show_default=True, help="Resamples of the target's documents, "
              "for the intervals.")  # fmt: skip
def fit(
    targets: tuple[str, ...],
    units: str,
    outputs: tuple[Path, ...],
    tokens: str,
    workers: int,
    quiet: bool,
    output: Path,
    budget: int | None,
    max_epochs: float,
    bootstrap: int,
    **options: Any,
) -> None:
    """Weights under which the units' models, interpolated, give the target its highest likelihood."""
    if output.suffix not in (".yaml", ".yml"):
        raise click.UsageError(f"--output {output}: the name ends in .yaml")
    if not output.parent.is_dir():
        raise click.UsageError(f"--output {output}: no such folder")
    config = _config(units, tokens, **options)
    from curricle.pipelines.curriculum.workers import Processes
    from curricle.pipelines.mixture.fit import bounds, fit_weights, write_mixture
    from curricle.pipelines.mixture.report import print_fitted
    from curricle.pipelines.mixture.target import read_target
    from curricle.pipelines.mixture.units import find_units, train_units

    asked = {"budget": budget, "max_epochs": max_epochs} if budget else {}
    processes = Processes(workers, quiet)
    found = find_units(outputs, read_target(targets), config, processes)
    most = bounds(found, budget, max_epochs)
    with train_units(found, processes) as trained:
        fitted = fit_weights(trained, most, bootstrap)
        write_mixture(output, trained, fitted, asked)
        print_fitted(trained, fitted)
    click.echo(f"wrote {output}")


@command.command()
@click.option("--candidates", required=True, type=click.Path(path_type=Path, exists=True, dir_okay=False),
              help="YAML of candidates, `name: {cell: weight}`.")  # fmt: skip
@_units
@click.option("--check", type=click.IntRange(0), default=6, show_default=True, help="So many candidates are really trained, to "
              "see how far the ranking can be trusted.")  # fmt: skip
def predict(
    candidates: Path,
    targets: tuple[str, ...],
    units: str,
    outputs: tuple[Path, ...],
    tokens: str,
    workers: int,
    quiet: bool,
    check: int,
    **options: Any,
) -> None:
    """Rank candidate mixtures by what their units' models, interpolated, give the target."""
    config = _config(units, tokens, **options)
    from curricle.pipelines.curriculum.workers import Processes
    from curricle.pipelines.mixture.predict import predict as predict_candidates
    from curricle.pipelines.mixture.predict import read_candidates
    from curricle.pipelines.mixture.report import print_predicted
    from curricle.pipelines.mixture.target import read_target
    from curricle.pipelines.mixture.units import find_units, train_units

    processes = Processes(workers, quiet)
    found = find_units(outputs, read_target(targets), config, processes)
    mixtures = read_candidates(candidates, found)
    with train_units(found, processes) as trained:
        print_predicted(trained, predict_candidates(trained, mixtures, check))
