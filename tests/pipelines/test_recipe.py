import re
from pathlib import Path

import pytest

from curricle.pipelines.plan.recipe import SHIPPED, RecipeError, check_recipe, load_recipe
from curricle.pipelines.plan.run_plan import make_plan, output_schemas, place_decisions
from curricle.pipelines.plan.settings import apply_settings
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


SET = "decide.adult_like.min.en=-0.1"


def rules_of(*settings):
    return {rule.name: rule for rule in load_recipe("web", settings).decide}


def test_a_rule_is_set_by_its_name():
    before = rules_of()
    assert rules_of(SET)["adult_like"].min == {"en": -0.1}
    assert rules_of(SET) == before | {"adult_like": before["adult_like"].model_copy(update={"min": {"en": -0.1}})}
    assert rules_of("decide.hate_like.min.tr=null")["hate_like"].min == {"en": -0.186, "de": -0.215, "pt": -0.265}
    assert rules_of("decide.short.min=50")["short"].min == 50
    assert rules_of("decide.short.min.tr=50")["short"].min == {"default": 200, "tr": 50}
    assert rules_of("decide.short={min: null, max: 9}")["short"].max == 9
    assert rules_of("decide.language.in=[de]", "decide.short.where.language=[de, tr]")["short"].where["language"].values_in == (
        "de",
        "tr",
    )


def test_a_rule_is_left_out_by_its_name():
    names = [*rules_of()]
    names.remove("low_quality")
    assert [*rules_of("decide.-low_quality")] == [*rules_of("decide.low_quality=false")] == names


def test_rules_of_sets_are_set_by_name_and_by_set_where_two_have_the_same():
    sets = [{"use": "gopher_quality@datatrove"}, {"use": "fineweb2@datatrove"}]
    rules = {rule.name: rule for rule in recipe_with(*sets).decide}
    assert rules["gopher_short_doc"].min == 50
    assert rules["fineweb2@datatrove.gopher_short_doc"].min["tr"] == 50
    content = {"decide": sets}
    change = apply_settings(content, ["decide.fineweb2@datatrove.gopher_short_doc.min.tr=20"])
    changed = {rule.name: rule for rule in check_recipe("x", content, "x", changes=change).decide}
    assert changed["fineweb2@datatrove.gopher_short_doc"].min["tr"] == 20
    assert changed["gopher_short_doc"].min == 50


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("decide.adult_lik.min.en=1", "the recipe has no rule 'adult_lik'; did you mean 'adult_like'?"),
        ("decide.-lowquality", "--set decide.-lowquality: the recipe has no rule 'lowquality'; did you mean 'low_quality'?"),
        ("decide.short", "must be KEY=VALUE, such as decide.adult_like.min.en=-0.1, or decide.-RULE"),
        ("decide.short.minimum=1", "--set decide.short.minimum: minimum: unknown key; did you mean 'min'?"),
        ("decide.short.min=abc", "--set decide.short.min: min"),
        ("decide.short.min.xq=1", "--set decide.short.min.xq: unknown language code 'xq'"),
        ("decide.short.source.x=1", "must name a key of the rule, such as decide.short.min or decide.short.min.en"),
        ("decide.short=3", "must be false, or a mapping such as {max: 0.2}"),
    ],
)
def test_a_wrong_change_to_a_rule_is_one_line(setting, message):
    with pytest.raises(RecipeError, match=re.escape(message)) as error:
        load_recipe("web", [setting])
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"column": "domain", "in": ["Medcine"]}, "the column 'domain' is never 'Medcine'; did you mean 'Medicine'?"),
        ({"column": "topic", "not_in": ["Adlt"]}, "the column 'topic' is never 'Adlt'; did you mean 'Adult'?"),
        ({"column": "format", "in": ["Blog"]}, "the column 'format' is never 'Blog'"),
        ({"column": "domain", "min": 3}, "min and max need numbers, and the column 'domain' holds text"),
        ({"column": "text_chars", "in": ["9"]}, "the column 'text_chars' holds values of type int32, so it is never '9'"),
        ({"column": "url", "in": [9]}, "the column 'url' holds text, so it is never 9"),
        ({"column": "language", "in": [False]}, "a language code is text, not False; put it in quotes"),
        ({"column": "url", "min": 3, "where": {"language": "englsh"}}, "englsh"),
        ({"column": "text_chars", "min": 3, "where": {"domain": "Lwa"}}, "where.domain: the column 'domain' is never 'Lwa'"),
        ({"column": "text_chars", "min": 3, "where": {"langage": "en"}}, "reads column 'langage'"),
    ],
)
def test_a_rule_that_its_column_cannot_meet_is_refused_before_the_start(rule, message):
    stages = {"extract": {}, "language": {}, "domain": {"tags": ["topic", "format"]}}
    with pytest.raises(RecipeError, match=re.escape(message)):
        place_decisions(check_recipe("x", {"stages": stages, "decide": [{"name": "r", **rule}]}, "x"))


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


PAGES = Path(__file__).parents[2] / "pipelines/sample/pages.warc.gz"
LINES = Path(__file__).parents[2] / "pipelines/sample/web.jsonl.zst"


@pytest.mark.parametrize("stage", ["language", "perplexity", "redact", "domain", "heuristics"])
def test_a_stage_that_reads_text_stands_behind_the_extraction_of_pages(stage):
    settings = {"language": "en"} if stage == "heuristics" else {}
    before = {} if stage in ("language", "redact", "heuristics") else {"language": {}}
    recipe = check_recipe("x", {"stages": {**before, stage: settings, "extract": {}}}, "x")
    with pytest.raises(RecipeError, match=r"stands before 'extract', which fills the text of HTML pages: put 'extract' first"):
        make_plan(recipe, [str(LINES), str(PAGES)])
    make_plan(recipe, [str(LINES)])  # documents that come as text need no extraction


def test_url_rules_may_stand_before_the_extraction(tmp_path):
    (tmp_path / "domains").write_text("a.example\n")
    rules = {"domains": [str(tmp_path / "domains")]}
    make_plan(check_recipe("x", {"stages": {"url_rules": rules, "extract": {}}}, "x"), [str(PAGES)])


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
