"""One job for all shards through Beam's own job service in this process: what `local` writes, byte for byte."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from curricle.installation import install_hint
from curricle.pipelines.cli.demo import SAMPLE
from curricle.pipelines.cli.main import main
from curricle.pipelines.engines.dataflow import missing_extra
from curricle.pipelines.engines.flags import REFUSED, RunnerError, check_runner, parse_flags
from curricle.pipelines.engines.job import Engine, cause_of
from curricle.pipelines.engines.settings import is_local, settings

EMBEDDED = ("--runner", "PrismRunner", "--quiet", "--", "--job_endpoint=embed", "--environment_type=LOOPBACK")


def curricle(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / "curricle"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)


def files(output: Path) -> dict[str, bytes]:
    parts = [output / name for name in ("kept", "rejected", "dead", "_manifest")]
    return {path.relative_to(output).as_posix(): path.read_bytes() for part in parts for path in part.iterdir()}


@pytest.fixture(scope="module")
def local(tmp_path_factory) -> Path:
    output = tmp_path_factory.mktemp("local") / "out"
    done = curricle("run", "web", "--input", SAMPLE, "--output", output, "--quiet")
    assert done.returncode == 0, done.stderr
    return output


def test_a_job_writes_the_local_bytes_and_resumes_a_local_run(local, tmp_path):
    out = tmp_path / "out"
    done = curricle("run", "web", "--input", SAMPLE, "--output", out, *EMBEDDED)
    assert done.returncode == 0, done.stderr
    assert files(out) == files(local)
    counts, expected = (orjson.loads((folder / "run.json").read_bytes())["counts"] for folder in (out, local))
    assert counts == expected
    assert curricle("verify", out).returncode == 0
    sorted((out / "_manifest").iterdir())[0].unlink()  # as if it had been killed before that commit
    done = curricle("run", "web", "--input", SAMPLE, "--output", out, *EMBEDDED)
    assert done.returncode == 0, done.stderr
    assert files(out) == files(local)
    assert not (out / "_tmp").exists()


def test_relative_paths_work_for_workers_in_another_folder(local, tmp_path, monkeypatch):
    (tmp_path / "in").symlink_to(SAMPLE)
    monkeypatch.chdir(tmp_path)
    done = curricle("run", "web", "--input", SAMPLE, "--output", "out", *EMBEDDED)
    assert done.returncode == 0, done.stderr
    assert files(tmp_path / "out") == files(local)


def test_a_curriculum_is_the_same_bytes_and_goes_on_from_what_is_there(local, tmp_path):
    def tree(folder: Path) -> dict[str, bytes]:
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    arguments = ("curriculum", "demo", "--from", local, "--output")
    done = curricle(*arguments, tmp_path / "here", "--quiet")
    assert done.returncode == 0, done.stderr
    shutil.rmtree(local / "_measures")
    done = curricle(*arguments, tmp_path / "there", *EMBEDDED)
    assert done.returncode == 0, done.stderr
    assert tree(tmp_path / "there") == tree(tmp_path / "here")
    assert {path.suffix for path in (local / "_measures").iterdir()} == {".npy"}


def test_a_curriculum_that_fails_on_an_engine_is_one_line(local, tmp_path):
    shutil.copytree(local, tmp_path / "out", ignore=shutil.ignore_patterns("_measures"))
    kept = max((tmp_path / "out/kept").iterdir(), key=lambda path: path.stat().st_size)
    content = bytearray(kept.read_bytes())
    content[1000:90_000] = bytes(89_000)
    kept.write_bytes(content)
    done = curricle("curriculum", "demo", "--from", tmp_path / "out", "--output", tmp_path / "cur", *EMBEDDED)
    assert done.returncode == 2
    last = done.stderr.splitlines()[-1]  # before it: what the worker in this process logs
    assert last.startswith("curricle: ")
    assert f"{kept}: OSError: " in last
    assert not (tmp_path / "cur").exists()


def test_a_job_that_fails_is_one_line_and_exit_code_1(tmp_path):
    gone = tmp_path / "in.jsonl"
    gone.write_text('{"text": "one"}\n')
    (tmp_path / "out").mkdir()
    code = (
        "import sys; from pathlib import Path; from curricle.pipelines.plan.run_plan import make_plan;"
        "from curricle.pipelines.plan.recipe import load_recipe;"
        "from curricle.pipelines.execute.run import run; from curricle.pipelines.engines.launcher import beam_launcher;"
        "from curricle.pipelines.engines.job import Engine;"
        f"plan = make_plan(load_recipe('web'), [{str(gone)!r}]); Path({str(gone)!r}).unlink();"
        f"result = run(plan, Path({str(tmp_path / 'out')!r}), beam_launcher(Engine('PrismRunner', {EMBEDDED[4:]!r}, 1)), True);"
        "print(result.failed); sys.exit(bool(result.failed))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 1, done.stderr
    assert done.stdout.startswith(f'{{{str(gone)!r}: "reading: FileNotFoundError: ')
    assert done.stdout.count("\n") == 1
    assert "Traceback" not in done.stdout


MISTAKES = {
    "a misspelt runner": (["--runner", "SparkRuner"], "did you mean 'SparkRunner'"),
    "a runner that loses data": (["--runner", "DaskRunner"], "last branch"),
    "a runner that is whatever can be downloaded": (["--runner", "DirectRunner"], "--runner local"),
    "a misspelt flag": (["--runner", "SparkRunner", "--", "--spark_master_ulr=x"], "did you mean '--spark_master_url'"),
    "a shortened flag": (["--runner", "FlinkRunner", "--", "--paral=2"], "flag --paral: unknown flag"),
    "a flag of another engine": (
        ["--runner", "SparkRunner", "--", "--flink_master=x"],
        "it belongs to FlinkRunner",
    ),
    "a second runner": (["--runner", "SparkRunner", "--", "--runner=FlinkRunner"], "name the runner before `--`"),
    "a value of the wrong type": (["--runner", "FlinkRunner", "--", "--parallelism=two"], "invalid int value"),
    "a value without a flag": (["--runner", "FlinkRunner", "--", "two"], "'two' is not a flag"),
    "a flag for the local pool": (["--", "--parallelism=2"], "unexpected argument"),
    "an output that Dataflow cannot reach": (["--runner", "DataflowRunner"], "use gs://BUCKET/FOLDER"),
    "a misspelt flag of Dataflow": (["--runner", "DataflowRunner", "--", "--regoin=x"], "did you mean '--region'"),
    "a dry run without a project": (["--runner", "DataflowRunner", "--", "--dry_run=True"], "needs --project=NAME"),
}


@pytest.mark.parametrize(("arguments", "message"), MISTAKES.values(), ids=MISTAKES)
@pytest.mark.parametrize("command", ["run", "plan"])
def test_a_mistake_is_one_line_and_nothing_runs(tmp_path, monkeypatch, capfd, command, arguments, message):
    if command == "plan" and arguments == ["--runner", "DataflowRunner"]:
        return  # it names no output
    if command == "run" and "--dry_run=True" in arguments:
        return  # its output is refused first
    (tmp_path / "e.jsonl").write_text("")
    output = ["--output", str(tmp_path / "o")] if command == "run" else []
    monkeypatch.setattr(sys, "argv", ["curricle", command, "web", "--input", str(tmp_path / "e.jsonl"), *output, *arguments])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 2
    assert message in capfd.readouterr().err.strip().splitlines()[-1]
    assert not (tmp_path / "o").exists()


GIVEN = ["--project=a-project", "--region=europe-west1", "--temp_location=gs://bucket/t"]
LACKS = {
    "DataflowRunner": {
        "a region": (["--project=p"], "needs --region=REGION"),
        "a temporary location in a bucket": ([*GIVEN[:2], "--temp_location=/tmp"], "must be gs://BUCKET/FOLDER"),
        "a bucket's name that Beam takes": ([*GIVEN[:2], "--temp_location=gs://b/t"], "must be gs://BUCKET/FOLDER"),
        "workers with our package": (GIVEN, "its workers need curricle; give --sdk_container_image"),
    },
    "SparkRunner": {
        "a master that the job server knows": (["--spark_master_url=yarn"], "supports standalone masters only"),
        "and in Kubernetes": (["--spark_master_url=k8s://https://h:6443"], "supports standalone masters only"),
    },
}


@pytest.mark.parametrize(("runner", "what"), [(runner, what) for runner, cases in LACKS.items() for what in cases])
def test_an_engine_that_lacks_something_is_refused_before_a_run(runner, what):
    flags, message = LACKS[runner][what]
    with pytest.raises(RunnerError, match=message):
        Engine(runner, tuple(flags), 1)


def test_a_job_server_of_ones_own_may_know_other_masters():
    Engine("SparkRunner", ("--spark_master_url=yarn", "--job_endpoint=h:8099"), 1)


@pytest.mark.skipif(missing_extra() is not None, reason="needs the extra gcp: 800 MB, in an environment of its own")
def test_dataflow_takes_the_graph_in_a_dry_run():
    flags = [*GIVEN, "--sdk_container_image=registry/curricle:1", "--dry_run=True"]
    done = curricle("plan", "web", "--input", SAMPLE, "--runner", "DataflowRunner", "--", *flags)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].endswith("workers from registry/curricle:1")


def test_without_the_extra_a_line_says_what_to_install(monkeypatch):
    monkeypatch.setattr("curricle.pipelines.engines.dataflow.find_spec", lambda _: None)
    with pytest.raises(RunnerError, match=re.escape(install_hint("gcp"))):
        Engine("DataflowRunner", (*GIVEN, "--setup_file=./setup.py"), 1)


@pytest.mark.parametrize("name", REFUSED)
def test_refused_runners_say_why(name):
    with pytest.raises(RunnerError, match="is not supported: "):
        check_runner(name)


def flags(runner, given, **options):
    found = settings(runner, parse_flags(runner, given), **{"shards": 8, "models": True, "workers": 2, **options})
    return [setting.flag for setting in found]


def test_a_cluster_gets_a_task_a_shard_and_executors_with_dead_workers_are_excluded():
    found = flags("SparkRunner", ["--spark_master_url=spark://h:7077"])
    assert "--job_server_jvm_properties=-Dspark.default.parallelism=8" in found
    assert "--environment_cache_millis=600000" in found
    assert "--job_server_jvm_properties=-Dspark.excludeOnFailure.enabled=true" in found
    assert not any("spark_master_url" in flag for flag in found)
    assert not any(
        "excludeOnFailure" in flag or "cache" in flag
        for flag in flags("SparkRunner", ["--spark_master_url=spark://h:7077"], models=False)
    )


def test_what_the_user_sets_is_left_alone():
    given = ["--environment_type=DOCKER", "--parallelism=7", "--flink_master=h:8081", "--environment_cache_millis=0"]
    assert flags("FlinkRunner", given) == []


def test_a_job_of_prism_may_take_longer_than_beam_waits_for_an_answer():
    assert "--job_server_timeout=2592000" in flags("PrismRunner", [])
    assert not any("job_server_timeout" in flag for flag in flags("SparkRunner", []))  # also how long it looks for a server


def test_this_machine_gets_no_more_slots_than_shards():
    assert is_local("SparkRunner", {})
    assert "--spark_master_url=local[1]" in flags("SparkRunner", [], shards=1, workers=4)
    assert "--parallelism=2" in flags("FlinkRunner", [])


def test_plan_prints_the_flags_that_are_set():
    done = curricle("plan", "web", "--input", SAMPLE, "--runner", "SparkRunner", "--workers", 2)
    assert "--job_server_jvm_properties=-Dspark.default.parallelism=4" in done.stdout
    assert "--environment_type=PROCESS" in done.stdout


TRACE = """java.lang.RuntimeException: Error received from SDK harness: Traceback (most recent call last):
  File "x.py", line 1, in process
ModelError: no model 'x' [while running 'Read/ReadShard']

\tat org.apache.beam.Something(Java.java:1)
"""


def test_the_point_of_a_trace_is_one_line():
    assert cause_of(TRACE) == "ModelError: no model 'x' [while running 'Read/ReadShard']"
    assert cause_of("Traceback (most recent call last):\n  File\nModuleNotFoundError: No module named 'models'\n\tat a.b") == (
        "ModuleNotFoundError: No module named 'models'"
    )
    assert cause_of("SDK worker disconnected") == "SDK worker disconnected"
    rendezvous = (
        '<_MultiThreadedRendezvous of RPC that terminated with:\n\tstatus = StatusCode.UNAVAILABLE\n\tdetails = "no server"\n>'
    )
    assert cause_of(rendezvous) == "no server"
