"""The main job from and to an object store: the local run's bytes, also when it fails, lags, or the run is killed."""

import os
import re
import signal
from pathlib import Path

import orjson
import pyarrow as pa
import pytest

from curricle.pipelines.cli.demo import SAMPLE
from curricle.pipelines.cli.main import main

INPUTS = sorted(path for path in SAMPLE.iterdir() if path.suffix != ".md")
RECIPE = """
stages: {extract: {}, language: {}}
decide: [{name: short, column: text_chars, min: 200}, {name: unsure, column: language_score, min: 0.65}]
"""
PARTS = ("kept", "rejected", "dead", "_manifest")
EMBEDDED = ("--runner", "PrismRunner", "--quiet", "--", "--job_endpoint=embed", "--environment_type=LOOPBACK")
FAULTS = ((500, "InternalError"), "cut", (503, "SlowDown"), "lost")


def every_seventh(number, method, path):
    """All kinds of faults in turn, one in seven calls."""
    return FAULTS[number // 7 % len(FAULTS)] if number % 7 == 0 else None


def files(output: Path) -> dict[str, bytes]:
    return {f"{part}/{path.name}": path.read_bytes() for part in PARTS for path in (output / part).iterdir()}


def committed(objects: dict[str, bytes]) -> dict[str, bytes]:
    return {name: data for name, data in objects.items() if name.startswith(PARTS)}


@pytest.fixture(scope="session")
def recipe(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("recipe") / "light.yaml"
    path.write_text(RECIPE)
    return path


@pytest.fixture
def run(store, recipe):
    """Runs the light recipe: (exit code, stdout, stderr)."""

    def run(inputs, output, *options, **environment):
        return store.run("run", recipe, "--input", inputs, "--output", output, *(options or ("--quiet",)), **environment)

    return run


@pytest.fixture(scope="session")
def local(recipe, tmp_path_factory) -> dict[str, bytes]:
    """The bytes of a run from local files into a local folder."""
    import subprocess
    import sys

    output = tmp_path_factory.mktemp("local") / "out"
    command = [str(Path(sys.executable).parent / "curricle"), "run", str(recipe), "--input", str(SAMPLE), "--output", str(output)]
    subprocess.run(command, check=True, capture_output=True)
    return files(output)


@pytest.fixture
def raw(store) -> str:
    """The sample in the bucket."""
    for path in INPUTS:
        store.put(f"raw/{path.name}", path.read_bytes())
    return f"{store.url}/raw"


def test_local_inputs_give_the_local_bytes_in_a_store_and_a_run_goes_on(store, run, local):
    out = f"{store.url}/deep/out"
    assert run(SAMPLE, out)[0] == 0
    objects = store.objects("deep/out")
    assert committed(objects) == local
    assert set(objects) - set(local) == {"README.md", "recipe.yaml", "run.json"}
    for data in objects.values():
        for name in ("AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_ENDPOINT_URL"):
            assert store.environment[name].encode() not in data
    counts = orjson.loads(objects["run.json"])["counts"]
    assert counts["records"] == counts["kept"] + counts["rejected"] + counts["dead"] == 365
    code, printed, _ = store.run("verify", out)
    assert code == 0
    assert "365 documents" in printed
    lost = sorted(name for name in local if name.startswith("_manifest"))[0]
    store.client.delete_object(Bucket=store.bucket, Key=f"deep/out/{lost}")
    store.proxy.calls.clear()
    assert run(SAMPLE, out, *EMBEDDED)[0] == 0
    assert committed(store.objects("deep/out")) == local
    put = [path for method, path in store.proxy.calls if method == "PUT" and "/_manifest/" in path]
    assert [path.rpartition("/")[2] for path in put] == [lost.rpartition("/")[2]]


def test_inputs_in_a_store_give_the_rows_of_local_ones_wherever_they_go(store, run, raw, local, tmp_path):
    assert run(f"{raw}/", tmp_path / "out")[0] == 0
    assert run(f"{raw}/*", f"{store.url}/out", *EMBEDDED)[0] == 0
    here = files(tmp_path / "out")
    assert committed(store.objects("out")) == here
    named = ("id", "source")
    for part in ("kept", "rejected", "dead"):
        read, expected = (rows(found, part, named) for found in (here, local))
        assert read == expected
        assert expected
    sources = {row["source"] for row in pq_rows(here, "kept")}
    assert sources == {f"{raw}/{path.name}" for path in INPUTS}


def pq_rows(found: dict[str, bytes], part: str) -> list[dict]:
    import pyarrow.parquet as pq

    return [
        row
        for name in sorted(found)
        if name.startswith(f"{part}/")
        for row in pq.read_table(pa.BufferReader(found[name])).to_pylist()
    ]


def rows(found: dict[str, bytes], part: str, without: tuple[str, ...]) -> list[dict]:
    kept = [{name: value for name, value in row.items() if name not in without} for row in pq_rows(found, part)]
    return sorted(kept, key=repr)


def test_plan_reads_inputs_in_a_store(store, recipe, raw):
    code, printed, err = store.run("plan", recipe, "--input", f"{raw}/*.warc*")
    assert code == 0, err
    assert "shards: 2" in printed


def test_a_store_that_fails_every_seventh_call_and_is_slow_changes_no_byte(store, run, raw, local, tmp_path):
    assert run(f"{raw}/", tmp_path / "out")[0] == 0
    store.proxy.fault, store.proxy.latency = every_seventh, 0.02
    store.proxy.calls.clear()
    code, _, err = run(f"{raw}/", f"{store.url}/out")
    assert code == 0, err
    assert len(store.proxy.calls) > 7 * len(FAULTS)
    assert committed(store.objects("out")) == files(tmp_path / "out")
    code, _, err = store.run("verify", f"{store.url}/out")
    assert code == 0, err
    assert store.uploads() == []


@pytest.mark.parametrize("options", [("--quiet",), EMBEDDED], ids=["pool", "engine"])
def test_what_no_listing_shows_is_still_found(store, run, local, options):
    """Nothing but inputs is ever listed late enough to matter: the run ends, and the next one has nothing to do."""
    store.proxy.hidden = re.compile("out/")
    code, printed, err = run(SAMPLE, f"{store.url}/out", *options)
    assert code == 0, printed + err
    objects = store.objects("out")
    assert committed(objects) == local
    assert not [name for name in objects if name.startswith("_tmp/")]
    assert orjson.loads(objects["run.json"])["counts"]["records"] == 365
    store.proxy.calls.clear()
    assert run(SAMPLE, f"{store.url}/out", *options)[0] == 0
    assert not [path for method, path in store.proxy.calls if method == "PUT" and "/part-" in path]


def test_a_killed_run_goes_on_and_ends_in_the_same_bytes(store, recipe, run, local, tmp_path):
    arguments = ("run", recipe, "--input", SAMPLE, "--output", f"{store.url}/out", "--workers", 1, "--quiet")

    def kill_at_the_second_manifest(number, method, path):
        manifests.extend([path] * (method == "PUT" and "/_manifest/" in path))
        if len(manifests) < 2:
            return None
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
        return "cut"

    manifests = []
    store.proxy.fault = kill_at_the_second_manifest
    process = store.start(*arguments, TMPDIR=str(tmp_path))
    process.communicate(timeout=240)
    assert process.returncode == -signal.SIGKILL
    there = store.objects("out")
    assert 0 < sum(name.startswith("_manifest") for name in there) < 4
    assert not orjson.loads(there["run.json"])["finished"]
    assert list(tmp_path.glob("curricle-*/_tmp/*"))
    store.proxy.fault = lambda *_: None
    assert run(SAMPLE, f"{store.url}/out", TMPDIR=str(tmp_path))[0] == 0
    assert not list(tmp_path.glob("curricle-*/_tmp"))
    assert committed(store.objects("out")) == local
    assert "_tmp/begun" not in store.objects("out")


def test_an_object_that_cannot_be_stored_fails_its_shard_by_name_and_costs_no_other(store, run, local):
    store.proxy.fault = lambda number, method, path: (
        (500, "InternalError") if method == "PUT" and "/kept/part-web.jsonl" in path else None
    )
    code, printed, err = run(SAMPLE, f"{store.url}/out")
    assert code == 1
    [failed] = [line for line in printed.splitlines() if line.startswith("FAILED")]
    assert "web.jsonl.zst: " in failed
    assert f"StoreError: {store.url}/out/kept/part-web.jsonl.zst-" in failed
    assert "InternalError said the store" in failed
    assert "Traceback" not in printed + err
    objects = store.objects("out")
    assert sum(name.startswith("_manifest") for name in objects) == 3
    assert "InternalError" in str(orjson.loads(objects["run.json"])["failed"])
    store.proxy.fault = lambda *_: None
    assert run(SAMPLE, f"{store.url}/out")[0] == 0
    assert committed(store.objects("out")) == local


def test_an_input_that_cannot_be_read_is_a_failed_shard_and_no_dead_letter(store, run, raw):
    def once_the_run_has_begun(number, method, path):
        begun.extend([path] * path.endswith("/run.json"))
        return (503, "ServiceUnavailable") if method == "GET" and "/raw/documents.parquet" in path and begun else None

    begun = []
    store.proxy.fault = once_the_run_has_begun
    code, printed, err = run(f"{raw}/documents.parquet", f"{store.url}/out")
    assert code == 1, err
    assert f"StoreError: {raw}/documents.parquet: " in printed
    assert not any(name.startswith(PARTS) for name in store.objects("out"))


def test_unfinished_uploads_are_named_by_verify_and_swept_by_the_next_run(store, run):
    mine, other = "out/kept/part-x.parquet", "out-of-another/kept/part-x.parquet"
    for key in (mine, other):
        store.client.create_multipart_upload(Bucket=store.bucket, Key=key)
    code, _, err = store.run("verify", f"{store.url}/out")
    assert code == 1
    assert f"{store.url}/{mine}: an unfinished upload" in err
    assert "another" not in err
    assert run(SAMPLE, f"{store.url}/out")[0] == 0
    assert store.uploads() == [other]


def denied(code):
    return lambda number, method, path: (403, code)


MISTAKES = {
    "a bucket that is not there": ({}, None, "out", "bucket does not exist"),
    "an input bucket that is not there": ({}, None, "in", "no such file"),
    "access that is denied": ({}, denied("AccessDenied"), "out", "AccessDenied said the store"),
    "inputs that may not be read": ({}, denied("AccessDenied"), "in", "AccessDenied said the store"),
    "wrong credentials": ({}, denied("InvalidAccessKeyId"), "out", "InvalidAccessKeyId said the store"),
    "no credentials": ({"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, None, "out", "credentials"),
    "a store that is not there": ({"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, None, "out", "$AWS_ENDPOINT_URL"),
}


@pytest.mark.parametrize(("environment", "fault", "where", "message"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_line_that_tells_no_secret(store, recipe, command, environment, fault, where, message, monkeypatch):
    for name, value in environment.items():
        monkeypatch.setenv(name, value) if value else monkeypatch.delenv(name)
    store.proxy.fault = fault or store.proxy.fault
    missing = "s3://no-such-bucket/x" if fault is None and not environment else f"{store.url}/x"
    inputs, output = (f"{missing}/a.jsonl", f"{store.url}/out") if where == "in" else (SAMPLE, missing)
    code, err = command("run", recipe, "--input", inputs, "--output", output)
    assert code == 2
    assert err.startswith("curricle: s3://")
    assert message in err
    assert err.count("\n") == 1
    for secret in (store.environment["AWS_SECRET_ACCESS_KEY"], store.environment["AWS_ACCESS_KEY_ID"], "127.0.0.1"):
        assert secret not in err


@pytest.fixture
def command(store, monkeypatch, capsys):
    """A command in this process: (exit code, stderr)."""

    def command(*arguments):
        monkeypatch.setattr("sys.argv", ["curricle", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            main()
        return stop.value.code, capsys.readouterr().err

    return command


def test_commands_that_need_a_local_folder_say_to_copy_it(store, command, tmp_path):
    code, err = command("curriculum", "demo", "--from", f"{store.url}/out", "--output", tmp_path / "cur")
    assert code == 2
    assert "copy it to one first" in err


def test_an_output_in_a_store_is_explained_and_decided_again_there(store, run, tmp_path):
    change = ("--set", "decide.short.min=900")
    assert run(SAMPLE, f"{store.url}/out")[0] == 0
    code, printed, err = store.run("explain", f"{store.url}/out", "kingbeyoncestan")
    assert code == 0, err
    assert "short" in printed
    assert run(SAMPLE, f"{store.url}/expected", *change, "--quiet")[0] == 0
    code, printed, err = store.run("redecide", f"{store.url}/out", *change, "--output", f"{store.url}/found")
    assert code == 0, err
    assert committed(store.objects("found")) == committed(store.objects("expected"))
    assert store.run("redecide", f"{store.url}/out", *change, "--output", tmp_path / "found")[0] == 0
    assert files(tmp_path / "found") == committed(store.objects("expected"))
    assert store.run("verify", f"{store.url}/found")[0] == 0
