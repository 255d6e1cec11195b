"""The one interface of all raters: a configuration that says what it writes and loads it, and `predict`."""

import hashlib
from pathlib import Path
from typing import Annotated, Protocol

import pyarrow as pa
import pyarrow.compute as pc
from curricle.models.cards import ModelError
from curricle.models.raters.dataman import Edition, Reply, read_prompt
from curricle.schemas.column import Column
from curricle.schemas.columns import QUALITY_CRITERIA, reply_columns
from curricle.schemas.config import Config
from pydantic import StringConstraints, model_validator

ColumnName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]


class Rater(Protocol):
    """Rates texts; safe to use from several threads."""

    def predict(self, texts: pa.Array, languages: pa.Array | None = None) -> pa.Table:
        """One row for each of string `texts` (no nulls), in order; `languages` (string, ISO 639) where they are known.

        The columns are those of the configuration without its prefix. What a row holds depends on its text alone.
        """


class RaterConfig(Protocol):
    """What the stage and the command line ask of a rater's configuration."""

    prefix: str

    def writes(self) -> tuple[Column, ...]:
        """What it writes, each name `<prefix>_...`."""

    def scores(self) -> tuple[str, ...]:
        """Names of those columns that hold a rating; a row is rated where none of them is null."""

    def models(self) -> tuple[Path, ...]:
        """Folders whose contents the ratings depend on; ModelError, one line, where it cannot be loaded."""

    def packages(self) -> tuple[str, ...]:
        """Modules of other projects that decide the ratings."""

    def load(self) -> Rater:
        """The rater; ModelError, one line, where it cannot be loaded."""


class FormConfig(Config):
    """What all raters have that answer DataMan's form.

    `prompt`: `published`, `rubric` or a file with `{text}` in it; `prompt_sha256` is filled in, so that its content is in the
    fingerprint of a run. `edition`: whose limits a long text is cut to.
    """

    prefix: ColumnName = "quality"
    prompt: str = "published"
    prompt_sha256: str | None = None
    edition: Edition = "en"

    @model_validator(mode="before")
    @classmethod
    def _hash_prompt(cls, values: object) -> object:
        if not isinstance(values, dict):
            return values
        name = values.get("prompt", "published")
        try:
            found = hashlib.sha256(read_prompt(str(name)).encode()).hexdigest()
        except ModelError as error:
            raise ValueError(str(error)) from None
        if values.get("prompt_sha256") not in (None, found):
            raise ValueError(f"prompt {name}: its content is not that of prompt_sha256")
        return {**values, "prompt_sha256": found}

    def writes(self) -> tuple[Column, ...]:
        """The 14 ratings, the domain, a status and what was replied where that is not a rating."""
        return reply_columns(self.prefix)

    def scores(self) -> tuple[str, ...]:
        """The 14 ratings."""
        return criteria(self.prefix)

    def prompt_text(self) -> str:
        """The prompt; ModelError where its file was changed since the configuration was made."""
        text = read_prompt(self.prompt)
        if hashlib.sha256(text.encode()).hexdigest() != self.prompt_sha256:
            raise ModelError(f"prompt {self.prompt}: changed since the run began")
        return text


def criteria(prefix: str) -> tuple[str, ...]:
    """Names of the 14 rating columns."""
    return tuple(f"{prefix}_{name}" for name in QUALITY_CRITERIA)


def is_blank(texts: pa.Array) -> pa.Array:
    """True where a text has nothing but white space: no model is asked about it."""
    return pc.equal(pc.binary_length(pc.utf8_trim_whitespace(texts)), 0)


def reply_table(replies: list[Reply]) -> pa.Table:
    """Replies as the columns of `schemas.columns.reply_columns`, without the prefix."""
    nothing = (None,) * len(QUALITY_CRITERIA)
    by_criterion = zip(*(reply.ratings or nothing for reply in replies), strict=True) if replies else [()] * len(QUALITY_CRITERIA)
    columns = {name: pa.array(values, pa.int8()) for name, values in zip(QUALITY_CRITERIA, by_criterion, strict=True)}
    columns["domain"] = pa.array([reply.domain for reply in replies], pa.string())
    columns["status"] = pa.array([reply.status for reply in replies], pa.string())
    columns["raw"] = pa.array([_storable(reply.raw) for reply in replies], pa.string())
    return pa.table(columns)


def _storable(raw: str | None) -> str | None:
    """JSON may hold half a surrogate pair, Arrow's UTF-8 not."""
    return None if raw is None else raw.encode("utf-8", "replace").decode()
