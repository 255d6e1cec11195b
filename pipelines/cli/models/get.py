"""`curricle models pull` and `add`."""

from pathlib import Path

import click

from curricle.pipelines.cli.options import license_option
from curricle.pipelines.cli.usage import language_option
from curricle.schemas.categories import CATEGORIES


@click.command()
@click.argument("name")
@click.option("--offline", is_flag=True, help="Do not connect to the network; only report what is missing.")
@click.option("--force", is_flag=True, help="Download the model again even if it is already in the cache.")
def pull(name: str, offline: bool, force: bool) -> None:
    """Download the model NAME into the cache.

    `curricle models list` shows all known models.
    """
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

    from curricle.models.get.pull import pull as pull_model
    from curricle.models.get.registry import find_known

    entry = find_known(name)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    tasks: dict[str, TaskID] = {}
    with Progress(*columns, console=console, disable=not console.is_terminal) as bars:

        def progress(file: str, done: int, total: int | None) -> None:
            if file not in tasks:
                tasks[file] = bars.add_task(file, total=total)
            bars.update(tasks[file], completed=done, total=total)

        def say(line: str) -> None:
            console.print(line, markup=False, highlight=False, soft_wrap=True)  # above the bars

        folder = pull_model(entry, offline=offline, force=force, progress=progress, say=say)
    click.echo(f"{folder}: ready; license: {entry.licence}")


@click.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--name", required=True, help="Name of the model in recipes.")
@click.option("--language", required=True, help="Language code, such as tr.")
@click.option(
    "--role", required=True, type=click.Choice(["clean", "harmful"]), help="Kind of text that the model was trained on."
)
@click.option("--profile", required=True, help="How its training text was normalized; docs/perplexity.md lists the profiles.")
@click.option(
    "--sentencepiece",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="SentencePiece model that it was trained with.",
)
@click.option(
    "--words", is_flag=True, help="The model was trained on whitespace-separated words instead of SentencePiece pieces."
)
@click.option(
    "--unit",
    default="document",
    show_default=True,
    type=click.Choice(["document", "line"]),
    help="What the model treats as one sentence.",
)
@click.option("--category", default="", type=click.Choice(["", *CATEGORIES]), help="With --role harmful: kind of harmful text.")
@license_option("License of the model, one line for its card.")
@click.option("--source", default="", help="Where the model comes from, one line for its card.")
@click.option("--output", type=click.Path(path_type=Path), help="Model folder to create.  [default: NAME in the cache]")
def add(file: Path, sentencepiece: Path | None, words: bool, output: Path | None, language: str, **fields: str) -> None:
    """Turn a KenLM FILE into a model folder that recipes can use.

    FILE is a KenLM binary (probing or trie) or an ARPA file (plain or gzip).
    """
    if words == (sentencepiece is not None):
        raise click.UsageError("give either --words or --sentencepiece FILE")
    if fields["category"] and fields["role"] != "harmful":
        raise click.UsageError("--category can only be used with --role harmful")
    from pydantic import ValidationError

    from curricle.models.catalog import model_cache, starter_models
    from curricle.models.kenlm.add import AddConfig
    from curricle.models.kenlm.add import add as add_model
    from curricle.models.kenlm.profiles import profile_named
    from curricle.schemas.config import explain_options

    profile_named(fields["profile"])
    try:
        config = AddConfig.model_validate({**fields, "language": language_option(language)})
    except ValidationError as error:
        raise click.UsageError(explain_options(error, AddConfig)) from None
    if output is None and config.name in starter_models():
        raise click.UsageError(f"--name: {config.name!r} is the name of a starter model; choose another")
    folder = output or model_cache() / config.name
    card = add_model(file, folder, config, sentencepiece, lambda line: click.echo(line, err=True))
    click.echo(f"{folder}: order {card.order}, n-grams {', '.join(f'{count:,}' for count in card.ngrams)}")
