"""Prism, Spark and Flink in one process of this machine: kills, larger inputs, curricula. Run by `make test-clusters-faults`."""

import shutil
from pathlib import Path

import psutil
import pytest
from engine_runs import committed, curricle, files, finish, start, wait_until

from curricle.pipelines.cli.demo import SAMPLE

pytestmark = [pytest.mark.cluster_faults, pytest.mark.timeout(900)]


def test_an_engine_writes_the_local_curriculum(engine, tmp_path):
    def tree(folder: Path) -> dict[str, bytes]:
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    finish(start("demo", SAMPLE, tmp_path / "out", "local", tmp_path))
    arguments = ["curriculum", "demo", "--from", str(tmp_path / "out"), "--output"]
    finish(curricle([*arguments, str(tmp_path / engine)], engine, tmp_path))
    shutil.rmtree(tmp_path / "out/_measures")
    finish(curricle([*arguments, str(tmp_path / "local")], "local", tmp_path))
    assert tree(tmp_path / engine) == tree(tmp_path / "local")


def test_an_engine_writes_the_local_bytes_of_real_crawls(engine, shared_data, tmp_path):
    inputs = shared_data / "web_text"
    outputs = [tmp_path / "local", tmp_path / engine]
    for output, runner in zip(outputs, ["local", engine], strict=True):
        finish(start("web", inputs, output, runner, tmp_path))
    assert files(outputs[1]) == files(outputs[0])


def test_a_killed_driver_takes_the_engine_along_and_the_same_command_goes_on(engine, many, undisturbed, tmp_path):
    out = tmp_path / "out"
    run = start("web", many, out, engine, tmp_path)
    wait_until(lambda: committed(out), "a first shard is committed")
    family = psutil.Process(run.pid).children(recursive=True)
    run.kill()
    run.communicate(timeout=60)
    _, alive = psutil.wait_procs(family, timeout=60)
    assert alive == []
    assert 0 < committed(out) < 16
    finish(start("web", many, out, engine, tmp_path))
    assert files(out) == undisturbed("web")
    assert not (out / "_tmp").exists()


def test_a_killed_worker_costs_no_document(engine, many, undisturbed, tmp_path):
    out = tmp_path / "out"
    run = start("web", many, out, engine, tmp_path)
    wait_until(lambda: committed(out), "a first shard is committed")
    family = psutil.Process(run.pid).children(recursive=True)
    workers = [process for process in family if any("curricle-worker" in word for word in process.cmdline())]
    assert workers
    workers[0].kill()
    finish(run)
    assert files(out) == undisturbed("web")
    assert not (out / "_tmp").exists()
