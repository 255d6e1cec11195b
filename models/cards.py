"""A model is a folder: its files and a `card.json` that says what it is, what it was made from, and each file's SHA-256."""

import hashlib
import json
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import ValidationError

from curricle.errors import ModelError as ModelError
from curricle.schemas.config import Config, explain_error

CARD = "card.json"


class Card(Config):
    """The fields of every model's card; subclasses add the fields of their kind."""

    name: str
    kind: Literal["extractor", "language-id", "perplexity", "rater", "url-rules"]
    version: str
    licence: str  # one line
    source: str  # one line: what it was trained on, or where it comes from
    languages: tuple[str, ...]  # codes that it knows; ("*",): those of the model's labels
    files: dict[str, str]  # file name in the folder -> SHA-256, hex

    @cached_property
    def sha256(self) -> str:
        """One hash for the whole model, of the sorted names and hashes of its files."""
        return hashlib.sha256(json.dumps(self.files, sort_keys=True).encode()).hexdigest()


CardKind = TypeVar("CardKind", bound=Card)


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_card_fields(folder: Path) -> dict[str, Any]:
    """All fields of the card in `folder`, unchecked; ModelError if there is no card or it is not a JSON object."""
    try:
        fields = json.loads((folder / CARD).read_bytes())
    except FileNotFoundError:
        raise ModelError(f"{folder} is not a model folder: it has no {CARD}") from None
    except ValueError:
        fields = None
    if not isinstance(fields, dict):
        raise ModelError(f"{folder / CARD}: damaged: not a JSON object")
    return fields


def read_card(folder: Path, kind: type[CardKind]) -> CardKind:
    """The card in `folder`; ModelError if there is none or it is not a `kind`. Hashes are not checked here."""
    try:
        return kind.model_validate_json((folder / CARD).read_bytes())
    except FileNotFoundError:
        raise ModelError(f"{folder} is not a model folder: it has no {CARD}") from None
    except ValidationError as error:
        raise ModelError(explain_error(error, kind, str(folder / CARD))) from None


def write_card(folder: Path, card: Card) -> None:
    """Write `card` into `folder` as indented JSON with sorted keys."""
    (folder / CARD).write_text(json.dumps(card.model_dump(mode="json"), indent=1, sort_keys=True, ensure_ascii=False) + "\n")


def check_files(folder: Path, card: Card) -> None:
    """Raise ModelError for the first file that is missing or whose SHA-256 differs from the card's."""
    for name, expected in card.files.items():
        path = folder / name
        if not path.is_file():
            raise ModelError(f"{folder}: {name} is missing")
        if (found := file_sha256(path)) != expected:
            raise ModelError(f"{path}: the SHA-256 is {found[:12]}..., but the card says {expected[:12]}...; the file is damaged")
