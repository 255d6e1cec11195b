"""Quality, by one rater or several: DataMan's 14 criteria (Peng et al. 2025, arXiv 2502.19363), or any classifier's labels.

Deviation: by default the published rater, a 1.5B language model, is replaced by the student (`models.raters.student`), which
imitates the ratings of a large language model by the same criteria; its figures are in its card and in docs/raters.md.
"""

from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import model_validator

from curricle.models.raters.backends import AnyRater, StudentConfig, with_kind
from curricle.models.raters.rater import Rater, RaterConfig
from curricle.schemas.batches import Mask, append_columns, living_rows, scatter
from curricle.schemas.column import Column
from curricle.schemas.columns import RAW
from curricle.schemas.config import Config
from curricle.schemas.stage import Stage


class QualityConfig(Config):
    """Settings of the stage `quality`."""

    raters: tuple[AnyRater, ...] = (StudentConfig(),)
    """Raters, each with a `prefix` of its own. The settings may also be one rater, or a list of raters."""

    @model_validator(mode="before")
    @classmethod
    def _short_forms(cls, values: Any) -> Any:
        if isinstance(values, dict) and "raters" not in values:
            values = [values]
        if isinstance(values, list):
            values = {"raters": values}
        if isinstance(values, dict) and isinstance(values["raters"], list | tuple):
            values = {**values, "raters": [with_kind(rater) for rater in values["raters"]]}
        return values

    @model_validator(mode="after")
    def _columns_differ(self) -> Self:
        if not self.raters:
            raise ValueError("give at least one rater")
        names = [column.name for column in self.writes()]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two raters write the column {name!r}; give each a prefix of its own")
        return self

    def writes(self) -> tuple[Column, ...]:
        """Columns that are appended."""
        return tuple(column for rater in self.raters for column in rater.writes())

    def packages(self) -> tuple[str, ...]:
        """Those of all raters."""
        return tuple(name for rater in self.raters for name in rater.packages())

    def models(self) -> tuple[Path, ...]:
        """The raters' folders; ModelError if one cannot be loaded."""
        return tuple(folder for rater in self.raters for folder in rater.models())


def rate_quality(batch: pa.RecordBatch, models: tuple[Rater, ...], config: QualityConfig) -> pa.RecordBatch:
    """Append what each rater writes: for the student and the language models the 14 `<prefix>_<criterion>` (int8, 1..5) and
    `<prefix>_status` (see `schemas.columns`), for a classifier a float32 for each label.

    All are null if the row is dead, rejected or has no text. A row that has all ratings already, none of them null, keeps them.
    """
    for model, rater in zip(models, config.raters, strict=True):
        batch = _rate(batch, model, rater)
    return batch


def _rate(batch: pa.RecordBatch, model: Rater, config: RaterConfig) -> pa.RecordBatch:
    rated = _rated(batch, config.scores())
    wanted = living_rows(batch) & batch.column("text").is_valid().to_numpy(zero_copy_only=False) & ~rated
    mask = pa.array(wanted)
    languages = batch.column("language").filter(mask) if "language" in batch.schema.names else None
    table = model.predict(batch.column("text").filter(mask), languages).combine_chunks()
    values = {}
    for column in config.writes():
        found = table.column(column.name.removeprefix(f"{config.prefix}_")).combine_chunks()
        values[column.name] = scatter(found, wanted)
        if column.name in batch.schema.names:
            values[column.name] = pc.if_else(pa.array(rated), batch.column(column.name), values[column.name])
    return append_columns(batch, config.writes(), values)


def _rated(batch: pa.RecordBatch, scores: tuple[str, ...]) -> Mask:
    """True where all of `scores` exist and are not null."""
    if not set(scores) <= set(batch.schema.names):
        return np.zeros(batch.num_rows, bool)
    return np.logical_and.reduce([batch.column(name).is_valid().to_numpy(zero_copy_only=False) for name in scores])


def load_raters(config: QualityConfig) -> tuple[Rater, ...]:
    """The raters that `config` names, in order."""
    return tuple(rater.load() for rater in config.raters)


STAGE: Final = Stage(
    name="quality",
    kernel=rate_quality,
    config=QualityConfig,
    columns=QualityConfig.writes,
    load=load_raters,
    models=QualityConfig.models,
    packages=QualityConfig.packages,
    skips_rejected=True,
    preload=("curricle.models.kenlm.words", "curricle.models.raters.student"),
    on_demand=(("add `raw: true` to the settings", RAW),),
)
