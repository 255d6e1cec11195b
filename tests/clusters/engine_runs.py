"""Starts and looks at runs on real engines, for the tests in this folder."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from curricle.pipelines.engines.settings import worker_command

COMMAND = str(Path(sys.executable).parent / "curricle")
NEEDS = {"PrismRunner": ("go",), "SparkRunner": ("java", "mvn"), "FlinkRunner": ("java", "mvn")}

RUNS: "list[subprocess.Popen[str]]" = []
"""All that were started; a test that fails leaves its own behind (conftest.py)."""


def needs(runner: str) -> None:
    """Skip, or fail where CURRICLE_REQUIRE_CLUSTERS is set, without the programs that this runner needs."""
    missing = [program for program in NEEDS[runner] if not shutil.which(program)]
    missing += [] if worker_command().exists() else ["curricle-worker (pip install -e .)"]
    if missing:
        reason = f"{runner} needs {' and '.join(missing)}"
        pytest.fail(reason) if os.environ.get("CURRICLE_REQUIRE_CLUSTERS") else pytest.skip(reason)


def curricle(arguments: list[str], runner: str, folder: Path, flags: tuple[str, ...] = ()) -> "subprocess.Popen[str]":
    """In a neutral folder, without PYTHONPATH: workers must find our modules as installed."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    run = subprocess.Popen(
        [COMMAND, *arguments, "--workers", "2", "--quiet", "--runner", runner, *(("--", *flags) if flags else ())],
        cwd=folder,
        env=environment | {"SPARK_LOCAL_IP": "127.0.0.1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    RUNS.append(run)
    return run


def start(
    recipe: str, inputs: Path, output: Path, runner: str, folder: Path, flags: tuple[str, ...] = ()
) -> "subprocess.Popen[str]":
    return curricle(["run", recipe, "--input", str(inputs), "--output", str(output)], runner, folder, flags)


def ended(run: "subprocess.Popen[str]") -> tuple[int, str, str]:
    """Exit code, stdout and stderr; TimeoutExpired if it hangs."""
    out, err = run.communicate(timeout=400)
    return run.returncode, out, err


def finish(run: "subprocess.Popen[str]") -> None:
    code, out, err = ended(run)
    assert code == 0, out + err


def files(output: Path) -> dict[str, bytes]:
    parts = [output / name for name in ("kept", "rejected", "dead", "_manifest")]
    return {path.relative_to(output).as_posix(): path.read_bytes() for part in parts for path in part.iterdir()}


def records(output: Path) -> int:
    """Documents that the run counted; AssertionError unless they are those of the manifests."""
    counts = orjson.loads((output / "run.json").read_bytes())["counts"]
    manifests = [orjson.loads(path.read_bytes()) for path in (output / "_manifest").iterdir()]
    assert counts["records"] == sum(manifest["records"] for manifest in manifests)
    return counts["records"]


def wait_until(condition: Callable[[], object], what: str, seconds: float = 400) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"never: {what}"
        signal.sigtimedwait([], 0.005)


def committed(output: Path) -> int:
    return len(list((output / "_manifest").glob("*.json")))


def write_inputs(folder: Path, count: int, documents: int) -> Path:
    """So many JSONL files of so many pages each, a shard a file."""
    for number in range(count):
        text = f"Document of file {number}. " + "The quick brown fox jumps over the lazy dog, and then it rests. " * 30
        lines = [orjson.dumps({"text": f"{at} {text}", "url": f"http://a.example/{number}/{at}"}) for at in range(documents)]
        (folder / f"{number}.jsonl").write_bytes(b"\n".join(lines))
    return folder
