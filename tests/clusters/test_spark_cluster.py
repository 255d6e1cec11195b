"""A real Spark standalone master with two executors on this machine: the local run's bytes."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.cli.demo import SAMPLE
from pipelines.engines.programs import OPENED, get_jars
from pipelines.engines.server import free_port

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

COMMAND = str(Path(sys.executable).parent / "curricle")
DEPLOY = "org.apache.spark.deploy"


@pytest.fixture(scope="module")
def master(tmp_path_factory) -> Iterator[str]:
    """URL of a master with two workers of one core each."""
    if missing := [program for program in ("java", "mvn") if not shutil.which(program)]:
        reason = f"Spark needs {' and '.join(missing)}"
        pytest.fail(reason) if os.environ.get("CURRICLE_REQUIRE_CLUSTERS") else pytest.skip(reason)
    folder = tmp_path_factory.mktemp("spark")
    (folder / "home").mkdir()
    (folder / "home" / "jars").symlink_to(get_jars("SparkRunner"))
    environment = {**os.environ, "SPARK_HOME": str(folder / "home"), "SPARK_SCALA_VERSION": "2.12"}
    environment.pop("PYTHONPATH", None)
    java = ["java", "-Xmx512m", *(f"--add-opens=java.base/{name}=ALL-UNNAMED" for name in OPENED), "-cp", f"{folder}/home/jars/*"]
    port = free_port()
    url = f"spark://127.0.0.1:{port}"
    commands = [[f"{DEPLOY}.master.Master", "--host", "127.0.0.1", "--port", str(port), "--webui-port", str(free_port())]]
    for number in (1, 2):
        place = ["-h", "127.0.0.1", "-c", "1", "-m", "1500m", "--webui-port", str(free_port()), "-d", str(folder / f"w{number}")]
        commands.append([f"{DEPLOY}.worker.Worker", url, *place])
    log = folder / "log"
    with log.open("wb") as output:
        processes = [
            subprocess.Popen([*java, *command], stdout=output, stderr=output, env=environment, cwd=folder, start_new_session=True)
            for command in commands
        ]
    try:
        deadline = time.monotonic() + 120
        while log.read_text("utf-8", "replace").count("Registering worker") < 2:
            assert time.monotonic() < deadline, log.read_text("utf-8", "replace")[-3000:]
            signal.sigtimedwait([], 0.1)
        yield url
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(30)


def run(output: Path, *flags: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    arguments = ["run", "demo", "--input", str(SAMPLE), "--output", str(output), "--quiet", *flags]
    done = subprocess.run(
        [COMMAND, *arguments], cwd=output.parent, env=environment, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def files(output: Path) -> dict[str, bytes]:
    parts = [output / name for name in ("kept", "rejected", "dead", "_manifest")]
    return {path.relative_to(output).as_posix(): path.read_bytes() for part in parts for path in part.iterdir()}


def test_a_standalone_cluster_writes_the_local_bytes(master, tmp_path):
    run(tmp_path / "local")
    run(tmp_path / "spark", "--runner", "SparkRunner", "--", f"--spark_master_url={master}")
    assert files(tmp_path / "spark") == files(tmp_path / "local")
    assert not (tmp_path / "spark" / "_tmp").exists()
