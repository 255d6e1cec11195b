"""Killed, stopped, out of space: the same command again ends in the bytes of an undisturbed run, and nothing is left behind."""

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import orjson
import psutil
import pytest

COMMAND = str(Path(sys.executable).parent / "curricle")
DOCUMENTS = 400


@pytest.fixture(scope="module")
def inputs(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("inputs")
    for number in range(8):
        text = f"Document of file {number}. " + "The quick brown fox jumps over the lazy dog, and then it rests. " * 30
        lines = [orjson.dumps({"text": f"{at} {text}", "url": f"http://a.example/{number}/{at}"}) for at in range(DOCUMENTS)]
        (folder / f"{number}.jsonl").write_bytes(b"\n".join(lines))
    return folder


RUNS: "list[subprocess.Popen[str]]" = []
"""The runs that the current test has started."""


@pytest.fixture(autouse=True)
def _no_process_is_left_behind() -> Iterator[None]:
    """A run whose end its test did not see is killed, with its workers."""
    yield
    for run in RUNS:
        if run.poll() is None:
            run.kill()
            run.communicate(timeout=60)
    RUNS.clear()


def start(inputs: Path, output: Path, workers: int = 1) -> "subprocess.Popen[str]":
    arguments = ["run", "web", "--input", str(inputs), "--output", str(output), "--workers", str(workers), "--quiet"]
    run = subprocess.Popen(
        [COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    RUNS.append(run)
    return run


def finish(inputs: Path, output: Path) -> tuple[int, str, str]:
    run = start(inputs, output)
    out, err = run.communicate(timeout=200)
    return run.returncode, out, err


def files(output: Path) -> dict[str, bytes]:
    parts = [output / name for name in ("kept", "rejected", "dead", "_manifest")]
    return {path.relative_to(output).as_posix(): path.read_bytes() for part in parts for path in part.iterdir()}


def wait_until(condition: Callable[[], object], what: str, seconds: float = 60) -> None:
    pause, deadline = 0.005, time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"never: {what}"
        signal.sigtimedwait([], pause)


@pytest.fixture(scope="module")
def undisturbed(inputs, tmp_path_factory) -> dict[str, bytes]:
    output = tmp_path_factory.mktemp("undisturbed") / "out"
    code, _, err = finish(inputs, output)
    assert code == 0, err
    return files(output)


def members(run: "subprocess.Popen[str]") -> list[psutil.Process]:
    return [psutil.Process(run.pid), *psutil.Process(run.pid).children(recursive=True)]


def test_killed_in_the_middle_the_same_command_goes_on(inputs, undisturbed, tmp_path):
    run = start(inputs, tmp_path / "out")
    manifests = tmp_path / "out" / "_manifest"
    wait_until(lambda: manifests.is_dir() and any(manifests.iterdir()), "a first shard is committed")
    processes = members(run)
    run.kill()
    run.communicate(timeout=60)
    _, alive = psutil.wait_procs(processes, timeout=10)
    assert alive == []
    committed = len(list(manifests.iterdir()))
    assert 0 < committed < 8
    code, _, err = finish(inputs, tmp_path / "out")
    assert code == 0, err
    assert files(tmp_path / "out") == undisturbed
    assert not (tmp_path / "out" / "_tmp").exists()


def test_a_worker_that_dies_costs_a_retry_and_no_document(inputs, undisturbed, tmp_path):
    run = start(inputs, tmp_path / "out")
    temporary = tmp_path / "out" / "_tmp"
    wait_until(lambda: temporary.is_dir() and any(temporary.iterdir()), "a shard is being written")
    [worker] = [process for process in members(run) if not process.children() and process.pid != run.pid]
    worker.kill()
    _, err = run.communicate(timeout=200)
    assert run.returncode == 0, err
    assert files(tmp_path / "out") == undisturbed
    assert not temporary.exists()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["Ctrl-C", "SIGTERM"])
def test_stopped_it_leaves_no_process_and_no_temporary_file(inputs, tmp_path, number, code):
    run = start(inputs, tmp_path / "out")
    temporary = tmp_path / "out" / "_tmp"
    wait_until(lambda: temporary.is_dir() and any(temporary.iterdir()), "a shard is being written")
    processes = members(run)
    os.killpg(run.pid, number)
    run.communicate(timeout=2)
    _, alive = psutil.wait_procs(processes, timeout=2)
    assert (run.returncode, alive) == (code, [])
    assert not temporary.exists()


@pytest.fixture
def small_disk(tmp_path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=128k", "none", str(disk)], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("needs the right to mount a tmpfs")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_full_disk_fails_the_shards_and_says_why(inputs, small_disk):
    (small_disk / "out").mkdir()
    with (small_disk / "filler").open("wb") as filler:
        filler.write(bytes(84_000))
    code, out, err = finish(inputs, small_disk / "out")
    assert code == 1
    assert "No space left on device" in out + err
    assert "Traceback" not in out + err
    assert list((small_disk / "out").rglob("*.parquet")) == []


def test_a_disk_without_room_for_the_recipe_is_one_line(inputs, small_disk):
    with (small_disk / "filler").open("wb") as filler:
        filler.write(bytes(116_000))
    code, _, err = finish(inputs, small_disk / "out")
    assert (code, err.count("\n")) == (2, 1)
    assert "No space left on device" in err


def test_an_output_that_cannot_be_written_is_one_line(inputs, tmp_path):
    (tmp_path / "file").write_text("")
    code, _, err = finish(inputs, tmp_path / "file")
    assert (code, err.count("\n")) == (2, 1)
    assert "File exists" in err


def test_two_runs_at_once_into_one_output_are_refused(inputs, tmp_path):
    (tmp_path / "out" / "_manifest").mkdir(parents=True)
    with (tmp_path / "out" / "_lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        code, _, err = finish(inputs, tmp_path / "out")
    assert code == 2
    assert "another run is writing to this folder" in err
    assert finish(inputs, tmp_path / "out")[0] == 0
