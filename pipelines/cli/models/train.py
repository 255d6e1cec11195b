"""`curricle models train`."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from curricle.pipelines.cli.run import inputs
from curricle.schemas.categories import CATEGORIES

if TYPE_CHECKING:
    from curricle.models.kenlm.train.perplexity_model import CorpusReader, Notify


@click.group()
def train() -> None:
    """Train a model; needs no compiler."""


@train.command()
@click.option("--language", required=True, help="Code of the language, such as tr.")
@click.option("--role", required=True, type=click.Choice(["clean", "harmful"]), help="What the text is.")
@click.option("--category", default="", type=click.Choice(["", *CATEGORIES]), help="Of harmful text: its kind.")
@click.option("--weight", default=1.0, show_default=True, help="Of a harmful model, scored in a mixture with the clean one.")
@inputs
@click.option("--output", required=True, type=click.Path(path_type=Path), help="Model folder to make.")
@click.option("--order", default=5, show_default=True, help="Length of the longest n-grams.")
@click.option("--prune", default="0", show_default=True, help="As lmplz's --prune, with commas: 0,0,1.")
@click.option("--vocab", default=16_000, show_default=True, help="Size of the SentencePiece vocabulary to train.")
@click.option("--sentencepiece", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="Use this vocabulary.")
@click.option("--words", is_flag=True, help="Words between white space in place of SentencePiece.")
@click.option("--profile", default="curricle-v1", show_default=True, help="How text is normalised: docs/perplexity.md.")
@click.option(
    "--unit", default="document", show_default=True, type=click.Choice(["document", "line"]), help="One sentence is one."
)
@click.option("--compact", is_flag=True, help="A lossless file of a tenth of the size, unpacked on first use.")
@click.option("--arpa", is_flag=True, help="Write model.arpa.gz too.")
@click.option("--source", default="", help="One line for the card: what the text is.")
@click.option("--licence", default="not stated", show_default=True, help="One line for the card.")
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
    """A KenLM model of the texts in the inputs (text, JSONL, Parquet, WARC, WET): interpolated modified Kneser-Ney, as lmplz."""
    if words and sentencepiece:
        raise click.UsageError("--words or --sentencepiece, not both")
    from curricle.models.kenlm.train.perplexity_model import TrainConfig
    from curricle.models.kenlm.train.perplexity_model import train as train_model
    from curricle.pipelines.inputs.texts import documents
    from curricle.schemas.config import explain_error
    from curricle.schemas.languages import canonical
    from pydantic import ValidationError

    try:
        config = TrainConfig.model_validate(
            {
                "name": output.name,
                "language": canonical(language),
                "role": role,
                "category": category,
                "weight": weight,
                "source": source or ", ".join(inputs),
                "licence": licence,
                "profile": profile,
                "unit": unit,
                "order": order,
                "prune": tuple(int(number) for number in prune.split(",")),
                "pieces": vocab,
                "format": "compact" if compact else "binary",
                "arpa": arpa,
            }
        )
        with shown(documents(inputs)) as (corpus, say):
            card = train_model(corpus, output, config, "words" if words else sentencepiece, say)
    except ValidationError as error:
        raise click.UsageError(explain_error(error, TrainConfig, "train")) from None
    except (ValueError, OSError) as error:
        raise click.ClickException(str(error)) from None
    click.echo(
        f"{output}: {card.tokens:,} tokens, n-grams {', '.join(f'{count:,}' for count in card.ngrams)}; "
        f"held-out perplexity {card.heldout_ppl}, unknown {card.heldout_oov_ratio}"
    )


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
