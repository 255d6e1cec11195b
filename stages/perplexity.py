"""Perplexity under KenLM models trained on clean and on harmful text, chosen by the row's language.

Clean: CCNet (arXiv 1911.00359). Harmful: Perplexed by Quality (arXiv 2212.10440), low perplexity is harmful-like. The log-ratio
of the two is ours: comparable across lengths, and it finds far more than either alone; so are one harmful model for each category
and the paragraph view (docs/perplexity.md). Deviations: text is normalized only by the profile in the model's card, and
log10 probabilities are summed in float64.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer

from curricle.models.cards import ModelError, read_card
from curricle.models.catalog import model_folder, starter_models
from curricle.models.kenlm.card import KenlmCard
from curricle.models.kenlm.model import Kenlm, load
from curricle.models.kenlm.paragraphs import mean_and_worst, paragraphs
from curricle.models.kenlm.scorer import Scores, score_all
from curricle.schemas.batches import append_columns, null_columns, scatter
from curricle.schemas.categories import CATEGORIES
from curricle.schemas.column import Column
from curricle.schemas.columns import PARAGRAPHS, PERPLEXITY
from curricle.schemas.config import Config
from curricle.schemas.languages import canonical
from curricle.schemas.stage import Stage

Named = tuple[tuple[str, str], ...]
NamedLists = tuple[tuple[str, tuple[str, ...]], ...]


def _pairs(value: Any) -> Any:
    if not isinstance(value, Mapping | tuple):
        raise ValueError("must be a mapping of language codes to models")
    return tuple(value.items()) if isinstance(value, Mapping) else value


def _lists(value: Any) -> Any:
    return tuple((code, (names,) if isinstance(names, str) else names) for code, names in dict(_pairs(value)).items())


def _canonical(pairs: Any) -> Any:
    codes = [canonical(code) for code, _ in pairs]
    for code in codes:
        if codes.count(code) > 1:
            raise ValueError(f"language {code!r} is named twice")
    return tuple(sorted(zip(codes, (names for _, names in pairs), strict=True)))


ModelOf = Annotated[Named, BeforeValidator(_pairs), AfterValidator(_canonical), PlainSerializer(dict)]
"""A mapping, language code to model (a starter model's name or a folder's path), as sorted pairs: hashable."""

ModelsOf = Annotated[NamedLists, BeforeValidator(_lists), AfterValidator(_canonical), PlainSerializer(dict)]
"""The same with a list of models (or one) for each language."""


def _clean_starters() -> Named:
    return tuple((name.removesuffix("-clean"), name) for name in starter_models() if name.endswith("-clean"))


def _harmful_starters() -> NamedLists:
    names: dict[str, list[str]] = {}
    for name in starter_models():
        code, _, category = name.partition("-")
        if category in CATEGORIES:
            names.setdefault(code, []).append(name)
    return tuple((code, tuple(of_code)) for code, of_code in names.items())


class ParagraphsConfig(Config):
    """How a text is cut into paragraphs, and how many of them count as its worst."""

    min_bytes: int = Field(default=600, ge=1)
    """A paragraph is a run of whole lines with at least this many bytes; 1 makes each line one."""
    worst: int = Field(default=1, ge=1)
    """Number of paragraphs that count as the worst."""


class PerplexityConfig(Config):
    """Settings of the stage `perplexity`."""

    clean: ModelOf = Field(default_factory=_clean_starters)
    """Language code to the model of clean text for it: a starter model, a model of yours, or a folder. `{}` means none."""
    harmful: ModelsOf = Field(default_factory=_harmful_starters)
    """Language code to one or more models of harmful text, one for each category. `{}` means none."""
    paragraphs: ParagraphsConfig | None = None
    """Also score the paragraphs: `{}` with the defaults below."""

    def writes(self) -> tuple[Column, ...]:
        """Columns that are appended."""
        return PERPLEXITY if self.paragraphs is None else (*PERPLEXITY, *PARAGRAPHS)

    def models(self) -> tuple[Path, ...]:
        """The models' folders, each once. Raises ModelError if one is missing or has another role, category or language."""
        folders: dict[Path, None] = {}
        clean = dict(self.clean)
        for role, code, names in (
            *(("clean", code, (name,)) for code, name in self.clean),
            *(("harmful", code, names) for code, names in self.harmful),
        ):
            categories: dict[str, str] = {}
            for name in names:
                folder = model_folder(name)
                card = read_card(folder, KenlmCard)
                if card.role != role:
                    raise ModelError(f"{name} is a {card.role} model, but {role} for {code!r} names it")
                if card.languages != ("*",) and code not in card.languages:
                    raise ModelError(f"{name} is a model for {', '.join(card.languages)}, but {role} names it for {code!r}")
                if role == "harmful" and card.weight < 1:
                    _check_mixture(name, card, clean.get(code))
                if card.category in categories:
                    what = f"of the category {card.category}" if card.category else "without a category"
                    raise ModelError(
                        f"{categories[card.category]} and {name} are both {what}, and both are named for {code!r}; name one"
                    )
                categories[card.category] = name
                folders[folder] = None
        return tuple(folders)


def _check_mixture(name: str, card: KenlmCard, clean: str | None) -> None:
    if clean is None:
        raise ModelError(f"{name} is scored together with a clean model, but clean names none for {card.languages[0]!r}")
    if read_card(model_folder(clean), KenlmCard).reads_like != card.reads_like:
        raise ModelError(f"{name} is scored in a mixture with {clean}, which has another profile, tokenizer or unit")


@dataclass(frozen=True)
class Models:
    """The models of one language."""

    clean: Kenlm | None = None
    harmful: tuple[Kenlm, ...] = ()


def load_models(config: PerplexityConfig) -> dict[str, Models]:
    """The models of each language that has one; those that two configurations share are loaded once."""
    config.models()
    clean = {code: load(model_folder(name)) for code, name in config.clean}
    harmful = {code: tuple(load(model_folder(name)) for name in names) for code, names in config.harmful}
    return {code: Models(clean.get(code), harmful.get(code, ())) for code in sorted(clean.keys() | harmful.keys())}


def tag_perplexity(batch: pa.RecordBatch, models: Mapping[str, Models], config: PerplexityConfig) -> pa.RecordBatch:
    """Append the columns of `schemas.columns.PERPLEXITY` (and PARAGRAPHS), computed by the models of the row's `language`.

    All are null where `text` or `language` is null, the text has no token (empty, white space), or the language has no model.
    """
    columns = config.writes()
    texts, languages = batch.column("text"), batch.column("language")
    parts: list[dict[str, pa.Array]] = []
    places: list[np.ndarray[Any, Any]] = []
    for code in pc.unique(languages).to_pylist():
        if code not in models:
            continue
        mask = pc.and_(pc.equal(languages, code), texts.is_valid()).fill_null(False)
        parts.append(_measure(models[code], texts.filter(mask), config.paragraphs))
        places.append(np.flatnonzero(mask))
    if not parts:
        return append_columns(batch, columns, null_columns(columns, batch.num_rows))
    order = np.concatenate(places)
    mask = np.zeros(batch.num_rows, bool)
    mask[order] = True
    back = pa.array(np.argsort(order, kind="stable"))
    values = {
        column.name: scatter(pa.concat_arrays([part[column.name] for part in parts]).take(back), mask) for column in columns
    }
    return append_columns(batch, columns, values)


def _measure(models: Models, texts: pa.Array, pieces: ParagraphsConfig | None) -> dict[str, pa.Array]:
    """Columns for rows of one language, none of them null."""
    scored = _score(models, texts)
    harmful = [_perplexity(model, scored) for model in models.harmful]
    ratios = _ratios(models, scored)
    first = next(iter(scored.values()))
    nothing = pa.nulls(len(texts), pa.float64())
    values = {
        "ppl_clean": _perplexity(models.clean, scored) if models.clean else nothing,
        "ppl_harmful": pc.min_element_wise(nothing, *harmful),
        "ppl_logratio": pc.min_element_wise(nothing, *ratios.values()),
        **{f"ppl_logratio_{category}": ratios.get(category, nothing) for category in CATEGORIES},
        "ppl_tokens": pa.array(first.tokens, pa.int32(), mask=first.tokens == 0),
        "ppl_oov_ratio": first.oov_ratio(),
    }
    return values if pieces is None else values | _of_paragraphs(models, texts, pieces)


def _score(models: Models, texts: pa.Array) -> dict[Kenlm, Scores]:
    """Under each model, the clean one first."""
    every = (*((models.clean,) if models.clean else ()), *models.harmful)
    return dict(zip(every, score_all(every, texts, models.clean), strict=True))


def _perplexity(model: Kenlm, scored: Mapping[Kenlm, Scores]) -> pa.Array:
    return scored[model].perplexity(model.card.rules.decimals)


def _ratios(models: Models, scored: Mapping[Kenlm, Scores]) -> dict[str, pa.Array]:
    """log10 of harmful over clean perplexity, by category; none without a clean model."""
    if models.clean is None:
        return {}
    return {model.card.category: scored[model].log10_ratio(scored[models.clean]) for model in models.harmful}


def category_ratios(models: Models, texts: pa.Array) -> dict[str, pa.Array]:
    """The log-ratio of each text (float64, null without a token) by category of harm; none without a clean model."""
    return _ratios(models, _score(models, texts))


def _of_paragraphs(models: Models, texts: pa.Array, config: ParagraphsConfig) -> dict[str, pa.Array]:
    pieces, rows = paragraphs(texts, config.min_bytes)
    sizes = pc.binary_length(pieces).to_numpy()
    ratios = category_ratios(models, pieces)
    nothing = pa.nulls(len(pieces), pa.float64())

    def mean_and_lowest(values: pa.Array) -> tuple[pa.Array, pa.Array]:
        return mean_and_worst(values.to_numpy(zero_copy_only=False), sizes, rows, len(texts), config.worst)

    mean, worst = mean_and_lowest(pc.min_element_wise(nothing, *ratios.values()))
    return {"ppl_logratio_mean": mean, "ppl_logratio_worst": worst} | {
        f"ppl_logratio_{category}_worst": mean_and_lowest(ratios.get(category, nothing))[1] for category in CATEGORIES
    }


STAGE: Final = Stage(
    name="perplexity",
    kernel=tag_perplexity,
    config=PerplexityConfig,
    reads=("text", "language"),
    columns=PerplexityConfig.writes,
    load=load_models,
    models=PerplexityConfig.models,
    packages=("kenlm", "sentencepiece", "unicodedata"),  # KenLM itself scores only files that are not in its probing format
    preload=("curricle.models.kenlm.scorer",),
    on_demand=(("add `paragraphs: {}` to the settings", PARAGRAPHS),),
)
