"""The two most probable of DataMan's 15 domains (Peng et al. 2025, arXiv 2502.19363), from the student (`models.raters.student`);
and, on request, WebOrganizer's topic and format (Wettig et al. 2025, arXiv 2502.10341).

Deviation: the published taggers are language models of 1.5B and 140M parameters; see docs/raters.md for how well ours imitate
such labels.
"""

from pathlib import Path
from typing import Final, Literal, Self

import pyarrow as pa
from pydantic import Field, model_validator

from curricle.models.catalog import model_of_kind
from curricle.models.raters import student
from curricle.models.raters.student import Student
from curricle.schemas.batches import append_columns, living_rows, scatter
from curricle.schemas.column import Column
from curricle.schemas.columns import DOMAIN, FORMAT, TOPIC
from curricle.schemas.config import Config
from curricle.schemas.stage import Stage

TAG_COLUMNS: Final = {"topic": TOPIC, "format": FORMAT}


class DomainConfig(Config):
    """Settings of the stage `domain`."""

    model: str = Field(default="student", min_length=1)
    """Name of a starter student, or path of a model folder."""
    tags: tuple[Literal["topic", "format"], ...] = ()
    """WebOrganizer's tag sets to write as well."""

    @model_validator(mode="after")
    def _once(self) -> Self:
        if len(set(self.tags)) < len(self.tags):
            raise ValueError("tags must not repeat")
        return self

    def writes(self) -> tuple[Column, ...]:
        """Columns that are appended."""
        return (*DOMAIN, *(column for name in self.tags for column in TAG_COLUMNS[name]))

    def models(self) -> tuple[Path, ...]:
        """The model's folder; ModelError if there is none."""
        return (model_of_kind(self.model, "rater"),)


def tag_domain(batch: pa.RecordBatch, model: Student, config: DomainConfig) -> pa.RecordBatch:
    """Append `domain` and `domain_2` (string, the first and second by probability) and their probabilities `domain_score` and
    `domain_2_score` (float32, 0..1); and for each of `tags` its name (string) and its `_score` (float32, 0..1).

    All are null if the row is dead, rejected, has no text, or has a `language` that the student does not know.
    """
    wanted = living_rows(batch) & batch.column("text").is_valid().to_numpy(zero_copy_only=False)
    if "language" in batch.schema.names:
        wanted &= model.knows(batch.column("language"))
    texts = batch.column("text").filter(pa.array(wanted))
    columns = model.tag(texts)
    for name in config.tags:
        columns |= model.organize(texts, name)
    return append_columns(batch, config.writes(), {name: scatter(array, wanted) for name, array in columns.items()})


def load_model(config: DomainConfig) -> Student:
    """The student that `config` names."""
    return student.load(*config.models())


STAGE: Final = Stage(
    name="domain",
    kernel=tag_domain,
    config=DomainConfig,
    columns=DomainConfig.writes,
    load=load_model,
    models=DomainConfig.models,
    packages=("sentencepiece", "unicodedata"),  # of the student
    skips_rejected=True,
    preload=("curricle.models.kenlm.words", "curricle.models.raters.student"),
    on_demand=tuple((f"add {name!r} to `tags`", columns) for name, columns in TAG_COLUMNS.items()),
)
