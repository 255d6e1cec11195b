import re

import pytest

from curricle.pipelines.plan.recipe import SHIPPED, RecipeError, check_recipe, load_recipe
from curricle.pipelines.plan.run_plan import output_schemas, place_decisions
from curricle.schemas.yaml_file import shipped


@pytest.mark.parametrize("name", shipped(SHIPPED))
def test_every_shipped_recipe_loads_and_is_wired(name):
    assert place_decisions(load_recipe(name))[-1].name == "decide"


REFUSED = {
    "unknown key": ({"stges": {}}, "did you mean 'stages'"),
    "unknown stage": ({"stages": {"langage": {}}}, "did you mean 'language'"),
    "unknown setting": (
        {"stages": {"language": {"min_scor": 1}}},
        "min_scor: unknown key; did you mean 'min_score'",
    ),
    "value out of range": ({"stages": {"language": {"min_score": 2}}}, "must be between 0 and 1, not 2"),
    "unknown language": ({"decide": [{"name": "l", "column": "language", "in": ["englsh"]}]}, "englsh"),
    "two rules of one name": ({"decide": [{"name": "a", "column": "text", "on_null": "reject"}] * 2}, "two rules"),
    "a list of stages": ({"stages": []}, None),
}


@pytest.mark.parametrize(("content", "message"), REFUSED.values(), ids=REFUSED)
def test_a_wrong_recipe_is_one_line(content, message):
    if message is None:
        assert check_recipe("x", content, "x.yaml").steps == ()
        return
    with pytest.raises(RecipeError, match=r"x\.yaml") as error:
        check_recipe("x", content, "x.yaml")
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_rule_over_a_column_that_nothing_writes_names_the_stage_that_would():
    recipe = check_recipe("x", {"decide": [{"name": "l", "column": "language", "in": ["en"]}]}, "x")
    with pytest.raises(
        RecipeError, match=r"put the stage 'language' before it, or add read\.carry: \[language\] if the input has this column"
    ):
        place_decisions(recipe)


def test_settings_replace_values_and_leave_stages_out():
    recipe = load_recipe("web", ["stages.language.min_score=0.5", "decide=[]"])
    assert {step.name: step.config for step in recipe.steps}["language"].min_score == 0.5
    assert recipe.decide == ()
    assert "language" not in [step.name for step in load_recipe("web", ["stages.language=false", "decide=[]"]).steps]
    for wrong in ("decide", "stages.language.min_score.x=1", "decide=[", "nothing.there=1"):
        with pytest.raises(RecipeError):
            load_recipe("web", [wrong])


def test_a_recipe_that_is_not_there_gives_the_nearest_name():
    with pytest.raises(RecipeError, match="did you mean 'web'"):
        load_recipe("wob")


def test_the_hash_changes_with_what_changes_the_output_alone():
    base = load_recipe("web")
    assert base.sha256() == load_recipe("web", ["description=other"]).sha256()
    assert base.sha256() != load_recipe("web", ["stages.language.min_score=0.25"]).sha256()


def test_carried_columns_may_be_judged_and_are_written():
    recipe = check_recipe(
        "x", {"read": {"carry": ["language"]}, "decide": [{"name": "l", "column": "language", "in": ["en"]}]}, "x"
    )
    schemas = output_schemas(recipe.read, place_decisions(recipe))
    assert "language" in schemas["kept"].names


def recipe_with(*rules):
    return check_recipe("x", {"stages": {"heuristics": {"language": "en"}}, "decide": list(rules)}, "x")


def test_a_published_set_expands_and_each_threshold_can_be_changed_or_left_out():
    changes = {"use": "fineweb@datatrove", "set": {"list_ratio": {"max": 0.5}}, "without": ["char_dup_ratio"]}
    rules = {rule.name: rule for rule in recipe_with(changes).decide}
    assert rules["list_ratio"].max == 0.5
    assert set(rules) == {"line_punct_ratio", "short_line_ratio", "list_ratio"}
    assert place_decisions(recipe_with({"use": "gopher_quality@datatrove"}))[0].name == "heuristics"


def test_a_set_of_a_variant_that_is_not_measured_names_the_variant():
    with pytest.raises(RecipeError, match="add 'dolma' to `variants` of the stage 'heuristics'"):
        place_decisions(recipe_with({"use": "gopher_quality@dolma"}))


@pytest.mark.parametrize(
    ("column", "setting"),
    [
        ("topic_score", "add 'topic' to `tags` of the stage 'domain'"),
        ("ppl_logratio_worst", "add `paragraphs: {}` to the settings of the stage 'perplexity'"),
    ],
)
def test_a_column_that_is_written_on_demand_names_the_setting(column, setting):
    with pytest.raises(RecipeError, match=re.escape(setting)):
        place_decisions(recipe_with({"name": "low", "column": column, "min": 0}))


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"use": "gopher@datatrove"}, "no rule set named 'gopher@datatrove'"),
        ({"use": "c4@datatrove", "without": ["curly"]}, "has no rule 'curly'"),
        ({"use": "c4@datatrove", "sett": {}}, "did you mean 'set'"),
    ],
)
def test_a_wrong_use_of_a_set_is_one_line(rule, message):
    with pytest.raises(RecipeError, match=message):
        recipe_with(rule)
