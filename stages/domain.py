"""One of DataMan's 15 domains (Peng et al. 2025, arXiv 2502.19363), by the student (`models.raters.student`).

Deviation: the published tagger is a 1.5B language model; see docs/raters.md for how well the student imitates one.
"""

from pathlib import Path
from typing import ClassVar

import apache_beam as beam
import pyarrow as pa
from pydantic import Field

from models.catalog import model_folder
from models.raters import student
from models.raters.student import Student
from schemas.batches import append_columns, living_rows, scatter
from schemas.column import Column
from schemas.columns import DOMAIN
from schemas.config import Config
from stages.kernel import RunKernel


class DomainConfig(Config):
    """`model`: a starter student's name or a model folder's path."""

    expensive: ClassVar[bool] = True

    model: str = Field(default="student", min_length=1)

    def reads(self) -> tuple[str, ...]:
        """Columns that must be there."""
        return ("text",)

    def writes(self) -> tuple[Column, ...]:
        """Columns that are appended."""
        return DOMAIN

    def models(self) -> tuple[Path, ...]:
        """The model's folder; ModelError if there is none."""
        return (model_folder(self.model),)


def tag_domain(batch: pa.RecordBatch, model: Student, config: DomainConfig) -> pa.RecordBatch:
    """Append `domain` (string, by name) and `domain_score` (float32, its probability, 0..1).

    Both are null where the row is dead, rejected or has no text.
    """
    wanted = living_rows(batch) & batch.column("text").is_valid().to_numpy(zero_copy_only=False)
    columns = model.tag(batch.column("text").filter(pa.array(wanted)))
    return append_columns(batch, DOMAIN, {name: scatter(array, wanted) for name, array in columns.items()})


def load_model(config: DomainConfig) -> Student:
    """The student that `config` names."""
    return student.load(*config.models())


class TagDomain(beam.PTransform):
    """Tag batches with their domain."""

    def __init__(self, config: DomainConfig) -> None:
        super().__init__()
        self.config = config

    def expand(self, batches: beam.PCollection[pa.RecordBatch]) -> beam.PCollection[pa.RecordBatch]:
        """One batch in, one batch out."""
        return batches | "Domain" >> beam.ParDo(RunKernel("domain", tag_domain, self.config, load=load_model))
