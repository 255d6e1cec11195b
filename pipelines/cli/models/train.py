"""`curricle models train`."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from curricle.pipelines.cli.options import license_option
from curricle.pipelines.cli.run import inputs
from curricle.pipelines.cli.usage import Commands, language_option
from curricle.schemas.categories import CATEGORIES

if TYPE_CHECKING:
    from curricle.models.kenlm.train.perplexity_model import CorpusReader, Notify


@click.group(cls=Commands)
def train() -> None:
    """Train a model on your own texts."""


@train.command()
@click.option("--language", required=True, help="Language code, such as tr.")
@click.option("--role", required=True, type=click.Choice(["clean", "harmful"]), help="Kind of text in the inputs.")
@click.option("--category", default="", type=click.Choice(["", *CATEGORIES]), help="With --role harmful: kind of harmful text.")
@click.option(
    "--weight",
    default=1.0,
    show_default=True,
    help="With --role harmful: weight of this model when it is scored in a mixture with the clean model.",
)
@inputs
@click.option("--output", required=True, type=click.Path(path_type=Path), help="Model folder to create.")
@click.option("--order", default=5, show_default=True, help="Length of the longest n-grams.")
@click.option(
    "--prune",
    default="0",
    show_default=True,
    help="Drop rare n-grams: one threshold per order, separated by commas, such as 0,0,1. Same meaning as lmplz --prune.",
)
@click.option("--vocab", default=16_000, show_default=True, help="Size of the SentencePiece vocabulary to train.")
@click.option(
    "--sentencepiece",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Use this SentencePiece model instead of training one.",
)
@click.option("--words", is_flag=True, help="Use whitespace-separated words instead of SentencePiece pieces.")
@click.option(
    "--profile",
    default="curricle-v1",
    show_default=True,
    help="How text is normalized; docs/perplexity.md lists the profiles.",
)
@click.option(
    "--unit",
    default="document",
    show_default=True,
    type=click.Choice(["document", "line"]),
    help="Treat each document or each line as one sentence.",
)
@click.option("--compact", is_flag=True, help="Write a lossless file of a tenth of the size, which is unpacked on first use.")
@click.option("--arpa", is_flag=True, help="Also write model.arpa.gz.")
@click.option("--source", default="", help="Where the text comes from, one line for the card.")
@license_option("License of the text, one line for the card.")
def perplexity(
    language: str,
    role: str,
    category: str,
    weight: float,
    inputs: tuple[str, ...],
    output: Path,
    order: int,
    prune: str,
    vocab: int,
    sentencepiece: Path | None,
    words: bool,
    profile: str,
    unit: str,
    compact: bool,
    arpa: bool,
    source: str,
    licence: str,
) -> None:
    """Train a KenLM model on the texts of the inputs: text, JSONL, Parquet, WARC or WET files.

    Uses interpolated modified Kneser-Ney smoothing, as lmplz does; no compiler is needed.
    """
    if words and sentencepiece:
        raise click.UsageError("give either --words or --sentencepiece, not both")
    if category and role != "harmful":
        raise click.UsageError("--category can only be used with --role harmful")
    from pydantic import ValidationError

    from curricle.models.kenlm.train.perplexity_model import TrainConfig
    from curricle.models.kenlm.train.perplexity_model import train as train_model
    from curricle.pipelines.inputs.texts import documents
    from curricle.schemas.config import explain_options

    try:
        config = TrainConfig.model_validate(
            {
                "name": output.name,
                "language": language_option(language),
                "role": role,
                "category": category,
                "weight": weight,
                "source": source or ", ".join(inputs),
                "licence": licence,
                "profile": profile,
                "unit": unit,
                "order": order,
                "prune": _thresholds(prune),
                "pieces": vocab,
                "format": "compact" if compact else "binary",
                "arpa": arpa,
            }
        )
    except ValidationError as error:
        raise click.UsageError(explain_options(error, TrainConfig, {"pieces": "vocab"})) from None
    with shown(documents(inputs)) as (corpus, say):
        card = train_model(corpus, output, config, "words" if words else sentencepiece, say)
    click.echo(
        f"{output}: {card.tokens:,} tokens, n-grams {', '.join(f'{count:,}' for count in card.ngrams)}; "
        f"held-out perplexity {card.heldout_ppl}, unknown {card.heldout_oov_ratio}"
    )


def _thresholds(prune: str) -> tuple[int, ...]:
    try:
        return tuple(int(number) for number in prune.split(","))
    except ValueError:
        raise click.UsageError(f"--prune must be whole numbers separated by commas, such as 0,0,1, not {prune!r}") from None


@contextmanager
def shown(corpus: "CorpusReader") -> "Iterator[tuple[CorpusReader, Notify]]":
    """The corpus and a reporter of steps that show on standard error how far the training is: a bar, or a line a step."""
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TextColumn("{task.fields[read]}"), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("", read="", total=None)

        def say(step: str) -> None:
            bar.update(task, description=step, read="")
            if not console.is_terminal:
                click.echo(step, err=True)

        def counted() -> Iterator[Any]:
            size = 0
            for texts in corpus():
                size += texts.nbytes
                bar.update(task, read=f"{size / 1e6:,.1f} MB")
                yield texts

        yield counted, say
