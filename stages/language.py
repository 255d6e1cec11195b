"""The language of each document by fastText models (https://fasttext.cc/docs/en/language-identification.html; Joulin et al. 2017,
arXiv 1607.01759), and its script.

How a text is read and how models are combined: `models.language_id`.
"""

from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from curricle.models import language_id
from curricle.models.catalog import model_of_kind
from curricle.models.language_id import WINDOWS, LanguageId
from curricle.models.scripts import COMMON, RIGHT_TO_LEFT
from curricle.schemas.batches import append_columns
from curricle.schemas.columns import LANGUAGE
from curricle.schemas.config import Config
from curricle.schemas.languages import UNDETERMINED
from curricle.schemas.stage import Stage


class LanguageConfig(Config):
    """Settings of the stage `language`."""

    model: str = Field(default="languages", min_length=1)
    """Name of a starter model, or path of a model folder. `languages`: a model of ours beside lid.176."""
    max_chars: int = Field(default=750, ge=1)
    """Number of code points that are read, in all windows together."""
    windows: int = Field(default=WINDOWS, ge=1, le=100)
    """Parts of the text that are read, from its start to its end. 1: only the start."""
    min_letters: int = Field(default=4, ge=0)
    """A text with fewer letters than this outside URLs is `und`, with score 0."""
    min_score: float = Field(default=0.0, ge=0.0, le=1.0)
    """A language with a lower score becomes `und`; the score stays."""

    def models(self) -> tuple[Path, ...]:
        """The model's folder and that of the model beside it; ModelError if there is none."""
        return language_id.folders(model_of_kind(self.model, "language-id"))


def tag_language(batch: pa.RecordBatch, model: LanguageId, config: LanguageConfig) -> pa.RecordBatch:
    """Append `language` (string), `language_score`, `language_mixed` (float32, 0..1), `script` and `text_direction` (strings).

    `language` is `und` if the score is below `min_score` (the score stays), the text has fewer letters than `min_letters` or
    nothing that the model knows (score 0). All are null where `text` is null.
    """
    found = model.predict(batch.column("text"), config.max_chars, config.windows, config.min_letters)
    unsure = pc.less(found.scores, pa.scalar(np.float32(config.min_score)))  # as float32: a score of 0.65 passes 0.65
    codes = pc.if_else(unsure, UNDETERMINED, found.codes)
    columns = {"language": codes, "language_score": found.scores, "language_mixed": found.agreement, "script": found.scripts}
    return append_columns(batch, LANGUAGE, columns | {"text_direction": directions(found.scripts)})


def directions(scripts: pa.Array) -> pa.Array:
    """`rtl` or `ltr` for each script; null for text without letters."""
    right_to_left = pc.is_in(scripts, value_set=pa.array(sorted(RIGHT_TO_LEFT)))
    found = pc.if_else(right_to_left, "rtl", "ltr")
    return pc.if_else(pc.equal(scripts, COMMON), pa.scalar(None, pa.string()), pc.if_else(scripts.is_valid(), found, None))


def load_model(config: LanguageConfig) -> LanguageId:
    """The model that `config` names."""
    return language_id.load(config.models()[0])


STAGE: Final = Stage(
    name="language",
    kernel=tag_language,
    config=LanguageConfig,
    columns=LANGUAGE,
    load=load_model,
    models=LanguageConfig.models,
    packages=("fasttext",),  # computes the scores
)
