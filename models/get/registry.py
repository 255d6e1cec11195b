"""The catalog of models that `curricle models pull` can download, from `registry.yaml`.

$CURRICLE_KNOWN_MODELS can name one more file in the same format, with the addresses of a mirror or an organization's own models.
Its entries take precedence. Nothing here opens a connection or loads a model library.
"""

import os
import re
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Annotated, Literal, Self

import yaml
from pydantic import BeforeValidator, Field, TypeAdapter, ValidationError, model_validator

from curricle.errors import one_line
from curricle.models.cards import ModelError
from curricle.schemas.categories import Category
from curricle.schemas.config import Config, explain_error
from curricle.schemas.languages import LABELS, canonical
from curricle.schemas.yaml_file import parse_yaml

CATALOG = Path(__file__).with_name("registry.yaml")
MODEL_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]*"
"""Pattern of the names of models in the cache, which are names of folders."""

LANG = "{lang}"
ANY = ("any",)


def _codes(value: object) -> object:
    """`any`, or codes separated by white space. In a YAML list, `no` would be false."""
    return value.split() if isinstance(value, str) else value


class KnownFile(Config):
    """The origin of one file: a URL, or a path in the entry's hub repository."""

    url: str = ""
    path: str = ""
    sha256: str = Field(default="", pattern=r"^([0-9a-f]{64})?$")  # empty: none was published
    size: int | None = None  # bytes


class Known(Config):
    """The fields of every kind of model."""

    name: str = Field(pattern=rf"^({MODEL_NAME}|[a-z0-9.-]*\{LANG}[a-z0-9.-]*)$")
    licence: str
    source: str
    languages: tuple[str, ...] = ("*",)  # ("*",): those of the model's labels
    per_language: Annotated[tuple[str, ...], BeforeValidator(_codes)] = ()  # one model for each; ANY: unknown which ones exist
    hub: str = Field(default="", pattern=r"^([\w.-]+/[\w.-]+)?$")  # repository on the Hugging Face hub
    revision: str = "main"
    files: dict[str, KnownFile] = Field(default_factory=dict)  # by name in the model folder; empty: all of the hub repository

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if bool(self.per_language) != (LANG in self.name):
            raise ValueError(f"{self.name}: per_language goes with {LANG} in the name")
        for code in self.codes:
            if canonical(code) != code:
                raise ValueError(f"{self.name}: {code!r} is written {canonical(code)!r} here")
        if not self.files and not self.hub:
            raise ValueError(f"{self.name}: no files and no hub")
        for name, file in self.files.items():
            if not re.fullmatch(MODEL_NAME, name) or bool(file.url) == bool(file.path and self.hub):
                raise ValueError(f"{self.name}: {name} needs a url, or a path in a hub repository")
        return self

    @property
    def codes(self) -> tuple[str, ...]:
        """Languages that `of` accepts."""
        return LABELS if self.per_language == ANY else self.per_language

    def of(self, language: str) -> Self:
        """The model of one language."""
        fields = self.model_dump_json(exclude={"per_language", "languages"}).replace(LANG, language)
        return type(self).model_validate({**yaml.safe_load(fields), "languages": (language,)})


class KnownLanguageId(Known):
    """A fastText classifier."""

    kind: Literal["language-id"]


class KnownKenlm(Known):
    """A KenLM model; the fields are those of its card."""

    kind: Literal["perplexity"]
    role: Literal["clean", "harmful"]
    category: Category = ""
    profile: str
    tokenizer: str = "sp.model"
    unit: Literal["document", "line"] = "document"
    model: str = "model.bin"


class KnownRater(Known):
    """A model that rates text."""

    kind: Literal["rater"]


AnyKnown = KnownLanguageId | KnownKenlm | KnownRater
Entries = list[Annotated[AnyKnown, Field(discriminator="kind")]]
_ENTRIES: TypeAdapter[Entries] = TypeAdapter(Entries)


def read_catalog(path: Path) -> list[AnyKnown]:
    """The entries in a file; ModelError, one line, if the file is wrong."""
    try:
        return _ENTRIES.validate_python(parse_yaml(path.read_text("utf-8")))
    except OSError as error:
        raise ModelError(f"{path}: {one_line(error)}") from None
    except ValidationError as error:
        raise ModelError(explain_error(error, Entries, str(path))) from None
    except ValueError as error:
        raise ModelError(f"{path}: {one_line(error)}") from None


def known_models() -> dict[str, AnyKnown]:
    """All entries by name; entries for several languages have {lang} in their name."""
    return _known_models(os.environ.get("CURRICLE_KNOWN_MODELS", ""))


@cache
def _known_models(own: str) -> dict[str, AnyKnown]:
    entries = [*read_catalog(CATALOG), *(read_catalog(Path(own)) if own else [])]
    return {entry.name: entry for entry in entries}


def known_names() -> list[str]:
    """Every name that can be pulled, one for each language, sorted."""
    entries = known_models().values()
    return sorted(name for entry in entries for name in [entry.name.replace(LANG, code) for code in entry.codes] or [entry.name])


def find_known(name: str) -> AnyKnown:
    """The entry called `name`, for its language; otherwise ModelError with the available languages or the nearest name."""
    entries = known_models()
    if name in entries and not entries[name].per_language:
        return entries[name]
    for entry in entries.values():
        before, _, after = entry.name.partition(LANG)
        if not entry.per_language or not (name.startswith(before) and name.endswith(after)):
            continue
        language = name[len(before) : len(name) - len(after)]
        if language in entry.codes:
            return entry.of(language)
        if len(name) > len(before) + len(after):
            raise ModelError(f"no known model {name!r}: {entry.name} exists for {' '.join(entry.per_language)}")
    near = get_close_matches(name, known_names(), n=1)
    hint = f"; did you mean {near[0]!r}?" if near else "; `curricle models list` shows all"
    raise ModelError(f"no known model {name!r}{hint}")
