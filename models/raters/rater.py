"""The interface of all raters: a configuration that names the columns and loads the rater, and the rater's `predict`."""

import hashlib
from pathlib import Path
from typing import Annotated, Protocol

import pyarrow as pa
from pydantic import StringConstraints, model_validator

from curricle.models.cards import ModelError
from curricle.models.raters.dataman import Edition, Reply, read_prompt
from curricle.schemas.column import Column
from curricle.schemas.columns import QUALITY_CRITERIA, reply_columns
from curricle.schemas.config import Config

ColumnName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]


class Rater(Protocol):
    """Rates texts; safe to use from several threads."""

    def predict(self, texts: pa.Array, languages: pa.Array | None = None) -> pa.Table:
        """Rate string `texts` (no nulls): one row each, in order. `languages` are ISO 639 codes, null where unknown.

        The columns are those of the configuration without its prefix. A row depends only on its text and language.
        """


class RaterConfig(Protocol):
    """What the stage and the command line require from the configuration of a rater."""

    prefix: str

    def writes(self) -> tuple[Column, ...]:
        """The columns that the rater writes, each named `<prefix>_...`."""

    def scores(self) -> tuple[str, ...]:
        """Names of the columns with ratings; a row counts as rated where none of them is null."""

    def models(self) -> tuple[Path, ...]:
        """Folders whose contents the ratings depend on; ModelError where one cannot be loaded."""

    def packages(self) -> tuple[str, ...]:
        """Modules of other projects that decide the ratings."""

    def load(self) -> Rater:
        """Load the rater; ModelError where that fails."""


class OutsideRaterConfig(Config):
    """Base of the settings of a rater from outside this package, which a recipe names as `rater: module:CLASS`.

    A subclass adds its settings, `writes` and `load`; all other methods have an answer that holds for most.
    """

    rater: str
    """The class, as `module:CLASS`, or the name of an entry point."""
    prefix: ColumnName = "quality"
    """How the names of its columns begin."""

    def writes(self) -> tuple[Column, ...]:
        """The columns that it writes, each named `<prefix>_...`."""
        raise NotImplementedError

    def load(self) -> Rater:
        """The rater: an object whose `predict(texts, languages)` returns a table of these columns without their prefix."""
        raise NotImplementedError

    def scores(self) -> tuple[str, ...]:
        """All columns: a row counts as rated where none of them is null."""
        return tuple(column.name for column in self.writes())

    def models(self) -> tuple[Path, ...]:
        """Folders whose contents decide the ratings."""
        return ()

    def packages(self) -> tuple[str, ...]:
        """Modules of other projects that decide the ratings."""
        return ()


class FormConfig(Config):
    """Settings of all raters that answer DataMan's form."""

    prefix: ColumnName = "quality"
    """How the names of its columns begin."""
    prompt: str = "published"
    """`published` (DataMan's own), `rubric` (with the meaning of each rating), or a file that contains `{text}`."""
    prompt_sha256: str | None = None
    """Hash of the prompt. It is filled in, and thus part of the run's fingerprint."""
    edition: Edition = "en"
    """Whose limits apply when a long text is cut: the English or the Chinese model's."""

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
            raise ValueError(f"prompt {name}: the file's content does not match prompt_sha256")
        return {**values, "prompt_sha256": found}

    def writes(self) -> tuple[Column, ...]:
        """The 14 ratings, the domain, a status, and the reply where it could not be read."""
        return reply_columns(self.prefix)

    def scores(self) -> tuple[str, ...]:
        """The 14 ratings."""
        return criteria(self.prefix)

    def prompt_text(self) -> str:
        """The prompt; ModelError where its file has changed since the configuration was made."""
        text = read_prompt(self.prompt)
        if hashlib.sha256(text.encode()).hexdigest() != self.prompt_sha256:
            raise ModelError(f"prompt {self.prompt}: the file has changed since the run began")
        return text


def criteria(prefix: str) -> tuple[str, ...]:
    """Names of the 14 rating columns."""
    return tuple(f"{prefix}_{name}" for name in QUALITY_CRITERIA)


def reply_table(replies: list[Reply]) -> pa.Table:
    """The columns of `schemas.columns.reply_columns` for these replies, without the prefix."""
    nothing = (None,) * len(QUALITY_CRITERIA)
    by_criterion = zip(*(reply.ratings or nothing for reply in replies), strict=True) if replies else [()] * len(QUALITY_CRITERIA)
    columns = {name: pa.array(values, pa.int8()) for name, values in zip(QUALITY_CRITERIA, by_criterion, strict=True)}
    columns["domain"] = pa.array([reply.domain for reply in replies], pa.string())
    columns["status"] = pa.array([reply.status for reply in replies], pa.string())
    columns["raw"] = pa.array([_storable(reply.raw) for reply in replies], pa.string())
    return pa.table(columns)


def _storable(raw: str | None) -> str | None:
    """JSON may contain half of a surrogate pair, which Arrow's UTF-8 cannot store."""
    return None if raw is None else raw.encode("utf-8", "replace").decode()
