"""Downloads the programs that accept jobs to the user's cache: Prism with Go, the job servers of Spark and Flink with Maven.

The registries of these languages offer no single jar like that of Beam's release, but the same classes.
"""

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from curricle.models.cards import file_sha256
from curricle.models.catalog import cache_folder
from curricle.pipelines.engines import versions
from curricle.pipelines.engines.flags import Runner, RunnerError

PRISM_MODULE = "github.com/apache/beam/sdks/v2/go/cmd/prism"
GET_S = 1800  # Prism compiles for 2 CPU minutes

MAIN = {
    "SparkRunner": "org.apache.beam.runners.spark.SparkJobServerDriver",
    "FlinkRunner": "org.apache.beam.runners.flink.FlinkJobServerDriver",
}
ARTIFACTS = {
    "SparkRunner": (
        f"org.apache.beam:beam-runners-spark-3:{versions.BEAM_JAVA}",
        f"org.apache.spark:spark-sql_{versions.SCALA}:{versions.SPARK}",
        f"org.apache.spark:spark-streaming_{versions.SCALA}:{versions.SPARK}",
    ),
    "FlinkRunner": (f"org.apache.beam:beam-runners-flink-{versions.FLINK}:{versions.BEAM_JAVA}",),
}
JOB_SERVICE = f"org.apache.beam:beam-runners-java-job-service:{versions.BEAM_JOB_SERVICE}"

OPENED = [
    "java.io",
    "java.lang",
    "java.lang.invoke",
    "java.lang.reflect",
    "java.net",
    "java.nio",
    "java.util",
    "java.util.concurrent",
    "java.util.concurrent.atomic",
    "sun.nio.ch",
    "sun.nio.cs",
    "sun.security.action",
    "sun.util.calendar",
]
"""JDK packages that Spark accesses by reflection on Java 17 (see its JavaModuleOptions). Without the last ones a failed task
cannot be serialized, and the job hangs."""


def engines_folder() -> Path:
    """The cache folder of engine programs."""
    return cache_folder() / "engines"


def prism_path() -> Path:
    """Path of the cached Prism, whether it exists or not."""
    return engines_folder() / f"prism-{versions.PRISM}"


def jars_path(runner: Runner) -> Path:
    """Path of the cached jars of a runner's job server, whether they exist or not."""
    engine = {"SparkRunner": f"spark-{versions.SPARK}", "FlinkRunner": f"flink-{versions.FLINK}"}[runner]
    return engines_folder() / f"{engine}-beam-{versions.BEAM_JAVA}"


def get_prism() -> Path:
    """Build the pinned version of Prism, once. RunnerError if Go is missing or the build fails."""
    path = prism_path()
    if path.exists():
        return path
    if not shutil.which("go"):
        raise RunnerError(
            "PrismRunner needs Go to build Prism once: install it from https://go.dev/dl, or download Prism from Beam's releases "
            "and give -- --prism_location=PATH"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".") as scratch:
        _call(["go", "install", f"{PRISM_MODULE}@{versions.PRISM}"], {"GOBIN": scratch})
        (Path(scratch) / "prism").replace(path)
    return path


def get_jars(runner: Runner) -> Path:
    """Download the pinned versions of the job server's jars, once.

    Raises RunnerError if Maven is missing, the download fails or the hash of the jars differs.
    """
    path = jars_path(runner)
    if path.exists():
        return path
    if not shutil.which("mvn"):
        raise RunnerError(
            f"{runner} needs Maven to fetch Beam's job server once: install it (apt-get install maven), or give the jar of "
            f"Beam's release by -- --{runner.removesuffix('Runner').lower()}_job_server_jar=PATH"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".") as scratch:
        pom, jars = Path(scratch) / "pom.xml", Path(scratch) / "jars"
        pom.write_text(_pom(runner), "utf-8")
        copy = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={jars}"]
        _call(["mvn", "-B", "-q", "-f", str(pom), *copy], {})
        if (found := jars_sha256(jars)) != versions.JARS_SHA256[runner]:
            raise RunnerError(
                f"{runner}: the SHA-256 of the downloaded jars ({found}) is not that of the tested ones; they were deleted"
            )
        jars.replace(path)
    return path


def jars_sha256(folder: Path) -> str:
    """One hash over the names and hashes of all jars."""
    names = sorted(path.name for path in folder.glob("*.jar"))
    return hashlib.sha256("".join(f"{file_sha256(folder / name)}  {name}\n" for name in names).encode()).hexdigest()


def java_version(launcher: str) -> int | None:
    """Major version of the Java program `launcher`; None if it does not exist."""
    try:
        shown = subprocess.run([launcher, "-version"], capture_output=True, text=True, timeout=60, check=False).stderr
    except OSError:
        return None
    found = re.search(r'version "(?:1\.)?(\d+)', shown)
    return int(found[1]) if found else None


def server_command(runner: Runner, options: dict[str, Any], port: int, folder: Path) -> list[str] | None:
    """The command that starts the program which accepts jobs on `port`; None if the options name a running one.

    `options` holds curricle's own and the user's options by name. Raises RunnerError if a program is missing.
    """
    if runner == "DataflowRunner" or any(
        name in options for name in ("job_endpoint", "spark_submit_uber_jar", "flink_submit_uber_jar")
    ):
        return None
    if runner == "PrismRunner":
        prism = options.get("prism_location") or str(get_prism())
        return [prism, f"--job_port={port}", "--serve_http=false", "--log_kind=text"]
    launcher = options.get("job_server_java_launcher", "java")
    if java_version(launcher) is None:
        raise RunnerError(f"{runner} needs Java {' or '.join(map(str, versions.JAVA))} (apt-get install openjdk-17-jre-headless)")
    engine = runner.removesuffix("Runner").lower()
    jar = options.get(f"{engine}_job_server_jar")
    program = ["-jar", jar] if jar else ["-cp", f"{get_jars(runner)}/*", MAIN[runner]]
    master = options["spark_master_url" if runner == "SparkRunner" else "flink_master"]
    return [
        launcher,
        *(f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in OPENED),
        *options.get("job_server_jvm_properties", ()),
        *program,
        *("--spark-master-url" if runner == "SparkRunner" else "--flink-master", master),
        *("--job-port", str(port), "--artifact-port", "0", "--expansion-port", "0", "--artifacts-dir", str(folder)),
    ]


def _call(command: list[str], environment: dict[str, str]) -> None:
    done = subprocess.run(
        command,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=GET_S,
        check=False,
        cwd=tempfile.gettempdir(),
    )
    if done.returncode:
        said = [line for line in (done.stdout + done.stderr).strip().splitlines() if line.strip()]
        line = next((line for line in said if "ERROR" in line), said[-1] if said else "no output")
        raise RunnerError(f"{command[0]} failed: {line.strip()[:300]}")


def _pom(runner: Runner) -> str:
    def dependency(artifact: str) -> str:
        group, name, version = artifact.split(":")
        return f"<dependency><groupId>{group}</groupId><artifactId>{name}</artifactId><version>{version}</version></dependency>"

    return (
        '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>'
        "<groupId>curricle</groupId><artifactId>job-server</artifactId><version>1</version>"
        f"<dependencyManagement><dependencies>{dependency(JOB_SERVICE)}</dependencies></dependencyManagement>"
        f"<dependencies>{''.join(map(dependency, ARTIFACTS[runner]))}</dependencies></project>"
    )
