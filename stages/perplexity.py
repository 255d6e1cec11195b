"""Perplexity under KenLM models trained on clean and on harmful text, chosen by the row's language.

Clean: CCNet (arXiv 1911.00359). Harmful: Perplexed by Quality (arXiv 2212.10440), low perplexity is harmful-like. The log-ratio
of the two is ours: comparable across lengths, and it finds far more than either alone (docs/perplexity.md). Deviations: text is
normalised by the profile in the model's card and never otherwise, and log10 probabilities are added up in float64.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer

from models.cards import ModelError, read_card
from models.catalog import model_folder, starter_models
from models.kenlm.card import KenlmCard
from models.kenlm.model import Kenlm, load
from models.kenlm.scorer import Scores, score_all
from schemas.batches import append_columns, null_columns, scatter
from schemas.column import Column
from schemas.columns import PERPLEXITY
from schemas.config import Config
from schemas.languages import canonical
from stages.kernel import RunKernel

Pairs = tuple[tuple[str, str], ...]


def _pairs(value: Any) -> Any:
    return tuple(value.items()) if isinstance(value, Mapping) else value


def _canonical(pairs: Pairs) -> Pairs:
    codes = [canonical(code) for code, _ in pairs]
    for code in codes:
        if codes.count(code) > 1:
            raise ValueError(f"language {code!r} is named twice")
    return tuple(sorted(zip(codes, (name for _, name in pairs), strict=True)))


ModelOf = Annotated[Pairs, BeforeValidator(_pairs), AfterValidator(_canonical), PlainSerializer(dict)]
"""A mapping, language code to model (a starter model's name or a folder's path), as sorted pairs: hashable."""


def _starters(role: str) -> Pairs:
    names = (name for name in starter_models() if name.endswith(f"-{role}"))
    return tuple((name.removesuffix(f"-{role}"), name) for name in names)


class PerplexityConfig(Config):
    """`clean` and `harmful`: which model scores which language; the starter models where left out, none for `{}`."""

    expensive: ClassVar[bool] = False

    clean: ModelOf = Field(default_factory=lambda: _starters("clean"))
    harmful: ModelOf = Field(default_factory=lambda: _starters("harmful"))

    def reads(self) -> tuple[str, ...]:
        """Columns that must be there."""
        return ("text", "language")

    def writes(self) -> tuple[Column, ...]:
        """Columns that are appended."""
        return PERPLEXITY

    def models(self) -> tuple[Path, ...]:
        """The models' folders, each once. Raises ModelError where there is none, or its role or language is another."""
        folders: dict[Path, None] = {}
        for role, pairs in (("clean", self.clean), ("harmful", self.harmful)):
            for code, name in pairs:
                folder = model_folder(name)
                card = read_card(folder, KenlmCard)
                if card.role != role:
                    raise ModelError(f"{name} is a {card.role} model, and is named as the {role} one for {code!r}")
                if card.languages != ("*",) and code not in card.languages:
                    raise ModelError(f"{name} is a model of {', '.join(card.languages)}, and is named for {code!r}")
                folders[folder] = None
        return tuple(folders)


@dataclass(frozen=True)
class Pair:
    """The models of one language."""

    clean: Kenlm | None = None
    harmful: Kenlm | None = None


def load_models(config: PerplexityConfig) -> dict[str, Pair]:
    """The models of each language that has one; those that two configurations share are loaded once."""
    config.models()
    clean, harmful = ({code: load(model_folder(name)) for code, name in pairs} for pairs in (config.clean, config.harmful))
    return {code: Pair(clean.get(code), harmful.get(code)) for code in sorted(clean.keys() | harmful.keys())}


def tag_perplexity(batch: pa.RecordBatch, models: Mapping[str, Pair], config: PerplexityConfig) -> pa.RecordBatch:
    """Append the columns of `schemas.columns.PERPLEXITY`, computed by the models of the row's `language`.

    All are null where `text` or `language` is null, the text has no token (empty, white space), or the language has no model.
    """
    texts, languages = batch.column("text"), batch.column("language")
    parts: list[dict[str, pa.Array]] = []
    places: list[np.ndarray[Any, Any]] = []
    for code in pc.unique(languages).to_pylist():
        if code not in models:
            continue
        mask = pc.and_(pc.equal(languages, code), texts.is_valid()).fill_null(False)
        parts.append(_measure(models[code], texts.filter(mask)))
        places.append(np.flatnonzero(mask))
    if not parts:
        return append_columns(batch, PERPLEXITY, null_columns(PERPLEXITY, batch.num_rows))
    order = np.concatenate(places)
    mask = np.zeros(batch.num_rows, bool)
    mask[order] = True
    back = pa.array(np.argsort(order, kind="stable"))
    values = {
        column.name: scatter(pa.concat_arrays([part[column.name] for part in parts]).take(back), mask) for column in PERPLEXITY
    }
    return append_columns(batch, PERPLEXITY, values)


def _measure(pair: Pair, texts: pa.Array) -> dict[str, pa.Array]:
    """Columns for rows of one language, none of them null."""
    models = [model for model in (pair.clean, pair.harmful) if model is not None]
    scores = dict(zip(models, score_all(models, texts), strict=True))
    clean, harmful = (_perplexity(model, scores) for model in (pair.clean, pair.harmful))
    first = scores[models[0]]
    nothing = pa.nulls(len(texts), pa.float64())
    ratio = nothing if clean is None or harmful is None else pc.subtract(pc.log10(harmful), pc.log10(clean))
    return {
        "ppl_clean": nothing if clean is None else clean,
        "ppl_harmful": nothing if harmful is None else harmful,
        "ppl_logratio": ratio,
        "ppl_tokens": pa.array(first.tokens, pa.int32(), mask=first.tokens == 0),
        "ppl_oov_ratio": first.oov_ratio(),
    }


def _perplexity(model: Kenlm | None, scores: Mapping[Kenlm, Scores]) -> pa.Array | None:
    return None if model is None else scores[model].perplexity(model.card.rules.decimals)


class ScorePerplexity(beam.PTransform):
    """Score batches under the models of their rows' languages."""

    def __init__(self, config: PerplexityConfig) -> None:
        super().__init__()
        self.config = config

    def expand(self, batches: beam.PCollection[pa.RecordBatch]) -> beam.PCollection[pa.RecordBatch]:
        """One batch in, one batch out."""
        return batches | "Perplexity" >> beam.ParDo(RunKernel("perplexity", tag_perplexity, self.config, load=load_models))
