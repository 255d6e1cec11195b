"""Stages, rule sets, raters and formats from outside: the examples of docs/extending.md, and everything that can be wrong."""

import re
import subprocess
import sys
from pathlib import Path

import orjson
import pyarrow.parquet as pq
import pytest

PAGE = Path(__file__).parents[2] / "docs/extending.md"
CODE = 'import sys; sys.argv[0] = "curricle"; from curricle.pipelines.cli.main import main; main()'


def curricle(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own, in `folder`."""
    return subprocess.run([sys.executable, "-P", "-c", CODE, *arguments], cwd=folder, capture_output=True, text=True, check=False)


def blocks(kind: str) -> list[tuple[str, str]]:
    """Title and content of the page's code blocks of one kind."""
    return re.findall(rf'^```{kind}(?: title="([^"]+)")?\n(.*?)^```', PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> Path:
    """A folder with all files of the page, in which all its commands were run."""
    folder = tmp_path_factory.mktemp("page")
    for kind in ("json", "python", "yaml"):
        for title, content in blocks(kind):
            (folder / title).write_text(content, "utf-8")
    for _, commands in blocks("console"):
        for line in commands.splitlines():
            program, *arguments = line.removeprefix("$ ").split()
            assert program == "curricle"
            done = curricle(folder, *arguments)
            assert done.returncode == 0, done.stderr
    return folder


def kept(output: Path) -> list[str]:
    return sorted(pq.read_table(output / "kept")["url"].to_pylist())


def test_every_python_example_is_short():
    lines = {title: len(content.splitlines()) for title, content in blocks("python")}
    assert set(lines) == {"casino.py", "one_off.py", "sentences.py", "plain_text.py"}
    assert max(lines.values()) < 20


@pytest.mark.parametrize(
    ("output", "numbers"),
    [
        pytest.param("no_casino", "23", id="a stage"),
        pytest.param("short", "12", id="a function"),
        pytest.param("with_rules", "12", id="a rule set"),
        pytest.param("rated", "123", id="a rater"),
    ],
)
def test_an_example_keeps_what_its_rule_says(page, output, numbers):
    assert kept(page / output) == [f"https://a.example/{number}" for number in numbers]


def test_a_stage_from_outside_is_described_timed_and_part_of_the_fingerprint(page):
    assert "| `casino_words` | int32 | occurrences of the words | no text |" in (page / "no_casino/README.md").read_text("utf-8")
    record = orjson.loads((page / "no_casino/run.json").read_bytes())
    assert set(record["stage_cpu_seconds"]) == {"casino", "decide"}
    assert len(record["made_by"]["code casino"]) == 64


def test_a_format_writes_the_files_of_a_curriculum(page):
    [path] = (page / "curriculum").rglob("*.txt")
    assert sorted(text.split()[1] for text in path.read_text("utf-8").split("\n\n")) == ["bridge", "casino"]
    assert "code plain_text" in orjson.loads((page / "curriculum/curriculum.json").read_bytes())["made_by"]
