"""README.md: its recipe runs, its links lead somewhere, its commands exist. test_run.py compares table and row with the demo."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from curricle.pipelines.cli.demo import SAMPLE
from curricle.pipelines.cli.main import COMMANDS, group
from curricle.pipelines.output.manifest import read_manifests, total

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")


def test_the_recipe_is_the_file_in_examples_and_runs(tmp_path, monkeypatch, capsys):
    recipe = ROOT / "examples/recipe.yaml"
    assert re.search(r"```yaml\n(.*?)```", README, re.DOTALL)[1] == recipe.read_text("utf-8")
    output = tmp_path / "out"
    done = CliRunner().invoke(group, ["run", str(recipe), "--input", str(SAMPLE), "--output", str(output), "--quiet"])
    assert done.exit_code == 0, done.output
    counts = total(read_manifests(output))
    assert (counts.records, counts.rows["dead"]) == (365, 3)
    assert f"Of the sample's 365 pages it keeps {counts.rows['kept']}." in README
    [snippet] = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    exec(snippet.replace('"OUT"', '"out"'), {})
    assert "reject_reason" in capsys.readouterr().out


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_every_relative_link_leads_to_a_file(page):
    text = (ROOT / page).read_text("utf-8")
    targets = [target.partition("#")[0] for target in re.findall(r"\]\((?!https?:)([^)]+)\)", text)]
    assert targets
    assert [target for target in targets if target and not (ROOT / target).exists()] == []


def test_the_commands_that_it_names_exist():
    code = "".join(re.findall(r"^```\w*\n(.*?)^```$", README, re.DOTALL | re.MULTILINE))
    named = set(re.findall(r"^curricle (\w+)", code, re.MULTILINE))
    assert named
    assert named <= set(COMMANDS)
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for target in re.findall(r"^make (\S+)", code, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)
