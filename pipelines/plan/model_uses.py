"""Which model a recipe uses where (`perplexity.spam.en`, `quality`), and whether calibrated thresholds hold for it."""

from collections.abc import Sequence
from pathlib import Path

from curricle.models.cards import read_card
from curricle.models.catalog import model_folder
from curricle.models.kenlm.card import KenlmCard
from curricle.pipelines.plan.fingerprint import model_sha256
from curricle.pipelines.plan.recipe import Recipe, RecipeError
from curricle.schemas.categories import CATEGORIES
from curricle.schemas.column import Column
from curricle.schemas.stage import Step
from curricle.schemas.thresholds import Thresholds
from curricle.stages.perplexity import PerplexityConfig
from curricle.stages.quality import QualityConfig


def model_uses(steps: Sequence[Step], column: str) -> dict[str, str]:
    """Place in the recipe -> model (name or path), for the models that `column` depends on; empty if it needs none.

    A place is the step's name; of a perplexity stage `perplexity.<role or category>.<language>`; of a rater that is not the
    first choice of its stage `quality.<prefix>`. Raises ModelError if a model is missing.
    """
    for step in steps:
        if column in _names(step.columns):
            if isinstance(step.config, PerplexityConfig):
                return _perplexity_uses(step.name, step.config, column)
            if isinstance(step.config, QualityConfig):
                rater = next(rater for rater in step.config.raters if column in _names(rater.writes()))
                place = step.name if rater.prefix == step.name else f"{step.name}.{rater.prefix}"
                return _only(place, rater.models())
            return _only(step.name, step.models())
    return {}


def _names(columns: tuple[Column, ...]) -> set[str]:
    return {column.name for column in columns}


def _only(place: str, folders: tuple[Path, ...]) -> dict[str, str]:
    """The first model: every stage of this package but perplexity, and every rater, has one or none."""
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
    """The language of the model at `place`; None for a model of all languages."""
    names = place.split(".")
    return names[2] if len(names) == 3 else None


def check_models(recipe: Recipe) -> None:
    """RecipeError, one line, if a thresholds file of the recipe was calibrated with other models than its stages use."""
    for where, thresholds in recipe.thresholds:
        _check(where, thresholds, model_uses(recipe.steps, thresholds.column))


def _check(where: str, thresholds: Thresholds, uses: dict[str, str]) -> None:
    for place, expected in thresholds.models.items():
        hold = f"{where}: calibrated with {expected.name} ({expected.sha256[:12]}) as {place}"
        if place not in uses:
            raise RecipeError(f"{hold}, but the recipe has no model there")
        if (found := model_sha256(model_folder(uses[place]))) != expected.sha256:
            raise RecipeError(f"{hold}, but the recipe uses {uses[place]} ({found[:12]}); calibrate again with that model")
