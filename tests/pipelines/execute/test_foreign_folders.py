"""A user's folder may have its own `models/`, `schemas/`, `stages/` and `pipelines/`: no process of ours imports them."""

import os
import subprocess
import sys
from pathlib import Path

import orjson
import pyarrow.parquet as pq
import pytest

COMMAND = str(Path(sys.executable).parent / "curricle")
RECIPE = "stages: {extract: {}, language: {}, heuristics: {}, quality: {}}\n"
TEXT = "The quick brown fox jumps over the lazy dog, and then it rests with all of the others. " * 20


@pytest.fixture
def foreign(tmp_path) -> Path:
    """Such a folder, with an input and a recipe."""
    for name in ("schemas", "models", "stages", "pipelines"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(f"raise RuntimeError('the user\\'s own {name}')\n")
    (tmp_path / "in.jsonl").write_bytes(b"\n".join(orjson.dumps({"text": f"{number} {TEXT}"}) for number in range(5)))
    (tmp_path / "small.yaml").write_text(RECIPE)
    return tmp_path


def curricle(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """The command in the folder, with PYTHONPATH=. as people set it."""
    path = os.pathsep.join(filter(None, (".", os.environ.get("PYTHONPATH"))))
    environment = os.environ | {"PYTHONPATH": path}
    return subprocess.run(
        [COMMAND, *arguments], cwd=folder, env=environment, capture_output=True, text=True, timeout=240, check=False
    )


def test_the_folders_are_really_in_the_way(foreign):
    code = "import models"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=foreign,
        env=os.environ | {"PYTHONPATH": "."},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "the user's own models" in done.stderr


def test_models_are_listed(foreign):
    done = curricle(foreign, "models", "list")
    assert done.returncode == 0, done.stderr
    assert "lid.176\tstarter\tlanguage-id" in done.stdout


ENGINES = {
    "fork server": (),
    "engine": ("--runner", "PrismRunner", "--", "--job_endpoint=embed", "--environment_type=LOOPBACK"),
}


@pytest.mark.parametrize("options", ENGINES.values(), ids=ENGINES)
def test_a_run_keeps_its_documents(foreign, options):
    done = curricle(foreign, "run", "small.yaml", "--input", "in.jsonl", "--output", "out", "--workers", "1", "--quiet", *options)
    assert done.returncode == 0, done.stdout + done.stderr
    table = pq.read_table(foreign / "out/kept", columns=["language", "quality_overall_raw"]).to_pylist()
    assert [row["language"] for row in table] == ["en"] * 5
    assert None not in [row["quality_overall_raw"] for row in table]
