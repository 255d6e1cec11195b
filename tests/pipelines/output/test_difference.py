"""What is said of an output that was made otherwise: the changed keys of its recipe, a model, the code."""

import pytest

from curricle.pipelines.output.difference import differences, recipe_changes
from curricle.pipelines.plan.recipe import check_recipe

A, B = "a" * 64, "b" * 64


def resolved(**content):
    return check_recipe("x", content, "x").resolved()


def rule(**more):
    return {"name": "short", "column": "text_chars", **more}


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        pytest.param({}, {}, [], id="nothing"),
        pytest.param({"description": "a"}, {"description": "b"}, [], id="a description does not count"),
        pytest.param(
            {"stages": {"language": {}}},
            {"stages": {"language": {"min_score": 0.5}}},
            ["stages.language.min_score: 0 -> 0.5"],
            id="a setting",
        ),
        pytest.param({"stages": {"language": {}}}, {}, ["stages.language removed"], id="a stage removed"),
        pytest.param({"decide": [rule(min=1)]}, {"decide": [rule(min=2)]}, ["decide.short.min: 1 -> 2"], id="a rule changed"),
        pytest.param(
            {"decide": [rule(min=1)]},
            {"decide": [rule(max=2)]},
            ["decide.short.min removed", "decide.short.max added"],
            id="a bound replaced",
        ),
        pytest.param({}, {"decide": [rule(min=1)]}, ["decide.short added"], id="a first rule"),
        pytest.param({"decide": [rule(min=1)]}, {}, ["decide.short removed"], id="no rule left"),
        pytest.param({"read": {"carry": []}}, {"read": {"carry": ["domain"]}}, ['read.carry: [] -> ["domain"]'], id="a list"),
    ],
)
def test_the_changed_keys_of_a_recipe_are_named_with_both_values(before, now, expected):
    assert list(recipe_changes(resolved(**before), resolved(**now))) == expected


def test_models_and_code_are_named_and_a_long_list_is_cut():
    many = {"read": {key: number for number, key in enumerate("abcdefg")}}
    none = {"read": dict.fromkeys("abcdefg", 9)}
    assert differences({"code": A, "model m": A}, {"code": B, "model m": B}, None, None) == (
        f"another version of curricle and another model m ({A[:12]} -> {B[:12]})"
    )
    assert differences({"recipe": A}, {"recipe": B}, many, none) == (
        "another recipe (read.a: 0 -> 9; read.b: 1 -> 9; read.c: 2 -> 9; read.d: 3 -> 9; read.e: 4 -> 9; and 2 more)"
    )
    assert differences({"package resiliparse": "2.0"}, {"package resiliparse": "2.1"}, None, None) == (
        "resiliparse 2.0, this environment has 2.1"
    )
    assert differences({"recipe": A, "model m": A}, {"recipe": B, "model n": B}, None, many) == "another recipe"
    assert differences({"recipe": A}, {"recipe": A, "model n": B}, None, None) == "without the model n"
