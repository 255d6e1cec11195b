"""Prism, Spark and Flink for real, in one process of this machine: the local run's bytes. `make test-clusters` runs these.

Without Java or Go a test is skipped, or fails where CURRICLE_REQUIRE_CLUSTERS is set.
"""

import os
import shutil
import subprocess
from pathlib import Path

import grpc
import orjson
import pytest
from apache_beam.portability.api import beam_job_api_pb2, beam_job_api_pb2_grpc
from engine_runs import COMMAND, files, finish, needs, records, start

from curricle.pipelines.cli.demo import SAMPLE
from curricle.pipelines.engines.flags import JAVA_OPTIONS, parse_flags
from curricle.pipelines.engines.programs import server_command
from curricle.pipelines.engines.server import free_port, job_server
from curricle.pipelines.engines.settings import worker_command
from curricle.pipelines.plan.fingerprint import code_folders

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]


@pytest.fixture
def prism() -> str:
    needs("PrismRunner")
    return "PrismRunner"


@pytest.fixture(scope="module")
def demo(tmp_path_factory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("local")
    finish(start("demo", SAMPLE, folder / "out", "local", folder))
    return files(folder / "out")


def test_an_engine_writes_the_local_bytes(engine, demo, tmp_path):
    finish(start("demo", SAMPLE, tmp_path / "out", engine, tmp_path))
    assert files(tmp_path / "out") == demo
    assert not (tmp_path / "out" / "_tmp").exists()
    assert records(tmp_path / "out") == 365


def run_with_worker_path(runner: str, path: Path, folder: Path) -> "subprocess.CompletedProcess[str]":
    """A run whose workers, and no other process, import from `path` first."""
    script = folder / "worker"
    script.write_text(f'#!/bin/sh\nPYTHONPATH={path} exec {worker_command()} "$@"\n')
    script.chmod(0o755)
    config = orjson.dumps({"command": str(script)}).decode()
    arguments = ["run", "demo", "--input", str(SAMPLE), "--output", str(folder / "out"), "--runner", runner, "--quiet"]
    flags = ["--", "--environment_type=PROCESS", f"--environment_config={config}"]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        [COMMAND, *arguments, *flags], cwd=folder, env=environment, capture_output=True, text=True, timeout=600, check=False
    )


def test_folders_of_a_worker_that_are_named_like_ours_do_not_matter(prism, demo, tmp_path):
    for name in ("schemas", "models", "stages", "pipelines"):
        (tmp_path / "foreign" / name).mkdir(parents=True)
        (tmp_path / "foreign" / name / "__init__.py").write_text("raise RuntimeError('foreign')")
    done = run_with_worker_path(prism, tmp_path / "foreign", tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert files(tmp_path / "out") == demo


def test_a_worker_with_another_version_of_our_code_ends_the_job_with_one_line(prism, tmp_path):
    for name, folder in code_folders().items():
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(folder, tmp_path / "foreign" / name.replace(".", "/"), ignore=ignored, dirs_exist_ok=True)
    with (tmp_path / "foreign/curricle/schemas/config.py").open("a") as changed:
        changed.write("# another version\n")
    done = run_with_worker_path(prism, tmp_path / "foreign", tmp_path)
    assert done.returncode == 1
    [line] = [line for line in done.stdout.splitlines() if "FAILED" in line]
    assert f"curricle.schemas in {tmp_path / 'foreign/curricle/schemas'}" in line
    assert "install the same packages there" in line
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
