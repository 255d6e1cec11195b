"""`curricle recipes`: the shipped recipes, listed, shown and begun."""

import pytest
import yaml
from click.testing import CliRunner

from curricle.pipelines.cli.main import group
from curricle.pipelines.plan.recipe import SHIPPED, load_recipe
from curricle.schemas.yaml_file import shipped


def recipes(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(group, ["recipes", *arguments])
    return done.exit_code, done.output


def test_all_are_listed_with_what_they_are_for():
    rows = [line.split("\t") for line in recipes("list")[1].splitlines()]
    assert rows == [[name, load_recipe(name).description] for name in shipped(SHIPPED)]


@pytest.mark.parametrize("name", shipped(SHIPPED))
@pytest.mark.parametrize("command", ["init", "show"])
def test_what_is_printed_is_the_same_recipe(name, command, tmp_path):
    code, text = recipes(command, name)
    assert code == 0
    (tmp_path / f"{name}.yaml").write_text(text)
    mine = load_recipe(str(tmp_path / f"{name}.yaml"))
    assert (mine.name, mine.sha256()) == (name, load_recipe(name).sha256())


def test_one_to_change_has_comments_and_one_that_is_shown_has_all_settings():
    assert "# What is kept" in recipes("init", "web")[1]
    shown = yaml.safe_load(recipes("show", "web")[1])
    assert shown["stages"]["language"]["windows"] == 3
    assert shown["read"]["batch_rows"] == 1000


def test_a_rule_set_is_shown_as_its_rules(tmp_path):
    (tmp_path / "mine.yaml").write_text("stages: {extract: {}, heuristics: {}}\ndecide: [{use: gopher_quality@datatrove}]\n")
    rules = yaml.safe_load(recipes("show", str(tmp_path / "mine.yaml"))[1])["decide"]
    assert len(rules) > 5
    assert all("column" in rule for rule in rules)


@pytest.mark.parametrize("command", ["init", "show"])
def test_an_unknown_name_is_one_line(command):
    code, text = recipes(command, "wbe")
    assert code == 2
    assert "named 'wbe'; did you mean 'web'?" in text
    assert len(text.splitlines()) == 1
