"""`curricle mixture`."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from curricle.pipelines.cli.folders import LocalFolder
from curricle.pipelines.cli.usage import Commands

if TYPE_CHECKING:
    from curricle.pipelines.mixture.config import UnitsConfig

OPTIONS = (
    click.option(
        "--target",
        "targets",
        multiple=True,
        required=True,
        help="Text to fit, in any input format; in a .txt file each line is a document. Can be given several times.",
    ),
    click.option(
        "--units",
        required=True,
        metavar="by=COLUMN[,COLUMN...]",
        help="Columns whose combined values form the units, as in a plan's mixture.by.",
    ),
    click.option(
        "--from",
        "outputs",
        multiple=True,
        required=True,
        type=LocalFolder(path_type=Path, exists=True, file_okay=False),
        help="Finished output of `curricle run`. Can be given several times.",
    ),
    click.option(
        "--unit-bytes",
        type=click.IntRange(1000),
        default=300_000,
        show_default=True,
        help="Bytes of text in the sample of each unit. Units with less text are left out.",
    ),
    click.option("--order", type=click.IntRange(2, 5), default=3, show_default=True, help="Length of the longest n-grams."),
    click.option(
        "--sentencepiece",
        type=click.Path(path_type=Path, exists=True, dir_okay=False),
        help="SentencePiece model to use.  [default: one is trained on the samples]",
    ),
    click.option(
        "--tokens",
        default="bytes",
        show_default=True,
        help="What units and --budget are counted in: bytes, a SentencePiece .model file, or a Hugging Face tokenizer.",
    ),
    click.option("--seed", default=0, show_default=True, help="Seed of the samples and resamples."),
    click.option(
        "--workers",
        type=click.IntRange(1),
        default=os.cpu_count() or 1,
        show_default="all cores",
        help="Number of processes on this machine.",
    ),
    click.option("--quiet", is_flag=True, help="Do not show progress."),
)


@click.group(cls=Commands)
def command() -> None:
    """Find the weights of a mixture from a target text, or rank candidate mixtures by it."""


def _units(function: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(OPTIONS):
        function = option(function)
    return function


def _config(units: str, tokens: str, **options: Any) -> "UnitsConfig":
    from pydantic import ValidationError

    from curricle.pipelines.mixture.config import UnitsConfig
    from curricle.schemas.config import explain_options

    name, _, columns = units.partition("=")
    if name != "by" or not all(columns.split(",")):
        raise click.UsageError(f"--units must be by=COLUMN or by=COLUMN,COLUMN, not {units!r}")
    kind = "count" if tokens == "bytes" else "sentencepiece" if tokens.endswith(".model") else "tokenizer"
    try:
        return UnitsConfig.model_validate({"by": columns.split(","), "tokens": {kind: tokens}, **options})
    except ValidationError as error:
        raise click.UsageError(explain_options(error, UnitsConfig, {"by": "units"})) from None


@command.command()
@_units
@click.option(
    "--output",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="YAML file to write. A plan includes it with `mixture: {file: FILE}`.",
)
@click.option(
    "--budget",
    type=click.IntRange(1),
    help="Tokens of the phase that will use the weights. No unit then gets more weight than its text can fill.",
)
@click.option(
    "--max-epochs",
    type=click.FloatRange(0, min_open=True),
    default=4.0,
    show_default=True,
    help="With --budget: how many times the text of a unit may be used.",
)
@click.option(
    "--bootstrap",
    type=click.IntRange(2),
    default=200,
    show_default=True,
    help="Number of resamples of the target's documents for the confidence intervals.",
)
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
    """Find the weights under which the interpolated models of the units give the target its highest likelihood."""
    if output.suffix not in (".yaml", ".yml"):
        raise click.UsageError(f"--output must be a file name that ends in .yaml, not {output.name!r}")
    if not output.parent.is_dir():
        raise click.UsageError(f"--output: no such folder: {output.parent}")
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
@click.option(
    "--candidates",
    required=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="YAML file of the candidates: `name: {cell: weight}`.",
)
@_units
@click.option(
    "--check",
    type=click.IntRange(0),
    default=6,
    show_default=True,
    help="Number of candidates to train in full, to check how far the ranking can be trusted.",
)
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
    """Rank candidate mixtures by the likelihood that the interpolated models of their units give the target."""
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
