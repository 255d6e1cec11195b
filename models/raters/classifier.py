"""Any sequence classifier or regressor of the hub (fineweb-edu-classifier, toxicity models ...), run with transformers.

Only the first `max_tokens` tokens of a text are read. The model runs in float32.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
from pydantic import Field, model_validator

from curricle import portable_math
from curricle.models.cards import ModelError
from curricle.models.raters.batching import token_batches
from curricle.models.raters.layers import softmax
from curricle.models.raters.rater import ColumnName, Rater
from curricle.models.raters.transformers_model import (
    CONFIG,
    Device,
    check_packages,
    check_vocabulary,
    choose_device,
    find_folder,
    load_part,
    prepare_process,
)
from curricle.schemas.column import Column
from curricle.schemas.columns import classifier_column
from curricle.schemas.config import Config

CHARS_PER_TOKEN = 64
"""The tokenizer gets no more of a text than this: 10 MB would take it 10 s, for 512 tokens."""


class ClassifierConfig(Config):
    """Settings of a sequence classifier.

    A regressor (one label, or `problem_type: regression`) gives its raw values, `multi_label_classification` an independent
    probability for each label, and any other model probabilities that add up to 1.
    """

    rater: Literal["classifier"] = "classifier"
    """Selects this rater."""
    prefix: ColumnName = "classifier"
    """How the names of its columns begin."""
    model: str = Field(min_length=1)
    """A folder, a name in the cache, or a hub repository that was pulled."""
    columns: tuple[ColumnName, ...] = ()
    """Names for the model's labels, in their order. By default they come from its config.json."""
    device: Device = "auto"
    """Where the model runs; `auto` takes a GPU if there is one."""
    max_tokens: int = Field(default=512, ge=8)
    """A longer text is cut to this many tokens."""
    batch_tokens: int = Field(default=16_384, ge=1)
    """Largest number of tokens in a batch, padding included."""

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, values: Any) -> Any:
        if not isinstance(values, dict) or values.get("columns") or not isinstance(values.get("model"), str):
            return values
        try:
            return {**values, "columns": [_column_name(label) for label in read_labels(find_folder(values["model"]))]}
        except ModelError as error:
            raise ValueError(str(error)) from None

    @model_validator(mode="after")
    def _differ(self) -> Self:
        for name in self.columns:
            if self.columns.count(name) > 1:
                raise ValueError(f"two labels are named {name!r}; give columns")
        return self

    def writes(self) -> tuple[Column, ...]:
        """One float32 for each label."""
        return tuple(classifier_column(self.prefix, name) for name in self.columns)

    def scores(self) -> tuple[str, ...]:
        """All its columns."""
        return tuple(column.name for column in self.writes())

    def packages(self) -> tuple[str, ...]:
        """What runs the model."""
        return ("torch", "transformers", "tokenizers")

    def models(self) -> tuple[Path, ...]:
        """The folder of the model; ModelError where it has another number of labels than `columns`."""
        check_packages(self.rater, self.device)
        folder = find_folder(self.model)
        labels = read_labels(folder)
        if len(labels) != len(self.columns):
            raise ModelError(
                f"{self.model} has {len(labels)} labels ({', '.join(labels)}), but columns names {len(self.columns)}"
            )
        return (folder,)

    def load(self) -> Rater:
        """Load the model onto its device."""
        return Classifier(self)


def _column_name(label: str) -> str:
    name = re.sub(r"[^a-z0-9]+", "_", label.lower()).strip("_")
    return name if name[:1].isalpha() else f"label_{name}"


def read_labels(folder: Path) -> tuple[str, ...]:
    """The labels of a classifier in the order of its outputs, from config.json; ModelError where it has none."""
    try:
        fields = orjson.loads((folder / CONFIG).read_bytes())
        labels = fields.get("id2label") or {str(n): f"LABEL_{n}" for n in range(fields.get("num_labels", 2))}
        return tuple(str(labels[str(n)]) for n in range(len(labels)))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise ModelError(f"{folder / CONFIG}: it has no classifier labels") from None


class Classifier:
    """Model and tokenizer in memory."""

    def __init__(self, config: ClassifierConfig) -> None:
        [folder] = config.models()
        import torch
        from transformers import AutoModelForSequenceClassification, AutoTokenizer

        prepare_process()
        self.config = config
        self.device = choose_device(config.device)
        self.tokenizer = load_part(folder, AutoTokenizer)
        model, loading = load_part(folder, AutoModelForSequenceClassification, dtype=torch.float32, output_loading_info=True)
        if missing := sorted(loading["missing_keys"]):
            raise ModelError(f"{folder}: not a classifier: its weights lack {', '.join(missing[:3])}")
        check_vocabulary(folder, self.tokenizer, model)
        self.model = model.to(self.device).eval()
        self.max_tokens = min(
            config.max_tokens,
            self.tokenizer.model_max_length,
            getattr(model.config, "max_position_embeddings", config.max_tokens),
        )
        kind = model.config.problem_type or ("regression" if len(config.columns) == 1 else "single_label_classification")
        self.activate = ACTIVATIONS[kind]

    def predict(self, texts: pa.Array, languages: pa.Array | None = None) -> pa.Table:
        """A float32 column for each label, by the names of `columns`; null where the text is blank."""
        read = [text[: CHARS_PER_TOKEN * self.max_tokens] for text in texts.to_pylist()]
        rows = [row for row, text in enumerate(texts.to_pylist()) if text.strip()]
        inputs = [dict(self.tokenizer(read[row], truncation=True, max_length=self.max_tokens)) for row in rows]
        out = np.full((len(texts), len(self.config.columns)), np.nan, np.float32)
        for batch in token_batches([len(given["input_ids"]) for given in inputs], self.config.batch_tokens):
            out[[rows[at] for at in batch]] = self.activate(self._logits([inputs[at] for at in batch]))
        blank = np.ones(len(texts), bool)
        blank[rows] = False
        return pa.table({name: pa.array(out[:, n], mask=blank) for n, name in enumerate(self.config.columns)})

    def _logits(self, inputs: Sequence[dict[str, list[int]]]) -> npt.NDArray[np.float32]:
        import torch

        padded = self.tokenizer.pad(inputs, return_tensors="pt").to(self.device)
        with torch.inference_mode():
            logits: npt.NDArray[np.float32] = self.model(**padded).logits.float().cpu().numpy()
        return logits


def _raw(logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    return logits


def _each(logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    odds: npt.NDArray[np.float32] = portable_math.exp(-np.abs(logits))
    return (np.where(logits >= 0, 1, odds) / (1 + odds)).astype(np.float32)


def _together(logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    return softmax(logits)


ACTIVATIONS = {"regression": _raw, "multi_label_classification": _each, "single_label_classification": _together}
"""Activations by the `problem_type` in the model's config.json."""
