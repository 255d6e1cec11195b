"""Which model a column depends on, where several raters stand side by side."""

import shutil

import pytest

from curricle.models.catalog import model_folder
from curricle.pipelines.plan.fingerprint import model_sha256
from curricle.pipelines.plan.model_uses import check_models, language_of, model_uses
from curricle.pipelines.plan.recipe import RecipeError, check_recipe
from curricle.schemas.thresholds import ModelUse, Thresholds


@pytest.fixture
def recipe(tmp_path):
    shutil.copytree(model_folder("student"), tmp_path / "mine")
    raters = [{"rater": "student"}, {"rater": "student", "prefix": "judge", "model": str(tmp_path / "mine")}]
    return check_recipe("r", {"stages": {"language": {}, "quality": raters, "domain": {}}}, "r.yaml")


def test_a_column_depends_on_the_rater_that_writes_it(recipe, tmp_path):
    steps = recipe.steps
    student = str(model_folder("student"))
    assert model_uses(steps, "quality_overall_raw") == {"quality": student}
    assert model_uses(steps, "judge_overall_raw") == {"quality.judge": str(tmp_path / "mine")}
    assert model_uses(steps, "domain_score") == {"domain": student}
    assert model_uses(steps, "text_bytes") == {}


def test_thresholds_hold_for_that_raters_model_alone(recipe, tmp_path):
    def check(place: str, sha256: str) -> None:
        bound = Thresholds(
            name="t",
            column="judge_overall_raw",
            method="quantiles",
            command="",
            runs=(),
            models={place: ModelUse(name="mine", sha256=sha256)},
            figures={},
            rules=(),
        )
        check_models(type(recipe)(recipe.name, "", recipe.read, recipe.steps, (), (("decide.0", bound),)))

    check("quality.judge", model_sha256(tmp_path / "mine"))
    with pytest.raises(RecipeError, match="calibrate again with that model"):
        check("quality.judge", "0" * 64)
    with pytest.raises(RecipeError, match="no model there"):
        check("quality", model_sha256(tmp_path / "mine"))


def test_only_perplexity_models_are_of_a_language():
    places = ["perplexity.clean.en", "perplexity.spam.tr", "quality", "quality.judge", "language"]
    assert [language_of(place) for place in places] == ["en", "tr", None, None, None]
