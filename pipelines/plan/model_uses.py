"""Which model stands where in a recipe (`perplexity.spam.en`, `quality`), and whether calibrated thresholds hold for it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from curricle.models.cards import read_card
from curricle.models.catalog import model_folder
from curricle.models.kenlm.card import KenlmCard
from curricle.pipelines.plan.fingerprint import model_sha256
from curricle.pipelines.plan.recipe import Recipe, RecipeError
from curricle.schemas.categories import CATEGORIES
from curricle.schemas.config import Config
from curricle.schemas.thresholds import Thresholds
from curricle.stages.perplexity import PerplexityConfig
from curricle.stages.quality import QualityConfig


def model_uses(stages: Mapping[str, Config], column: str) -> dict[str, str]:
    """Place in the recipe -> model (name or path), for the models that `column` depends on; empty where it needs none.

    A place is the stage; of the perplexity stage `perplexity.<role or category>.<language>`; of a rater that is not the first
    choice of its stage `quality.<prefix>`. Raises ModelError where a model is missing.
    """
    for stage, config in stages.items():
        if column in _written(config):
            if isinstance(config, PerplexityConfig):
                return _perplexity_uses(stage, config, column)
            if isinstance(config, QualityConfig):
                rater = next(rater for rater in config.raters if column in _written(rater))
                place = stage if rater.prefix == stage else f"{stage}.{rater.prefix}"
                return _only(place, rater.models())
            return _only(stage, config.models())  # type: ignore[attr-defined]
    return {}


def _written(config: Any) -> set[str]:
    return {column.name for column in config.writes()}


def _only(place: str, folders: tuple[Path, ...]) -> dict[str, str]:
    """Every stage but perplexity, and every rater, has one model or none."""
    return {place: str(folders[0])} if folders else {}


def _perplexity_uses(stage: str, config: PerplexityConfig, column: str) -> dict[str, str]:
    uses = {} if column == "ppl_harmful" else {f"{stage}.clean.{language}": name for language, name in config.clean}
    if column in ("ppl_clean", "ppl_tokens", "ppl_oov_ratio"):
        return uses
    wanted = column.removeprefix("ppl_logratio_").removesuffix("_worst")
    for language, names in config.harmful:
        for name in names:
            category = read_card(model_folder(name), KenlmCard).category or "harmful"
            if wanted not in CATEGORIES or wanted == category:
                uses[f"{stage}.{category}.{language}"] = name
    return uses


def language_of(place: str) -> str | None:
    """The language for which a model stands at `place`; None for one of all languages."""
    stage, _, rest = place.partition(".")
    return rest.rpartition(".")[2] if stage == "perplexity" else None


def check_models(recipe: Recipe) -> None:
    """RecipeError, one line, if a thresholds file of the recipe was calibrated with other models than its stages use."""
    for where, thresholds in recipe.thresholds:
        _check(where, thresholds, model_uses(dict(recipe.stages), thresholds.column))


def _check(where: str, thresholds: Thresholds, uses: dict[str, str]) -> None:
    for place, expected in thresholds.models.items():
        hold = f"{where}: calibrated with {expected.name} ({expected.sha256[:12]}) as {place}"
        if place not in uses:
            raise RecipeError(f"{hold}, but the recipe has no model there")
        if (found := model_sha256(model_folder(uses[place]))) != expected.sha256:
            raise RecipeError(f"{hold}, but the recipe uses {uses[place]} ({found[:12]}); calibrate again with that model")
