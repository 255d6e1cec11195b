"""The language of each document, by lid.176 or another fastText model (https://fasttext.cc/docs/en/language-identification.html;
Joulin et al. 2017, arXiv 1607.01759).

Deviations from a bare `model.predict`: a newline becomes a space, only the first `max_chars` characters are read, and a text
without anything that the model knows is `und` (see `models.language_id`).
"""

from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from curricle.models import language_id
from curricle.models.catalog import model_of_kind
from curricle.models.language_id import LanguageId
from curricle.schemas.batches import append_columns
from curricle.schemas.columns import LANGUAGE
from curricle.schemas.config import Config
from curricle.schemas.languages import UNDETERMINED
from curricle.schemas.stage import Stage


class LanguageConfig(Config):
    """Settings of the stage `language`."""

    model: str = Field(default="lid.176", min_length=1)
    """Name of a starter model, or path of a model folder."""
    max_chars: int = Field(default=1000, ge=1)
    """Number of code points that are read, from the start of the text."""
    min_score: float = Field(default=0.0, ge=0.0, le=1.0)
    """A language with a lower score becomes `und`; the score stays."""

    def models(self) -> tuple[Path, ...]:
        """The model's folder; ModelError if there is none."""
        return (model_of_kind(self.model, "language-id"),)


def tag_language(batch: pa.RecordBatch, model: LanguageId, config: LanguageConfig) -> pa.RecordBatch:
    """Append `language` (string) and `language_score` (float32, probability of the best label, 0..1).

    `language` is `und` if the score is below `min_score` (the score stays) or the text has nothing that the model knows:
    it is empty, white space or digits (score 0). Both are null where `text` is null.
    """
    codes, scores = model.predict(batch.column("text"), config.max_chars)
    unsure = pc.less(scores, pa.scalar(np.float32(config.min_score)))  # as float32: a score of 0.65 passes 0.65
    codes = pc.if_else(unsure, UNDETERMINED, codes)
    return append_columns(batch, LANGUAGE, {"language": codes, "language_score": scores})


def load_model(config: LanguageConfig) -> LanguageId:
    """The model that `config` names."""
    return language_id.load(*config.models())


STAGE: Final = Stage(
    name="language",
    kernel=tag_language,
    config=LanguageConfig,
    columns=LANGUAGE,
    load=load_model,
    models=LanguageConfig.models,
    packages=("fasttext",),  # computes the scores
)
