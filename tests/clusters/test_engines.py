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
from curricle.pipelines.cli.demo import SAMPLE
from curricle.pipelines.engines.flags import JAVA_OPTIONS, parse_flags
from curricle.pipelines.engines.programs import server_command
from curricle.pipelines.engines.server import free_port, job_server
from curricle.pipelines.engines.settings import worker_command
from engine_runs import COMMAND, files, finish, needs, records, start

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
