"""`curricle models list`, `info` and `verify`."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from curricle.errors import ModelError

if TYPE_CHECKING:
    from curricle.models.cards import Card
    from curricle.models.get.registry import AnyKnown


@click.command("list")
def list_models() -> None:
    """List all models: name, state, kind, languages, hash and license.

    The states are starter (part of this package), pulled and added (in the cache), damaged (its card cannot be read) and known
    (`curricle models pull NAME` downloads it; replace {lang} with one of its languages).
    """
    import orjson

    from curricle.models.cards import CARD
    from curricle.models.catalog import cached_models, model_folder, starter_models
    from curricle.models.get.registry import known_models, known_names
    from curricle.pipelines.plan.fingerprint import model_sha256

    starters, cached, known = starter_models(), cached_models(), known_names()
    for name in [*starters, *(name for name in cached if name not in starters)]:
        folder = model_folder(name)
        state = "starter" if name in starters else "pulled" if name in known else "added"
        try:
            card = orjson.loads((folder / CARD).read_bytes())
            _row(name, state, card["kind"], card["languages"], model_sha256(folder)[:12], card["licence"])
        except (ValueError, KeyError, TypeError):
            _row(name, "damaged", "-", ("-",), "-", "-")
    for name, entry in known_models().items():
        if name not in cached:
            _row(name, "known", entry.kind, entry.per_language or entry.languages, "-", entry.licence)


def _row(name: str, state: str, kind: str, languages: Sequence[str], sha256: str, licence: str) -> None:
    click.echo("\t".join((name, state, kind, _languages(languages), sha256, licence)))


def _languages(codes: Sequence[str]) -> str:
    if tuple(codes) == ("*",):
        return "its labels"
    return ",".join(codes) if len(codes) < 9 else f"{len(codes)} languages"


@click.command()
@click.argument("name")
def info(name: str) -> None:
    """Show what is known about the model NAME: its card and where it comes from."""
    from curricle.models.catalog import model_folder
    from curricle.models.get.registry import find_known, known_models

    try:
        folder = model_folder(name)
    except ModelError:
        _print({"name": name, "state": "not downloaded", **_entry(known_models().get(name) or find_known(name))})
        return
    card, fields = _read_card(folder)
    files = {file: f"SHA-256 {sha256}, {_size(folder / file)}" for file, sha256 in card.files.items()}
    others = {key: value for key, value in fields.items() if key not in ("name", "files")}
    _print({"name": name, "folder": folder, **others, "files": files})


def _read_card(folder: Path) -> "tuple[Card, dict[str, Any]]":
    """What every kind's card holds, and all fields of this one; ModelError for a damaged card."""
    from pydantic import ValidationError

    from curricle.models.cards import CARD, Card, read_card_fields
    from curricle.schemas.config import explain_error

    fields = read_card_fields(folder)
    try:
        return Card.model_validate({key: fields[key] for key in Card.model_fields if key in fields}), fields
    except ValidationError as error:
        raise ModelError(explain_error(error, Card, str(folder / CARD))) from None


def _size(path: Path) -> str:
    return _bytes(path.stat().st_size) if path.is_file() else "missing"


def _entry(entry: "AnyKnown") -> dict[str, Any]:
    fields = entry.model_dump(exclude={"name", "files", "hub", "revision", "languages", "per_language"})
    fields["languages"] = entry.per_language or entry.languages
    if entry.hub:
        fields["hub"] = f"https://huggingface.co/{entry.hub}, revision {entry.revision}"
    fields["files"] = {
        name: f"{file.url or file.path}, {_bytes(file.size)}, SHA-256 {file.sha256 or 'not published'}"
        for name, file in entry.files.items()
    } or "all of the repository"
    return fields


def _bytes(size: int | None) -> str:
    return "size unknown" if size is None else f"{size:,} bytes"


def _print(fields: dict[str, Any]) -> None:
    for key, value in fields.items():
        for label, text in _lines(key, value):
            click.echo(f"{label:<17} {text}")


def _lines(key: str, value: Any) -> Iterator[tuple[str, str]]:
    """A field as one line, a mapping as a line for each entry."""
    if isinstance(value, dict):
        for name, text in value.items():
            yield key, f"{name}: {text}"
    elif isinstance(value, list | tuple):
        yield key, " ".join(map(str, value))
    elif value is not None and value != "":
        yield key, str(value)


@click.command()
@click.argument("name")
def verify(name: str) -> None:
    """Check the files of a model against the hashes in its card.

    NAME is the name of a model or the path of a model folder.
    """
    from curricle.models.cards import check_files
    from curricle.models.catalog import model_folder

    folder = model_folder(name)
    card, _ = _read_card(folder)
    check_files(folder, card)
    click.echo(f"{folder}: {len(card.files)} files, all hashes match")
