"""`curricle models pull` and `add`."""

from pathlib import Path

import click
from curricle.schemas.categories import CATEGORIES


@click.command()
@click.argument("name")
@click.option("--offline", is_flag=True, help="Open no connection: say what is missing.")
@click.option("--force", is_flag=True, help="Download it again although it is there.")
def pull(name: str, offline: bool, force: bool) -> None:
    """Download the known model NAME into the cache: `models list` names them."""
    from curricle.models.get.pull import pull as pull_model
    from curricle.models.get.registry import find_known
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

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
    click.echo(f"{folder}: ready; licence: {entry.licence}")


@click.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--name", required=True, help="What recipes call it.")
@click.option("--language", required=True, help="Code of the language, such as tr.")
@click.option("--role", required=True, type=click.Choice(["clean", "harmful"]), help="What it was trained on.")
@click.option("--profile", required=True, help="How its texts were normalised: docs/perplexity.md.")
@click.option("--sentencepiece", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="Its pieces.")
@click.option("--words", is_flag=True, help="It reads words between white space, not pieces.")
@click.option("--unit", default="document", show_default=True, type=click.Choice(["document", "line"]), help="Its sentences.")
@click.option("--category", default="", type=click.Choice(["", *CATEGORIES]), help="Of harmful text: its kind.")
@click.option("--licence", default="not stated", show_default=True, help="One line for the card.")
@click.option("--source", default="", help="One line for the card: where it comes from.")
@click.option("--output", type=click.Path(path_type=Path), help="Model folder to make.  [default: NAME in the cache]")
def add(file: Path, sentencepiece: Path | None, words: bool, output: Path | None, language: str, **fields: str) -> None:
    """Make a model folder of a KenLM FILE: binary (probing, trie) or ARPA (plain, .gz)."""
    if words == (sentencepiece is not None):
        raise click.UsageError("--words or --sentencepiece FILE: one of them")
    if fields["category"] and fields["role"] != "harmful":
        raise click.UsageError("--category goes with --role harmful")
    from curricle.models.catalog import model_cache, starter_models
    from curricle.models.kenlm.add import AddConfig
    from curricle.models.kenlm.add import add as add_model
    from curricle.models.kenlm.profiles import profile_named
    from curricle.schemas.config import explain_error
    from curricle.schemas.languages import canonical
    from pydantic import ValidationError

    try:
        profile_named(fields["profile"])
        config = AddConfig.model_validate({**fields, "language": canonical(language)})
    except ValidationError as error:
        raise click.UsageError(explain_error(error, AddConfig, "add")) from None
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    if output is None and config.name in starter_models():
        raise click.UsageError(f"--name {config.name}: a starter model has this name")
    folder = output or model_cache() / config.name
    card = add_model(file, folder, config, sentencepiece, lambda line: click.echo(line, err=True))
    click.echo(f"{folder}: order {card.order}, n-grams {', '.join(f'{count:,}' for count in card.ngrams)}")
