"""`curricle models`."""

import click


@click.group()
def command() -> None:
    """The models that recipes can name."""


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
