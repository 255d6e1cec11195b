"""DataMan's 14 quality criteria (Peng et al. 2025, arXiv 2502.19363), rated by the student (`models.raters.student`).

Deviation: the published rater is a 1.5B language model. The student imitates ratings that a large language model gave under the
same criteria; its figures stand in its card and in docs/raters.md.
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
from schemas.columns import QUALITY
from schemas.config import Config
from stages.kernel import RunKernel


class QualityConfig(Config):
    """`rater`: a starter student's name or a model folder's path."""

    expensive: ClassVar[bool] = True

    rater: str = Field(default="student", min_length=1)

    def reads(self) -> tuple[str, ...]:
        """Columns that must be there; `language` is used where it is."""
        return ("text",)

    def writes(self) -> tuple[Column, ...]:
        """Columns that are appended."""
        return QUALITY

    def models(self) -> tuple[Path, ...]:
        """The rater's folder; ModelError if there is none."""
        return (model_folder(self.rater),)


def rate_quality(batch: pa.RecordBatch, model: Student, config: QualityConfig) -> pa.RecordBatch:
    """Append the 14 `quality_<criterion>` (int8, 1..5), `quality_overall_raw` (float32, to rank) and `quality_status`.

    Status `out_of_domain`: rated, but too short, in a language or of words that the student did not learn from (the language
    counts only where the batch has a `language` column). All null where the row is dead, rejected or has no text.
    """
    wanted = living_rows(batch) & batch.column("text").is_valid().to_numpy(zero_copy_only=False)
    mask = pa.array(wanted)
    languages = batch.column("language").filter(mask) if "language" in batch.schema.names else None
    columns = model.rate(batch.column("text").filter(mask), languages)
    return append_columns(batch, QUALITY, {name: scatter(array, wanted) for name, array in columns.items()})


def load_model(config: QualityConfig) -> Student:
    """The student that `config` names."""
    return student.load(*config.models())


class RateQuality(beam.PTransform):
    """Rate batches under DataMan's 14 criteria."""

    def __init__(self, config: QualityConfig) -> None:
        super().__init__()
        self.config = config

    def expand(self, batches: beam.PCollection[pa.RecordBatch]) -> beam.PCollection[pa.RecordBatch]:
        """One batch in, one batch out."""
        return batches | "Quality" >> beam.ParDo(RunKernel("quality", rate_quality, self.config, load=load_model))
