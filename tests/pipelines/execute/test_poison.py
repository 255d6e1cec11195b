"""A shard whose work fails is named with its cause, tried a bounded number of times, and costs no other shard."""

import subprocess
import sys
from pathlib import Path

import orjson
import pytest

LOOPBACK = ("--job_endpoint=embed", "--environment_type=LOOPBACK")


def write(folder: Path, documents: dict[str, list[str]]) -> None:
    """A file for each entry."""
    (folder / "in").mkdir()
    for name, texts in documents.items():
        (folder / "in" / f"{name}.jsonl").write_bytes(b"\n".join(orjson.dumps({"text": text}) for text in texts))


def poison_run(folder: Path, runner: str, *flags: str, stall_s: float = 100):
    """Failures and exit code."""
    program = f"import sys; sys.path.append({str(Path(__file__).parent)!r}); import poison_run; poison_run.main()"
    command = [sys.executable, "-c", program, "out", runner, str(stall_s), "in", "--", *flags]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=280, check=False)
    assert done.stdout.count("\n") == 1, done.stderr
    return orjson.loads(done.stdout), done.returncode


def committed(folder: Path) -> list[str]:
    return sorted(path.name.partition(".")[0] for path in (folder / "out/_manifest").iterdir())


@pytest.mark.parametrize(("runner", "flags"), [("local", ()), ("PrismRunner", LOOPBACK)], ids=["pool", "engine"])
def test_a_stage_that_raises_names_shard_and_documents_and_the_others_are_done(tmp_path, runner, flags):
    write(tmp_path, {"a": ["fine"], "b": ["fine", "RAISE now"], "c": ["fine"]})
    failed, code = poison_run(tmp_path, runner, *flags)
    assert failed == {"in/b.jsonl": "stage 'poison', documents at 0 to 16: ValueError: told to raise now"}
    assert code == 1
    assert committed(tmp_path) == ["a", "c"]
    assert not (tmp_path / "out/_tmp").exists()
    record = orjson.loads((tmp_path / "out/run.json").read_bytes())
    assert record["failed"] == failed
    assert record["finished"] is (not failed)


def test_what_was_set_aside_is_tried_by_the_next_run(tmp_path):
    write(tmp_path, {"a": [f"TWICE {tmp_path}/passes"], "b": ["fine"]})
    failed, code = poison_run(tmp_path, "PrismRunner", *LOOPBACK)
    assert code == 1
    assert "a passing failure" in failed["in/a.jsonl"]
    assert poison_run(tmp_path, "PrismRunner", *LOOPBACK) == ({}, 0)
    assert committed(tmp_path) == ["a", "b"]


def test_a_failure_that_passes_is_tried_again_by_an_engine(tmp_path):
    write(tmp_path, {"a": [f"ONCE {tmp_path}/passes"], "b": ["fine"]})
    assert poison_run(tmp_path, "PrismRunner", *LOOPBACK) == ({}, 0)


def test_a_job_that_stands_still_is_ended_and_the_shard_named(tmp_path):
    write(tmp_path, {"a": ["WORK 12"], "b": ["HANG"]})
    failed, code = poison_run(tmp_path, "PrismRunner", *LOOPBACK, stall_s=6)
    [(what, cause)] = failed.items()
    assert code == 1
    assert what == "1 of 2 shards"
    assert cause.startswith("nothing committed and no worker busy for 6 s; begun: b.jsonl-")
    assert committed(tmp_path) == ["a"]  # which took longer than the bound, at work
