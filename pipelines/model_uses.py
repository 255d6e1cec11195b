"""Which model stands where in a recipe (`perplexity.spam.en`, `quality`), and whether calibrated thresholds hold for it."""

from collections.abc import Mapping
from pathlib import Path

from models.cards import read_card
from models.catalog import model_folder
from models.kenlm.card import KenlmCard
from pipelines.fingerprint import model_sha256
from pipelines.recipe import Recipe, RecipeError
from pipelines.stages import STAGES, StageConfig
from schemas.categories import CATEGORIES
from schemas.columns import PARAGRAPHS
from schemas.config import Config
from schemas.thresholds import Thresholds
from stages.perplexity import PerplexityConfig


def stage_of(column: str) -> str | None:
    """Name of the stage that writes `column`; None for a reader's or an unknown one."""
    if column in {written.name for written in PARAGRAPHS}:
        return "perplexity"
    for name, stage in STAGES.items():
        config: StageConfig = stage.config()  # type: ignore[assignment]
        if column in {written.name for written in config.writes()}:
            return name
    return None


def model_uses(stages: Mapping[str, Config], column: str) -> dict[str, str]:
    """Place in the recipe -> model (name or path), for the models that `column` depends on; empty where it needs none.

    A place is the stage, or of the perplexity stage `perplexity.<role or category>.<language>`. Raises ModelError where a model
    is missing.
    """
    stage = stage_of(column)
    if stage is None or stage not in stages:
        return {}
    config = stages[stage]
    if isinstance(config, PerplexityConfig):
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
    folders: tuple[Path, ...] = config.models()  # type: ignore[attr-defined]
    return {stage: str(folders[0])} if folders else {}  # other stages have one model


def check_models(recipe: Recipe) -> None:
    """RecipeError, one line, if a thresholds file of the recipe was calibrated with other models than its stages use."""
    for where, thresholds in recipe.thresholds:
        _check(where, thresholds, model_uses(dict(recipe.stages), thresholds.column))


def _check(where: str, thresholds: Thresholds, uses: dict[str, str]) -> None:
    for place, expected in thresholds.models.items():
        hold = f"{where}: calibrated with {expected.name} ({expected.sha256[:12]}) as {place}"
        if place not in uses:
            raise RecipeError(f"{hold}, and the recipe has no model there")
        if (found := model_sha256(model_folder(uses[place]))) != expected.sha256:
            raise RecipeError(f"{hold}, and the recipe has {uses[place]} ({found[:12]}): calibrate again with that model")
