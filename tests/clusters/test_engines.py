"""Prism, Spark and Flink for real, on this machine: the local run's bytes, also after a kill. `make test-clusters` runs these.

Without Java or Go a test is skipped, or fails where CURRICLE_REQUIRE_CLUSTERS is set.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import grpc
import orjson
import psutil
import pytest
from apache_beam.portability.api import beam_job_api_pb2, beam_job_api_pb2_grpc

from pipelines.cli.demo import SAMPLE
from pipelines.engines.flags import JAVA_OPTIONS, parse_flags
from pipelines.engines.programs import server_command
from pipelines.engines.server import free_port, job_server
from pipelines.engines.settings import worker_command

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

COMMAND = str(Path(sys.executable).parent / "curricle")
NEEDS = {"PrismRunner": ("go",), "SparkRunner": ("java", "mvn"), "FlinkRunner": ("java", "mvn")}


def needs(runner: str) -> None:
    missing = [program for program in NEEDS[runner] if not shutil.which(program)]
    missing += [] if worker_command().exists() else ["curricle-worker (pip install -e .)"]
    if missing:
        reason = f"{runner} needs {' and '.join(missing)}"
        pytest.fail(reason) if os.environ.get("CURRICLE_REQUIRE_CLUSTERS") else pytest.skip(reason)


@pytest.fixture(params=NEEDS)
def engine(request) -> str:
    needs(request.param)
    return request.param


@pytest.fixture
def prism() -> str:
    needs("PrismRunner")
    return "PrismRunner"


def start(recipe: str, inputs: Path, output: Path, runner: str, folder: Path) -> "subprocess.Popen[str]":
    return curricle(["run", recipe, "--input", str(inputs), "--output", str(output)], runner, folder)


def curricle(arguments: list[str], runner: str, folder: Path) -> "subprocess.Popen[str]":
    """In a neutral folder, without PYTHONPATH: workers must find our modules as installed."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.Popen(
        [COMMAND, *arguments, "--workers", "2", "--quiet", "--runner", runner],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def finish(run: "subprocess.Popen[str]") -> tuple[str, str]:
    out, err = run.communicate(timeout=600)
    assert run.returncode == 0, out + err
    return out, err


def files(output: Path) -> dict[str, bytes]:
    parts = [output / name for name in ("kept", "rejected", "dead", "_manifest")]
    return {path.relative_to(output).as_posix(): path.read_bytes() for part in parts for path in part.iterdir()}


def wait_until(condition: Callable[[], object], what: str, seconds: float = 200) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"never: {what}"
        signal.sigtimedwait([], 0.005)


def committed(output: Path) -> int:
    return len(list((output / "_manifest").glob("*.json")))


@pytest.fixture(scope="module")
def demo(tmp_path_factory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("local")
    finish(start("demo", SAMPLE, folder / "out", "local", folder))
    return files(folder / "out")


@pytest.fixture(scope="module")
def many(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("many")
    for number in range(16):
        text = f"Document of file {number}. " + "The quick brown fox jumps over the lazy dog, and then it rests. " * 30
        lines = [orjson.dumps({"text": f"{at} {text}", "url": f"http://a.example/{number}/{at}"}) for at in range(1000)]
        (folder / f"{number}.jsonl").write_bytes(b"\n".join(lines))
    return folder


@pytest.fixture(scope="module")
def undisturbed(many, tmp_path_factory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("undisturbed")
    finish(start("web", many, folder / "out", "local", folder))
    return files(folder / "out")


def test_an_engine_writes_the_local_bytes(engine, demo, tmp_path):
    finish(start("demo", SAMPLE, tmp_path / "out", engine, tmp_path))
    assert files(tmp_path / "out") == demo
    assert not (tmp_path / "out" / "_tmp").exists()
    assert orjson.loads((tmp_path / "out" / "run.json").read_bytes())["counts"]["records"] == 365


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
    assert files(out) == undisturbed
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
    assert files(out) == undisturbed
    assert not (out / "_tmp").exists()


def test_a_worker_with_foreign_modules_ends_the_job_with_one_line(prism, tmp_path):
    (tmp_path / "foreign").mkdir()
    shutil.copytree(Path(__file__).parents[2] / "schemas", tmp_path / "foreign" / "schemas")
    (tmp_path / "foreign" / "schemas" / "config.py").open("a").write("# another version\n")
    script = tmp_path / "worker"
    script.write_text(f'#!/bin/sh\nPYTHONPATH={tmp_path / "foreign"} exec {worker_command()} "$@"\n')
    script.chmod(0o755)
    config = orjson.dumps({"command": str(script)}).decode()
    arguments = ["run", "web", "--input", str(SAMPLE), "--output", str(tmp_path / "out"), "--runner", prism, "--quiet"]
    flags = ["--", "--environment_type=PROCESS", f"--environment_config={config}"]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [COMMAND, *arguments, *flags], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 1
    [line] = [line for line in done.stdout.splitlines() if "FAILED" in line]
    assert f"schemas in {tmp_path / 'foreign'}" in line
    assert "install the same curricle there" in line
    assert "Traceback" not in done.stdout + done.stderr
    assert not list((tmp_path / "out").rglob("*.parquet"))


@pytest.mark.parametrize(
    ("runner", "master"), [("SparkRunner", "--spark_master_url=local"), ("FlinkRunner", "--flink_master=[local]")]
)
def test_the_flags_of_the_job_server_are_those_that_it_describes(runner, master, tmp_path):
    needs(runner)
    port = free_port()
    command = server_command(runner, parse_flags(runner, [master]), port, tmp_path)
    with job_server(command, port, tmp_path / "log") as endpoint, grpc.insecure_channel(endpoint) as channel:
        described = beam_job_api_pb2_grpc.JobServiceStub(channel).DescribePipelineOptions(
            beam_job_api_pb2.DescribePipelineOptionsRequest()
        )
    assert set(JAVA_OPTIONS[runner]) <= {option.name for option in described.options}
