"""`curricle models`."""

from pathlib import Path

import click

from pipelines.cli.calibrate import command as calibrate
from pipelines.cli.run import inputs


@click.group()
def command() -> None:
    """List, check and train the models that recipes can name."""


command.add_command(calibrate, "calibrate")


@command.command("list")
def list_models() -> None:
    """Name, kind, languages, licence and hash of every starter model."""
    import orjson

    from models.cards import CARD
    from models.catalog import model_folder, starter_models
    from pipelines.fingerprint import model_sha256

    for name in starter_models():
        card = orjson.loads((model_folder(name) / CARD).read_bytes())
        languages = ",".join(card["languages"]) if len(card["languages"]) < 9 else f"{len(card['languages'])} languages"
        click.echo(f"{name}\t{card['kind']}\t{languages}\t{model_sha256(model_folder(name))[:12]}\t{card['licence']}")


@command.command()
@click.argument("name")
def verify(name: str) -> None:
    """Check the files of the model NAME (or of a model folder) against its card."""
    import orjson

    from models.cards import CARD, Card, check_files
    from models.catalog import model_folder

    folder = model_folder(name)
    fields = orjson.loads((folder / CARD).read_bytes())
    card = Card.model_validate({key: fields[key] for key in Card.model_fields})
    check_files(folder, card)
    click.echo(f"{folder}: {len(card.files)} files, all hashes match")


@command.group()
def train() -> None:
    """Train a model; needs no compiler."""


@train.command()
@click.option("--language", required=True, help="Code of the language, such as tr.")
@click.option("--role", required=True, type=click.Choice(["clean", "harmful"]), help="What the text is.")
@inputs
@click.option("--output", required=True, type=click.Path(path_type=Path), help="Model folder to make.")
@click.option("--order", default=5, show_default=True, help="Length of the longest n-grams.")
@click.option("--prune", default="0", show_default=True, help="As lmplz's --prune, with commas: 0,0,1.")
@click.option("--pieces", default=16_000, show_default=True, help="Size of the SentencePiece vocabulary to train.")
@click.option("--sentencepiece", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="Use this vocabulary.")
@click.option("--words", is_flag=True, help="Words between white space in place of SentencePiece.")
@click.option("--profile", default="curricle-v1", show_default=True, help="How text is normalised: docs/perplexity.md.")
@click.option(
    "--unit", default="document", show_default=True, type=click.Choice(["document", "line"]), help="One sentence is one."
)
@click.option("--source", default="", help="One line for the card: what the text is.")
@click.option("--licence", default="not stated", show_default=True, help="One line for the card.")
def perplexity(
    language: str,
    role: str,
    inputs: tuple[str, ...],
    output: Path,
    order: int,
    prune: str,
    pieces: int,
    sentencepiece: Path | None,
    words: bool,
    profile: str,
    unit: str,
    source: str,
    licence: str,
) -> None:
    """A KenLM model of the texts in the inputs (WARC, WET, JSONL, Parquet): interpolated modified Kneser-Ney, as lmplz."""
    if words and sentencepiece:
        raise click.UsageError("--words or --sentencepiece, not both")
    from pydantic import ValidationError

    from models.kenlm.train import TrainConfig
    from models.kenlm.train import train as train_model
    from pipelines.corpus import documents
    from schemas.config import explain_error
    from schemas.languages import canonical

    try:
        config = TrainConfig.model_validate(
            {
                "name": output.name,
                "language": canonical(language),
                "role": role,
                "source": source or ", ".join(inputs),
                "licence": licence,
                "profile": profile,
                "unit": unit,
                "order": order,
                "prune": tuple(int(number) for number in prune.split(",")),
                "pieces": pieces,
            }
        )
        card = train_model(documents(inputs), output, config, "words" if words else sentencepiece)
    except ValidationError as error:
        raise click.UsageError(explain_error(error, TrainConfig, "train")) from None
    except (ValueError, OSError) as error:
        raise click.ClickException(str(error)) from None
    click.echo(
        f"{output}: {card.tokens:,} tokens, n-grams {', '.join(f'{count:,}' for count in card.ngrams)}; "
        f"held-out perplexity {card.heldout_ppl}, unknown {card.heldout_oov_ratio}"
    )
