"""Checks one by one what an engine needs on this machine. Each finding names the command that fixes it."""

import os
import platform
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from curricle.models.catalog import cached_models, model_cache
from curricle.pipelines.engines import versions
from curricle.pipelines.engines.dataflow import missing_extra
from curricle.pipelines.engines.flags import Runner
from curricle.pipelines.engines.programs import jars_path, java_version, prism_path
from curricle.pipelines.engines.settings import worker_command
from curricle.pipelines.plan.fingerprint import code_folders, code_sha256
from curricle.storage.files import StoreError
from curricle.storage.objects import ObjectPath
from curricle.storage.output import OutputPath


@dataclass(frozen=True)
class Finding:
    """The result of one check."""

    ok: bool
    what: str
    fix: str = ""  # a command or an action; empty if nothing is wrong


def examine(runner: Runner, output: OutputPath | None) -> Iterator[Finding]:
    """Check programs, worker, code, model cache and, if `output` is given, write access to it."""
    if runner == "PrismRunner":
        yield from _prism()
    elif runner == "DataflowRunner":
        yield from _dataflow()
    else:
        yield from _java(runner)
    command = worker_command()
    if runner != "DataflowRunner":
        yield _finding(os.access(command, os.X_OK), f"worker: {command}", "pip install --force-reinstall --no-deps curricle")
    folders = sorted({str(folder.parent) for folder in code_folders().values()})
    where = f"code: {code_sha256()[:12]} in {', '.join(folders)}"
    yield _finding(
        len(folders) == 1, f"{where}; the workers must have the same", "unset PYTHONPATH and pip install curricle again"
    )
    count = len(cached_models())
    yield Finding(
        True, f"model cache: {model_cache()}, {count} models; on a cluster it must lie at the same path on every machine"
    )
    if isinstance(output, Path) and runner == "DataflowRunner":
        yield Finding(False, f"output: {output}, a local folder", "--output gs://BUCKET/FOLDER")
    elif output is not None:
        yield output_finding(output.absolute())


def _prism() -> Iterator[Finding]:
    path = prism_path()
    if not path.exists():
        yield _finding(shutil.which("go") is not None, "Go, to build Prism once", "install Go from https://go.dev/dl")
    yield _finding(path.exists(), f"Prism {versions.PRISM}: {path}", "curricle doctor --runner PrismRunner --get")


def _dataflow() -> Iterator[Finding]:
    command = missing_extra()
    yield _finding(command is None, "the extra `gcp` (apache-beam[gcp])", command or "")
    python, beam = ".".join(platform.python_version_tuple()[:2]), version("apache-beam")
    base = f"apache/beam_python{python}_sdk:{beam}"
    yield Finding(True, f"workers: an image from {base} with the same curricle (examples/worker/Dockerfile); not looked at")
    yield Finding(
        True, "Google's credentials, project, buckets: not looked at; `curricle plan ... -- --dry_run=True` makes a job"
    )


def _java(runner: Runner) -> Iterator[Finding]:
    found = java_version("java")
    tested = " or ".join(map(str, versions.JAVA))
    yield _finding(found in versions.JAVA, f"Java: {found or 'none'}, needs {tested}", "apt-get install openjdk-17-jre-headless")
    jars = jars_path(runner)
    if not jars.exists():
        yield _finding(shutil.which("mvn") is not None, "Maven, to fetch the job server once", "apt-get install maven")
    count = len(list(jars.glob("*.jar")))
    yield _finding(
        jars.exists(),
        f"job server: Beam {versions.BEAM_JAVA}, {count} jars in {jars}",
        f"curricle doctor --runner {runner} --get",
    )


def output_finding(output: OutputPath) -> Finding:
    """Whether an output folder can be written to."""
    if isinstance(output, ObjectPath):
        return _prefix(output)
    folder = next(path for path in (output, *output.parents) if path.exists())
    writable = folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)
    return _finding(
        writable, f"output: {output}; on a cluster every machine must see this path", f"chmod u+rwx {folder}, or another --output"
    )


def _prefix(output: ObjectPath) -> Finding:
    probe = output / "_doctor"
    try:
        probe.touch()
        probe.unlink()
    except StoreError as error:
        return Finding(False, f"output: {error}", "the bucket, its rights, and AWS_* in the environment")
    return Finding(True, f"output: {output}; on a cluster every worker needs the same credentials")


def _finding(ok: bool, what: str, fix: str) -> Finding:
    return Finding(ok, what, "" if ok else fix)
