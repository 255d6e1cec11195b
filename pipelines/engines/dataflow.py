"""Checks what a job on Dataflow needs before anything starts. No job was run there; docs/deploy.md says what was checked."""

import logging
from collections.abc import Callable, Sequence
from importlib.util import find_spec

import apache_beam as beam

from curricle.errors import one_line
from curricle.installation import install_hint
from curricle.pipelines.engines.flags import RunnerError, parse_flags

NEEDED = {
    "project": "--project=NAME",
    "region": "--region=REGION",
    "temp_location": "--temp_location=gs://BUCKET/FOLDER",
}
PACKAGES = ("sdk_container_image", "setup_file", "extra_packages", "requirements_file")
"""Flags that install this package on the workers. At least one is required."""

SCHEME = "gs://"
MIN_BUCKET_CHARS = 3  # with a shorter bucket name Beam tries for two minutes to create a bucket of its own


def check_output(runner: str, output: str) -> None:
    """Raise RunnerError if a Dataflow job would write to a local folder."""
    if runner == "DataflowRunner" and "://" not in output:
        raise RunnerError(f"DataflowRunner: its workers cannot write to the local folder {output}; use gs://BUCKET/FOLDER")


def missing_extra() -> str | None:
    """The command that installs what DataflowRunner needs; None if it is installed."""
    return None if find_spec("apitools") else install_hint("gcp")


def check_dataflow(flags: Sequence[str]) -> None:
    """Raise RunnerError for the first flag or package that is missing or wrong."""
    given = parse_flags("DataflowRunner", flags)
    for name, example in NEEDED.items():
        if not given.get(name):
            raise RunnerError(f"DataflowRunner needs {example}, after `--`")
    for name in ("temp_location", "staging_location"):
        bucket, _, _ = str(given.get(name, "")).removeprefix(SCHEME).partition("/")
        if name in given and (not given[name].startswith(SCHEME) or len(bucket) < MIN_BUCKET_CHARS):
            raise RunnerError(f"DataflowRunner flag --{name}={given[name]}: must be gs://BUCKET/FOLDER")
    if not any(given.get(name) for name in PACKAGES):
        raise RunnerError(
            "DataflowRunner: its workers need curricle; give --sdk_container_image=IMAGE (examples/worker/Dockerfile), "
            "or --setup_file=./setup.py of a checkout"
        )
    if command := missing_extra():
        raise RunnerError(f"DataflowRunner needs the extra `gcp`: {command}")


def dry_run(make: Callable[[], beam.Pipeline]) -> str:
    """Let Beam create the job of a pipeline that has the option `--dry_run=True`, without contacting Google Cloud.

    Returns one line about the job. Raises RunnerError if Beam rejects it.
    """
    logging.getLogger("apache_beam").setLevel(logging.ERROR)
    try:
        pipeline = make()
        pipeline.run()
    except Exception as error:  # Google's clients have their own exception types
        raise RunnerError(f"DataflowRunner: {one_line(error)}") from error
    proto = pipeline.runner.proto_pipeline
    images = {_image(environment.payload) for environment in proto.components.environments.values()} - {""}
    return f"{proto.ByteSize():,} bytes, workers from {', '.join(sorted(images))}"


def _image(payload: bytes) -> str:
    from apache_beam.portability.api import beam_runner_api_pb2

    return beam_runner_api_pb2.DockerPayload.FromString(payload).container_image
