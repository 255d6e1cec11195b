"""The reference pages are what the code says, and say something about everything that a user can name."""

import importlib.util
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from curricle import errors
from curricle.models.raters.rater import OutsideRaterConfig
from curricle.pipelines.cli.main import COMMANDS, group
from curricle.pipelines.plan.recipe import KEYS
from curricle.pipelines.plan.stage_table import BUILT_IN, built_in
from curricle.schemas.columns import COLUMNS, GROUPS
from curricle.schemas.config import Config
from curricle.schemas.curriculum import Curriculum, MixtureFile
from curricle.schemas.function_stage import FunctionConfig
from curricle.schemas.rule import Rule
from curricle.schemas.rule_sets import expand, rule_sets
from curricle.schemas.stage import Step
from curricle.stages.read.config import ReadConfig

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def _generator():
    spec = importlib.util.spec_from_file_location("docs_generate", DOCS / "generate.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


generate = _generator()
STAGE_CONFIGS = [built_in(name).config for name in BUILT_IN]
ROOTS = (ReadConfig, Rule, FunctionConfig, OutsideRaterConfig, Curriculum, MixtureFile, *STAGE_CONFIGS)
CONFIGS = list(dict.fromkeys(one for root in ROOTS for one in (root, *generate.inner_configs(root))))
ALL_COMMANDS = dict(generate.all_commands(group, "curricle"))


def says_something(text: str, name: str) -> bool:
    """A complete phrase that does not only repeat the name."""
    words = set(re.findall(r"[a-z]{2,}", text.lower())) - set(re.findall(r"[a-z]+", name.lower()))
    phrase = re.sub(r"  \[.*\]$", "", text).rstrip(")")  # without a default
    return len(words) >= 2 and text[0] in "`" + text[0].upper() and phrase.endswith(".")


def section(page: str, heading: str) -> str:
    """What stands under a heading, up to the next one of its level or above."""
    text = (DOCS / page).read_text("utf-8")
    level = re.search(rf"^(#+) {re.escape(heading)}$", text, re.MULTILINE)
    assert level, f"{page} has no heading {heading!r}"
    rest = text[level.end() :]
    following = re.search(rf"^#{{1,{len(level[1])}}} ", rest, re.MULTILINE)
    return rest[: following.start()] if following else rest


def keys(config: type[Config]) -> Iterator[str]:
    return (field.alias or name for name, field in config.model_fields.items())


@pytest.mark.parametrize("page", generate.PAGES)
def test_the_committed_page_is_the_generated_one(page):
    assert (DOCS / page).read_text("utf-8") == generate.page(page), "run `make reference`"


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.__name__)
def test_every_setting_has_a_description(config):
    docs = generate.field_docs(config)
    assert [name for name in config.model_fields if not says_something(docs.get(name, " "), name)] == []


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_stage_has_a_section_with_each_of_its_keys_and_a_source(name):
    text = section("recipe.md", name)
    stage = built_in(name)
    assert [key for key in keys(stage.config) if f"\n| `{key}` |" not in text] == []
    documentation = sys.modules[stage.kernel.__module__].__doc__
    assert re.search(r"arXiv \d{4}\.\d{5}|https?://|\bdatatrove\b|Source: ", documentation)
    assert stage.kernel.__doc__
    assert {column.name for column in Step(name, stage, stage.config()).columns} <= set(COLUMNS)


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_stage_is_explained_on_another_page_too(name):
    pages = [path for path in DOCS.glob("*.md") if path.name not in generate.PAGES]
    assert [path.name for path in pages if re.search(rf"^ *{name}: |`{name}:? ?[^`]*`", path.read_text("utf-8"), re.MULTILINE)]


def test_the_keys_of_a_recipe_and_of_its_entries_are_documented():
    assert list(generate.RECIPE_KEYS) == list(KEYS)
    assert [key for key in keys(Rule) if f"\n| `{key}` |" not in section("recipe.md", "decide")] == []
    assert [key for key in keys(ReadConfig) if f"\n| `{key}` |" not in section("recipe.md", "read")] == []


def test_the_keys_of_a_plan_are_documented():
    text = (DOCS / "plan-file.md").read_text("utf-8")
    configs = [Curriculum, *generate.inner_configs(Curriculum)]
    assert [(config, key) for config in configs for key in keys(config) if f"\n| `{key}` |" not in text] == []


@pytest.mark.parametrize("group_name", GROUPS)
def test_every_column_is_described_with_the_meaning_of_null(group_name):
    page = (DOCS / "data-model.md").read_text("utf-8")
    for column in GROUPS[group_name]:
        assert len(column.doc.split()) >= 2, column.name
        assert column.null, column.name
        assert f"| `{column.name}` | {column.dtype} |" in page


@pytest.mark.parametrize("path", ALL_COMMANDS)
def test_every_command_and_option_is_described(path):
    command = ALL_COMMANDS[path]
    text = section("cli.md", path)
    assert says_something(generate.first_paragraph(command.help), path)
    for option in command.params:
        if isinstance(option, click.Option) and option.name not in ("help", "version"):
            assert says_something(option.help or " ", option.name), f"{path} {option.name}"
            assert f"`{max(option.opts, key=len)}" in text or f", {max(option.opts, key=len)}" in text
    assert path == "curricle" or path.split()[1] in COMMANDS


@pytest.mark.parametrize("name", rule_sets())
def test_every_rule_of_a_set_is_listed_with_a_threshold_and_a_source(name):
    text = section("rules.md", name)
    for rule in expand(name):
        [row] = [line for line in text.splitlines() if line.startswith(f"| `{rule['name']}` |")]
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert cells[1] == f"`{rule['column']}`"
        assert all(cells[2:]), f"{name}: {rule['name']}"


def test_the_tree_of_errors_is_that_of_the_classes():
    page = (DOCS / "errors.md").read_text("utf-8")
    tree = re.search(r"```text\n(.*?)```", page, re.DOTALL)[1].splitlines()
    above: list[str] = []
    drawn = {}
    for line in tree:
        name = re.search(r"[A-Z]\w+", line)
        depth = name.start() // 5
        above[depth:] = [name[0]]
        drawn[name[0]] = above[depth - 1] if depth else "Exception"
    kinds = [errors.CurricleError, *generate.subclasses(errors.CurricleError)]
    assert drawn == {kind.__name__: kind.__bases__[0].__name__ for kind in kinds}
    assert [kind for kind in kinds if not says_something(generate.first_paragraph(kind.__doc__), kind.__name__)] == []


def test_a_page_that_says_nothing_is_noticed():
    assert not says_something("Unit.", "unit")
    assert not says_something(" ", "unit")
    assert not says_something("of the unit", "unit")
    assert says_something("Treat each line as one sentence.", "unit")
