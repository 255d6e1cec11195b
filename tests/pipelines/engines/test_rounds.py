"""A task that kills its worker is tried a bounded number of times and costs no other task; the notes say what was under way."""

import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from curricle.pipelines.engines.rounds import MAX_FRUITLESS_JOBS, CommitWatch, Rounds, Stopped
from curricle.pipelines.execute import attempt_log
from curricle.pipelines.execute.events import Finished


@dataclass(frozen=True)
class Task:
    commit: Path
    size: int = 1

    @property
    def name(self) -> str:
        return self.commit.name

    def counts(self) -> tuple[int, int, int]:
        return 1, 1, 1


class Job:
    """Stands for an engine: what its workers do with a task is one call."""

    def __init__(self, folder: Path, names: str) -> None:
        self.events: list[object] = []
        (folder / "done").mkdir()
        self.tasks = {name: Task(folder / "done" / name) for name in names}
        self.rounds = Rounds(CommitWatch(list(self.tasks.values()), self.events.append), f"{folder}/notes")

    def next(self) -> tuple[str, bool] | None:
        if (found := self.rounds.next()) is None:
            return None
        tasks, self.attempts, one_at_a_time = found
        return "".join(task.name for task in tasks), one_at_a_time

    def die(self, names: str) -> None:
        for name in names:
            with suppress(KeyboardInterrupt), self.attempts.begun(name) as begun:
                assert begun
                raise KeyboardInterrupt
        self.rounds.failure = "a worker died"

    def commit(self, names: str) -> None:
        for name in names:
            with self.attempts.begun(name) as begun:
                assert begun
                self.tasks[name].commit.touch()
        self.rounds.watch.poll()

    def fail(self, name: str) -> None:
        with self.attempts.begun(name):
            attempt_log.record_failure(name, ValueError("two\nlines"))

    def end(self) -> None:
        self.rounds.failure = None

    def failed_tasks(self) -> dict[str, str]:
        return {task.name: cause for task, cause in self.rounds.failed_tasks().items()}


@pytest.fixture
def job(tmp_path) -> Job:
    return Job(tmp_path, "abcd")


def test_innocents_first_then_suspects_by_themselves(job):
    assert job.next() == ("abcd", False)
    job.commit("c")
    job.die("ab")
    assert job.next() == ("dab", False)  # what was never begun comes first
    job.die("ab")
    assert job.next() == ("d", False)
    job.commit("d")
    job.end()
    assert job.next() == ("ab", True)
    job.die("a")
    assert job.next() == ("b", True)
    job.commit("b")
    job.end()
    assert job.next() is None
    assert job.failed_tasks() == {"a": "its worker died: 3 attempts, the last one by itself"}
    assert [event.task.name for event in job.events if isinstance(event, Finished)] == ["c", "d", "b"]


def test_a_job_passes_over_what_has_had_its_attempts_when_an_engine_gives_it_again(job):
    job.next()
    job.die("a")
    job.die("a")
    with job.attempts.begun("a") as begun:
        assert not begun
    with job.attempts.begun("b") as begun:
        assert begun


def test_what_raises_is_tried_twice_and_has_its_cause(job):
    job.next()
    job.fail("a")
    job.commit("bcd")
    assert job.next() == ("a", False)
    assert job.failed_tasks() == {}
    job.fail("a")
    assert job.next() is None
    assert job.failed_tasks() == {"a": "ValueError: two lines"}


def test_a_cause_that_passes_costs_nothing(job):
    job.next()
    job.fail("a")
    job.die("b")
    job.commit("cd")
    assert job.next() == ("ab", False)
    job.commit("ab")
    assert job.next() is None
    assert job.failed_tasks() == {}
    assert job.attempts.causes(["a", "b"]) == {"a": ["ValueError: two lines"], "b": [""]}


def test_a_worker_that_is_gone_is_seen_once_nobody_else_is_at_work(job):
    died = (
        "import sys; from curricle.pipelines.execute.attempt_log import Attempts; "
        "Attempts(sys.argv[1], 9).begun(sys.argv[2]).__enter__(); sys.exit()"
    )
    job.next()
    before = job.attempts.snapshot()
    assert not job.attempts.workers_died(before)
    for name in "ab":
        subprocess.run([sys.executable, "-c", died, job.attempts.folder, name], check=True, timeout=100)
        assert job.attempts.workers_died(before)
    assert not job.attempts.workers_died(job.attempts.snapshot())
    with job.attempts.begun("c"):
        assert not job.attempts.workers_died(before)


def test_a_job_that_begins_nothing_is_not_repeated(job):
    job.next()
    job.rounds.failure = "no cluster there"
    with pytest.raises(Stopped, match="no cluster there"):
        job.next()


def test_jobs_that_commit_nothing_end(tmp_path):
    job = Job(tmp_path, "abcdefghijklmnop")
    for _ in range(MAX_FRUITLESS_JOBS):
        names, _ = job.next()
        job.die(names[0])
    with pytest.raises(Stopped, match="10 jobs in a row failed and committed nothing; the last: a worker died"):
        job.next()
