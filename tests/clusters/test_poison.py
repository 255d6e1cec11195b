"""Shards that raise, kill their worker or stand still, on Prism, Spark and Flink: named with their cause, and the others done."""

import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from curricle.pipelines.engines.settings import worker_command

pytestmark = pytest.mark.timeout(900)

SCRIPTS = Path(__file__).parents[1] / "pipelines" / "execute"


def poison_run(folder: Path, runner: str, documents: dict[str, list[str]], stall_s: float) -> tuple[dict[str, str], int]:
    """Failures and exit code of a run over a file for each entry."""
    (folder / "in").mkdir()
    for name, texts in documents.items():
        (folder / "in" / f"{name}.jsonl").write_bytes(b"\n".join(orjson.dumps({"text": text}) for text in texts))
    program = f"import sys; sys.path.append({str(SCRIPTS)!r}); import poison_run; poison_run.main()"
    worker = orjson.dumps({"command": str(worker_command()), "env": {"PYTHONPATH": str(SCRIPTS)}}).decode()
    flags = ["--environment_type=PROCESS", f"--environment_config={worker}"]
    done = subprocess.run(
        [sys.executable, "-c", program, "out", runner, str(stall_s), "in", "--", *flags],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=800,
        check=False,
    )
    assert done.stdout.count("\n") == 1, done.stderr
    return orjson.loads(done.stdout), done.returncode


def committed(folder: Path) -> list[str]:
    return sorted(path.name.partition(".")[0] for path in (folder / "out/_manifest").iterdir())


@pytest.mark.cluster
def test_poison_is_set_aside_and_the_others_are_done(engine, tmp_path):
    documents = {"a": ["fine"], "b": ["RAISE now"], "c": ["KILL"], "d": ["fine"], "e": [f"ONCE {tmp_path}/passes"]}
    failed, code = poison_run(tmp_path, engine, documents, 600)
    assert code == 1
    assert set(failed) == {"in/b.jsonl", "in/c.jsonl"}
    assert failed["in/b.jsonl"] == "stage 'poison', documents at 0 to 0: ValueError: told to raise now"
    assert failed["in/c.jsonl"].startswith("its worker died: 3 attempts, the last one by itself (log: /")
    assert committed(tmp_path) == ["a", "d", "e"]
    assert not (tmp_path / "out/_tmp").exists()


@pytest.mark.cluster_faults
def test_a_job_that_stands_still_is_ended_and_the_shard_named(engine, tmp_path):
    [(what, cause)] = poison_run(tmp_path, engine, {"a": ["fine"], "b": ["HANG"]}, 15)[0].items()
    assert what == "1 of 2 shards"
    assert cause.startswith("nothing committed and no worker busy for 15 s; begun: b.jsonl-")
    assert "(log: /" in cause
    assert committed(tmp_path) == ["a"]
