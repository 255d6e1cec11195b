"""docs/tutorial.md: its files are written and its commands run, line by line, in an empty folder, and print what it shows."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/tutorial.md").read_text("utf-8")
BLOCK = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', re.DOTALL | re.MULTILINE)
MAIN = "import sys; sys.argv[0] = 'curricle'; from curricle.pipelines.cli.main import main; main()"
PROGRAMS = {"curricle": [sys.executable, "-P", "-c", MAIN], "python": [sys.executable], "cp": ["cp"]}
LEFT_OUT = "..."


def run(command: str, folder: Path) -> str:
    program, *arguments = shlex.split(command)
    done = subprocess.run([*PROGRAMS[program], *arguments], cwd=folder, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def matches(shown: list[str], printed: list[str]) -> bool:
    """Whether `printed` is `shown`, where a line or the end of a line that is `...` stands for anything."""
    pattern = "".join(
        r"(?:.*\n)*" if line == LEFT_OUT else re.escape(line).replace(re.escape(LEFT_OUT), ".*") + r"\n" for line in shown
    )
    return re.fullmatch(pattern, "".join(f"{line.rstrip()}\n" for line in printed)) is not None


@pytest.fixture(scope="module")
def commands(tmp_path_factory) -> list[tuple[str, list[str], list[str]]]:
    """Every command of the page, with the lines that the page shows and those that it printed."""
    folder = tmp_path_factory.mktemp("tutorial")
    (folder / "pipelines").symlink_to(ROOT / "pipelines")
    found = []
    for kind, title, content in BLOCK.findall(PAGE):
        if title:
            (folder / title).write_text(content, "utf-8")
        for part in re.split(r"^\$ ", content, flags=re.MULTILINE)[1:] if kind == "console" else ():
            command, *shown = part.rstrip("\n").split("\n")
            found.append((command, shown, run(command, folder).splitlines()))
    return found


def test_every_command_prints_what_the_page_shows(commands):
    assert len(commands) >= 12
    assert [(command, shown, printed) for command, shown, printed in commands if not matches(shown, printed)] == []


def test_a_line_that_is_not_printed_is_noticed():
    assert matches(["a", LEFT_OUT, "d ..."], ["a", "b", "c", "d e"])
    assert not matches(["a", LEFT_OUT, "x"], ["a", "b", "d"])
    assert not matches(["a"], ["a", "b"])
