"""Each thing that an engine lacks is one line with the command that mends it."""

import stat

import pytest
from click.testing import CliRunner

from curricle.pipelines.cli.doctor import command


@pytest.fixture
def bare(tmp_path, monkeypatch):
    """No programs, an empty cache."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CURRICLE_CACHE", str(tmp_path / "cache"))
    return tmp_path


MISSING = {
    "PrismRunner": ["https://go.dev/dl", "curricle doctor --runner PrismRunner --get"],
    "SparkRunner": ["openjdk-17", "apt-get install maven", "curricle doctor --runner SparkRunner --get"],
    "FlinkRunner": ["openjdk-17", "apt-get install maven", "curricle doctor --runner FlinkRunner --get"],
    "DataflowRunner": ["--output gs://BUCKET/FOLDER"],
}


@pytest.mark.parametrize(("runner", "mends"), MISSING.items())
def test_what_is_missing_is_said_with_the_command_that_mends_it(bare, runner, mends):
    done = CliRunner().invoke(command, ["--runner", runner, "--output", str(bare)])
    assert done.exit_code == 1
    lines = [line for line in done.output.splitlines() if line.startswith("MISSING")]
    assert [mend for mend in mends if not any(mend in line for line in lines)] == []
    assert all("->" in line for line in lines)


def test_an_old_java_is_missing_too(bare):
    java = bare / "java"
    java.write_text("#!/bin/sh\necho 'openjdk version \"1.8.0_402\"' >&2\n")
    java.chmod(java.stat().st_mode | stat.S_IXUSR)
    done = CliRunner().invoke(command, ["--runner", "SparkRunner"])
    assert "Java: 8, needs 11 or 17" in done.output


def test_an_output_that_cannot_be_a_folder_is_missing(bare):
    (bare / "file").write_text("")
    done = CliRunner().invoke(command, ["--runner", "PrismRunner", "--output", str(bare / "file" / "out")])
    assert f"MISSING\toutput: {bare / 'file' / 'out'}" in done.output


def test_an_object_store_is_no_local_folder_for_dataflow(bare):
    done = CliRunner().invoke(command, ["--runner", "DataflowRunner", "--output", "s3://"])
    assert "a local folder" not in done.output
    assert "MISSING\toutput: s3:" in done.output


def test_a_run_without_go_is_refused_in_one_line(bare):
    from curricle.pipelines.engines.flags import RunnerError
    from curricle.pipelines.engines.programs import server_command

    with pytest.raises(RunnerError, match="needs Go to build Prism once"):
        server_command("PrismRunner", {}, 1, bare)
    with pytest.raises(RunnerError, match="needs Java 11 or 17"):
        server_command("SparkRunner", {"spark_master_url": "local"}, 1, bare)
    assert not (bare / "cache").exists()
