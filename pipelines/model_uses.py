"""Which model stands where in a recipe: `perplexity.clean.en`, `quality`; and whether calibrated thresholds hold for it."""

from collections.abc import Mapping
from pathlib import Path

from models.catalog import model_folder
from pipelines.fingerprint import model_sha256
from pipelines.recipe import Recipe, RecipeError
from pipelines.stages import STAGES, StageConfig
from schemas.config import Config
from schemas.thresholds import Thresholds
from stages.perplexity import PerplexityConfig

ROLES = {"ppl_clean": ("clean",), "ppl_harmful": ("harmful",)}
"""What a perplexity column is made by; any other by both models."""


def stage_of(column: str) -> str | None:
    """Name of the stage that writes `column`; None for a reader's or an unknown one."""
    for name, stage in STAGES.items():
        config: StageConfig = stage.config()  # type: ignore[assignment]
        if column in {written.name for written in config.writes()}:
            return name
    return None


def model_uses(stages: Mapping[str, Config], column: str) -> dict[str, str]:
    """Place in the recipe -> model (name or path), for the models that `column` depends on; empty where it needs none.

    Raises ModelError where a model of another stage than perplexity is missing.
    """
    stage = stage_of(column)
    if stage is None or stage not in stages:
        return {}
    config = stages[stage]
    if isinstance(config, PerplexityConfig):
        roles = ROLES.get(column, ("clean", "harmful"))
        pairs = {"clean": config.clean, "harmful": config.harmful}
        return {f"{stage}.{role}.{language}": name for role in roles for language, name in pairs[role]}
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
