"""`curricle raters rate`."""

from pathlib import Path
from typing import Any

import click

from curricle.errors import EndpointError
from curricle.pipelines.cli.run import inputs


@click.command()
@inputs
@click.option(
    "--rater",
    required=True,
    help="Which rater: student, dataman, classifier, endpoint, the folder of a student, or MODULE:CLASS of your own.",
)
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="Setting of the rater, such as url=http://host:8000/v1. Can be given several times.",
)
@click.option("--sample", "size", type=click.IntRange(1), required=True, help="Number of documents to rate.")
@click.option(
    "--stratify",
    default="",
    help="Columns, separated by commas, such as domain,language: take equally many documents for each of their values.",
)
@click.option("--seed", type=click.IntRange(0, 2**64 - 1), default=0, show_default=True, help="Seed of the sample.")
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    help="Folder to write to. A run that was stopped continues where it was.",
)
@click.option("--dry-run", is_flag=True, help="Only show the sample and its cost; rate and write nothing.")
def rate(
    inputs: tuple[str, ...],
    rater: str,
    settings: tuple[str, ...],
    size: int,
    stratify: str,
    seed: int,
    output: Path,
    dry_run: bool,
) -> None:
    """Rate a random sample of documents, such as those in OUT/kept."""
    from curricle.pipelines.inputs.sample import draw
    from curricle.pipelines.ratings.rating import estimate
    from curricle.pipelines.ratings.rating import rate as rate_sample

    config = _config(rater, settings)
    if not dry_run:
        config.models()  # what is missing shows before the inputs are read
    names = [name.strip() for name in stratify.split(",") if name.strip()]
    sample = draw(inputs, size, names, seed)
    cost = estimate(sample["text"].combine_chunks(), config)
    click.echo(f"documents   {cost.documents:,}" + (f" ({size:,} requested)" if cost.documents < size else ""))
    click.echo(f"characters  {cost.characters:,}")
    if cost.tokens_in:
        click.echo(f"tokens      about {cost.tokens_in:,} in (bytes / 4, prompt included), {cost.tokens_out:,} out")
    if names:
        for values in (
            sample.group_by(names).aggregate([([], "count_all")]).sort_by([(name, "ascending") for name in names]).to_pylist()
        ):
            click.echo(f"  {', '.join(str(values[name]) for name in names)}: {values['count_all']:,}")
    if dry_run:
        return
    try:
        statuses = rate_sample(sample, config, output, lambda line: click.echo(line, err=True))
    except EndpointError as error:
        raise EndpointError(f"{error}; run the same command again to continue") from None
    click.echo(f"{output}: " + ", ".join(f"{count:,} {status}" for status, count in statuses.most_common()))


def _config(rater: str, settings: tuple[str, ...]) -> Any:
    """The rater's configuration; RecipeError, one line, where it cannot be."""
    from pydantic import ValidationError

    from curricle.errors import RecipeError
    from curricle.models.raters.backends import kind_of, with_kind
    from curricle.pipelines.plan.settings import put_setting
    from curricle.schemas.config import explain_error
    from curricle.schemas.extensions import look_in

    values: dict[str, Any] = {"rater": rater}
    for setting in settings:
        put_setting(values, setting)
    try:
        look_in(Path())
        values = with_kind(values)
        kind = kind_of(values["rater"])
    except ValueError as error:
        raise RecipeError(f"--rater: {error}") from None
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise RecipeError(explain_error(error, kind, "--set")) from None
