"""What `curricle` says to typical mistakes, compared with messages.md, where a person can read them on one page.

After a change of a message, `UPDATE_MESSAGES=1 pytest tests/messages` rewrites messages.md; read the difference.
"""

import gzip
import json
import os
import re
import shlex
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from curricle.models.catalog import model_folder
from curricle.pipelines.cli.main import group

sys.path.append(str(Path(__file__).parent))

from mistakes import MISTAKES, Mistake

TABLE = Path(__file__).with_name("messages.md")
HEAD = """# Messages

What `curricle` says to typical mistakes. Written by `UPDATE_MESSAGES=1 pytest tests/messages`; the mistakes are in mistakes.py.
The exit status is 2 unless another one is shown.
"""
TINY = "stages: {extract: {}, language: {}}\ndecide: [{name: short, column: text_chars, min: 5}]\n"
TEXTS = ("A short text about nothing.", "Another text, about something.", "x")
CARD = {"name": "broken", "kind": "rater", "version": "1", "licence": "-", "source": "-", "languages": ["*"]}

Answers = dict[tuple[str, str], Result]


def curricle(*arguments: str) -> Result:
    return CliRunner().invoke(group, arguments, prog_name="curricle")


def make_files(root: Path) -> None:
    """The files that the mistakes name."""
    (root / "in.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in TEXTS))
    (root / "zipped.jsonl").write_bytes(gzip.compress((root / "in.jsonl").read_bytes(), mtime=0))
    (root / "tiny.yaml").write_text(TINY)
    (root / "latin.yaml").write_bytes("description: Müll\n".encode("latin-1"))
    (root / "notes.md").write_text("# Notes\n")
    (root / "damaged.parquet").write_bytes(b"PAR1" + bytes(8) + b"PAR1")
    pq.write_table(pa.table({"content": ["a"], "n": [1]}), root / "other.parquet")
    pq.write_table(pa.table({"text": [1]}), root / "numbers.parquet")
    for name, rating in (("high", 7), ("words", "good")):
        pq.write_table(pa.table({"id": ["a"], "text": ["a"], "quality_overall_score": [rating]}), root / f"{name}.parquet")
    for name in ("empty", "full", "folder.yaml", "broken", "cardless"):
        (root / name).mkdir()
    (root / "full" / "thesis.txt").write_text("mine\n")
    (root / "broken" / "card.json").write_text(json.dumps({**CARD, "files": {"weights.bin": "0" * 64}}))
    (root / "broken" / "weights.bin").write_bytes(b"damaged")
    (root / "cardless" / "card.json").write_text(json.dumps(CARD))
    shutil.copytree(model_folder("lid.176"), root / "lid")


def make_outputs() -> None:
    """`out`, a finished run of tiny.yaml over in.jsonl, and two copies with damage."""
    done = curricle("run", "tiny.yaml", "--input", "in.jsonl", "--output", "out", "--workers", "1", "--quiet")
    assert done.exit_code == 0, done.output
    for name in ("damaged", "torn"):
        shutil.copytree("out", name)
    next(Path("damaged/kept").glob("*.parquet")).write_bytes(b"PAR1")
    next(Path("torn/_manifest").glob("*.json")).write_bytes(b"{")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    root = tmp_path_factory.mktemp("messages")
    make_files(root)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CURRICLE_CACHE", str(root / "cache"))
        patch.chdir(root)
        make_outputs()
        yield root


@pytest.fixture(scope="module")
def answers(folder: Path) -> Answers:
    """What was answered to each mistake, by section and name."""
    found = {}
    for section, mistakes in MISTAKES.items():
        for name, mistake in mistakes.items():
            for file, content in mistake.files.items():
                (folder / file).write_text(content, "utf-8")
            found[section, name] = curricle(*shlex.split(mistake.command))
    return found


def shown(mistake: Mistake, done: Result, folder: Path) -> str:
    """Files, command and answer, with what depends on this machine replaced."""
    text = done.output.replace(str(folder), "/folder")
    text = re.sub(r"\S*pip install (-e )?'[^']*(\[[\w-]+\])[^']*'", r"pip install 'curricle\2'", text)
    text = re.sub(r"\b[0-9a-f]{12} -> [0-9a-f]{12}\b", "OLD -> NEW", text)
    files = "".join(f"# {name}\n{content}" for name, content in mistake.files.items())
    status = "" if done.exit_code == 2 else f"(exit status {done.exit_code})\n"
    return f"{files}$ curricle {mistake.command}\n{text}{status}"


def test_every_message_is_that_of_the_table(answers, folder):
    parts = [HEAD]
    for section, mistakes in MISTAKES.items():
        parts.append(f"\n## {section}\n")
        for name, mistake in mistakes.items():
            parts.append(f"\n{name}\n\n```\n{shown(mistake, answers[section, name], folder)}```\n")
    found = "".join(parts)
    if os.environ.get("UPDATE_MESSAGES"):
        TABLE.write_text(found, "utf-8")
    assert found == TABLE.read_text("utf-8")


CASES = [(section, name) for section, mistakes in MISTAKES.items() for name in mistakes if not mistakes[name].report]


@pytest.mark.parametrize(("section", "name"), CASES, ids=map(": ".join, CASES))
def test_a_mistake_is_one_line_and_exit_status_2(section, name, answers):
    done = answers[section, name]
    assert done.exit_code == 2, done.exception
    assert re.fullmatch(r"curricle[^\n]*\n", done.stderr)
    assert done.stdout == ""


def test_no_mistake_has_begun_an_output(answers, folder):
    assert answers
    assert not (folder / "new").exists()
