import pytest

from curricle.schemas.columns import COLUMNS
from curricle.schemas.rule import Rule
from curricle.schemas.rule_sets import RuleSetError, expand, fineweb2_languages, rule_sets


@pytest.mark.parametrize("name", rule_sets())
def test_every_rule_of_a_published_set_is_a_rule_over_a_column_of_ours_and_has_a_source(name):
    rules = [Rule.model_validate(rule) for rule in expand(name)]
    assert {rule.column for rule in rules} <= set(COLUMNS)
    assert all(rule.source for rule in rules)
    assert len({rule.name for rule in rules}) == len(rules)


def test_fineweb2s_turkish_thresholds_are_the_published_ones():
    rules = {rule["name"]: rule for rule in expand("fineweb2@datatrove")}
    assert rules["language_score"]["min"]["tr"] == 0.875
    assert rules["dup_line_frac"]["max"]["tr"] == 0.272
    assert rules["line_punct_ratio"]["min"]["tr"] == 0.091
    assert (rules["gopher_below_avg_threshold"]["min"]["tr"], rules["gopher_above_avg_threshold"]["max"]["tr"]) == (3, 21)
    assert rules["list_ratio"]["max"]["tr"] == 0.222
    assert [rules[f"top_{n}_gram"]["max"]["tr"] for n in (2, 3, 4)] == [0.214, 0.168, 0.147]
    assert len(fineweb2_languages()) == 27


def test_an_unknown_set_gives_the_nearest_name():
    with pytest.raises(RuleSetError, match="did you mean 'fineweb@datatrove'"):
        expand("finweb@datatrove")
