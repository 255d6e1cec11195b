"""Models of others that `curricle models pull` can get: the catalogue `known.yaml`, and what its entries say.

$CURRICLE_KNOWN_MODELS may name one more file of the same form: a mirror's addresses, or an organisation's own models. Its entries
win. Nothing here opens a connection or loads a model library.
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

CATALOGUE = Path(__file__).with_name("registry.yaml")
MODEL_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]*"
"""What a model in the cache may be called: it is a folder's name."""

LANG = "{lang}"
ANY = ("any",)


def _codes(value: object) -> object:
    """`any`, or codes, separated by white space: in a YAML list, `no` would be false."""
    return value.split() if isinstance(value, str) else value


class KnownFile(Config):
    """Where one file comes from: a URL, or a path in the entry's hub repository."""

    url: str = ""
    path: str = ""
    sha256: str = Field(default="", pattern=r"^([0-9a-f]{64})?$")  # empty: none was published
    size: int | None = None  # bytes


class Known(Config):
    """What holds for every kind."""

    name: str = Field(pattern=rf"^({MODEL_NAME}|[a-z0-9.-]*\{LANG}[a-z0-9.-]*)$")
    licence: str
    source: str
    languages: tuple[str, ...] = ("*",)  # ("*",): the model's labels say
    per_language: Annotated[tuple[str, ...], BeforeValidator(_codes)] = ()  # one model for each; ANY: not known which
    hub: str = Field(default="", pattern=r"^([\w.-]+/[\w.-]+)?$")  # repository on the Hugging Face hub
    revision: str = "main"
    files: dict[str, KnownFile] = Field(default_factory=dict)  # name here -> where from; none: all of the hub repository

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
        """Languages that `of` takes."""
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


def read_catalogue(path: Path) -> list[AnyKnown]:
    """The entries in a file; ModelError, one line, where it is not such a file."""
    try:
        return _ENTRIES.validate_python(parse_yaml(path.read_text("utf-8")))
    except OSError as error:
        raise ModelError(f"{path}: {one_line(error)}") from None
    except ValidationError as error:
        raise ModelError(explain_error(error, Entries, str(path))) from None
    except ValueError as error:
        raise ModelError(f"{path}: {one_line(error)}") from None


def known_models() -> dict[str, AnyKnown]:
    """All entries by name; those for several languages under the name with {lang}."""
    return _known_models(os.environ.get("CURRICLE_KNOWN_MODELS", ""))


@cache
def _known_models(own: str) -> dict[str, AnyKnown]:
    entries = [*read_catalogue(CATALOGUE), *(read_catalogue(Path(own)) if own else [])]
    return {entry.name: entry for entry in entries}


def known_names() -> list[str]:
    """Every name that can be pulled, one for each language, sorted."""
    entries = known_models().values()
    return sorted(name for entry in entries for name in [entry.name.replace(LANG, code) for code in entry.codes] or [entry.name])


def find_known(name: str) -> AnyKnown:
    """The entry called `name`, of its language; ModelError with the languages, or the nearest name, where there is none."""
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
