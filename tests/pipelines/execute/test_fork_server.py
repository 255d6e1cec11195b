import contextlib
import functools
import logging
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from curricle.pipelines.execute.events import Failed, Finished, Progressed, Retried, Started
from curricle.pipelines.execute.fork_server import run_tasks

HERE = str(Path(__file__).parent)
sys.path.append(HERE)  # the workers import the tasks by name

import fork_server_tasks  # noqa: E402


@pytest.fixture(autouse=True)
def nothing_stays() -> Iterator[None]:
    """After every test: no process more, no file descriptor more."""
    me = psutil.Process()
    children, files = me.children(recursive=True), me.num_fds()  # of other tests: they may end and close meanwhile
    yield
    assert set(me.children(recursive=True)) <= set(children)
    assert me.num_fds() <= files


def run(tasks: Any, work: Any, *, workers: int = 2, **options: Any) -> tuple[list[Any], list[Any]]:
    """Outcomes and events."""
    events: list[Any] = []
    return run_tasks(tasks, work, workers=workers, on_event=events.append, **options), events


def kinds(events: list[Any], task: object) -> list[type]:
    return [type(event) for event in events if event.task == task]


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + fork_server_tasks.SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def has_ended(process: psutil.Process) -> bool:
    """It may still be a zombie: init takes its time to notice."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.status() == psutil.STATUS_ZOMBIE
    return True


@pytest.mark.parametrize("workers", [1, 2, 80])
def test_every_task_gives_its_result_in_order(workers: int) -> None:
    outcomes, events = run(range(50), fork_server_tasks.square, workers=workers)
    assert outcomes == [Finished(task, task * task) for task in range(50)]
    assert [event.task for event in events if isinstance(event, Started)] == list(range(50))
    told = [event for event in events if isinstance(event, Progressed)]
    assert sorted(told, key=lambda event: event.task) == [Progressed(n, n, 10 * n, 1) for n in range(50) for _ in range(3)]
    assert kinds(events, 7) == [Started, Progressed, Progressed, Progressed, Finished]


def test_no_tasks_start_nothing() -> None:
    assert run([], fork_server_tasks.square) == ([], [])


def test_a_worker_count_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="workers must be at least 1, not 0"):
        run([1], fork_server_tasks.square, workers=0)


def test_a_worker_serves_many_tasks() -> None:
    outcomes, _ = run(range(20), fork_server_tasks.process_id, workers=1)
    assert len({outcome.result for outcome in outcomes}) == 1
    assert outcomes[0].result != os.getpid()


def test_a_long_task_holds_up_no_other(tmp_path: Path) -> None:
    work = functools.partial(fork_server_tasks.first_waits_for_the_others, folder=tmp_path, others=19)
    outcomes, events = run(range(20), work)
    first, *others = [outcome.result for outcome in outcomes]
    assert len(set(others)) == 1
    assert first not in others
    assert [event.task for event in events if isinstance(event, Started)] == list(range(20))


@pytest.mark.parametrize(
    ("way", "cause"),
    [("kill", "killed by signal 9 (SIGKILL)"), ("exit", "exit code 7"), ("crash", "killed by signal 11 (SIGSEGV)")],
)
def test_a_worker_that_dies_costs_one_retry(way: str, cause: str, tmp_path: Path) -> None:
    tasks = [f"never-{n}" for n in range(5)]
    tasks.insert(2, f"once-{way}")
    outcomes, events = run(tasks, functools.partial(fork_server_tasks.die, folder=tmp_path), workers=1)
    assert outcomes == [Finished(task, task) for task in tasks]
    assert kinds(events, tasks[2]) == [Started, Progressed, Retried, Started, Progressed, Finished]
    assert [event.cause for event in events if isinstance(event, Retried)] == [f"worker died: {cause}"]
    assert [event.task for event in events if isinstance(event, Started)] == [*tasks, tasks[2]]


@pytest.mark.parametrize(
    ("way", "cause"),
    [
        ("kill", "worker died: killed by signal 9 (SIGKILL), twice"),
        ("exit", "worker died: exit code 7, twice"),
        ("kill,exit", "worker died: killed by signal 9 (SIGKILL), then exit code 7"),
    ],
)
def test_a_task_whose_worker_dies_twice_has_failed_and_the_others_go_on(way: str, cause: str, tmp_path: Path) -> None:
    tasks = [f"twice-{way}", "never-1", "never-2", "never-3"]
    outcomes, events = run(tasks, functools.partial(fork_server_tasks.die, folder=tmp_path))
    assert outcomes == [Failed(tasks[0], cause, ""), *(Finished(task, task) for task in tasks[1:])]
    assert kinds(events, tasks[0]) == [Started, Progressed, Retried, Started, Progressed, Failed]


def test_what_a_worker_told_before_it_died_is_heard_however_late() -> None:
    events: list[Any] = []

    def listen(event: Any) -> None:
        events.append(event)
        if isinstance(event, Progressed):
            wait_until(lambda: not psutil.pid_exists(event.documents))

    run_tasks(["tells and dies"], fork_server_tasks.misbehave, workers=1, on_event=listen)
    attempt = [Started, Progressed, Progressed, Progressed]
    assert kinds(events, "tells and dies") == [*attempt, Retried, *attempt, Failed]
    assert [event.kept for event in events if isinstance(event, Progressed)] == [1, 2, 3] * 2


def test_the_last_words_of_a_crashed_worker_are_kept(tmp_path: Path) -> None:
    _, events = run(["never-1", "twice-crash"], functools.partial(fork_server_tasks.die, folder=tmp_path), workers=1)
    for event in (event for event in events if isinstance(event, Retried | Failed)):
        lines = event.details.splitlines()
        assert lines[:2] == ["last words", "Fatal Python error: Segmentation fault"]
        assert any("in die" in line for line in lines)
        assert "Extension modules" not in event.details


def test_an_exception_fails_its_task_at_once() -> None:
    outcomes, events = run(["fine", "raises", "leaves", "cannot be sent", "last"], fork_server_tasks.misbehave, workers=1)
    assert outcomes[0] == Finished("fine", "fine")
    assert outcomes[4] == Finished("last", "last")
    assert [outcome.cause for outcome in outcomes[1:4]] == [
        "ValueError: first line second line",
        "SystemExit: 3",
        "TypeError: cannot pickle '_thread.lock' object",
    ]
    assert 'raise ValueError("first line\\n  second line")' in outcomes[1].details
    assert kinds(events, "raises") == [Started, Progressed, Failed]


def test_a_beam_graph_tells_from_inside_and_names_the_step_that_failed() -> None:
    outcomes, events = run([2, 1, 3], fork_server_tasks.beam_shard, workers=1, preload=["apache_beam"])
    assert [type(outcome) for outcome in outcomes] == [Finished, Failed, Finished]
    assert outcomes[0].result == outcomes[2].result
    assert outcomes[1].cause.startswith("ZeroDivisionError: ")
    assert outcomes[1].cause.endswith("[while running 'Read']")
    assert kinds(events, 2) == [Started, *[Progressed] * 4, Finished]


def test_only_warnings_of_our_own_leave_a_worker(capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> None:
    run(["shard 1"], fork_server_tasks.talk)
    assert caplog.record_tuples == [("curricle.stages.example", logging.WARNING, "look at shard 1")]
    assert capfd.readouterr() == ("", "")


def test_a_worker_has_one_thread_for_each_library_and_arrow_two_for_files() -> None:
    [outcome], _ = run([""], fork_server_tasks.threads)
    assert outcome.result == (1, 2, "1")


def test_an_exception_of_the_listener_ends_the_run() -> None:
    def listen(event: object) -> None:
        if isinstance(event, Progressed):
            raise LookupError("enough")

    with pytest.raises(LookupError, match="enough"):
        run_tasks(["in Python", "in C"], fork_server_tasks.hang, workers=2, on_event=listen)


def test_a_function_that_cannot_be_imported_is_refused() -> None:
    with pytest.raises((pickle.PicklingError, AttributeError), match="lambda"):
        run([1], lambda task, report: task)


def test_a_module_that_cannot_be_imported_is_named() -> None:
    with pytest.raises(RuntimeError, match="No module named 'no_such_module'"):
        run([1], fork_server_tasks.square, preload=["no_such_module"])


def test_the_death_of_the_fork_server_ends_the_run_and_the_workers() -> None:
    workers: list[psutil.Process] = []

    def listen(event: Any) -> None:
        if isinstance(event, Progressed):
            workers.append(psutil.Process(event.documents))

    with pytest.raises(RuntimeError, match=r"the process that starts the workers ended: killed by signal 9 \(SIGKILL\)"):
        run_tasks(["kills the fork server"], fork_server_tasks.misbehave, workers=1, on_event=listen)
    assert len(workers) == 1
    wait_until(lambda: has_ended(workers[0]))


def test_an_interrupt_is_for_the_launcher_alone() -> None:
    outcomes, _ = run(["interrupts", "fine"], fork_server_tasks.misbehave, workers=1)
    assert outcomes == [Finished("interrupts", "interrupts"), Finished("fine", "fine")]


@contextlib.contextmanager
def started(*arguments: str, folder: Path | None = None) -> "Iterator[subprocess.Popen[str]]":
    """A Python program that finds the tasks, in a process group of its own, as a shell would start it.

    It is killed if the test fails while it runs.
    """
    process = subprocess.Popen(
        [sys.executable, *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([HERE, *([str(folder)] if folder else []), *filter(None, sys.path)])},
        cwd=folder,
        process_group=0,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


@pytest.mark.parametrize(
    ("send", "number", "exit_code"),
    [
        pytest.param(os.killpg, signal.SIGINT, -signal.SIGINT, id="Ctrl-C, which a terminal sends to all"),
        pytest.param(os.kill, signal.SIGINT, -signal.SIGINT, id="SIGINT"),
        pytest.param(os.kill, signal.SIGTERM, 143, id="SIGTERM"),
        pytest.param(os.killpg, signal.SIGTERM, 143, id="SIGTERM to all"),
        pytest.param(os.kill, signal.SIGKILL, -signal.SIGKILL, id="SIGKILL"),
    ],
)
def test_no_process_outlives_the_launcher(send: Any, number: int, exit_code: int) -> None:
    with started("-c", "import fork_server_tasks; fork_server_tasks.hang_twice()") as launcher:
        assert launcher.stdout is not None
        assert [launcher.stdout.readline() for _ in range(2)] == ["running\n", "running\n"]
        processes = psutil.Process(launcher.pid).children(recursive=True)
        assert len(processes) == 3  # the fork server and two workers
        send(launcher.pid, number)
        wait_until(lambda: all(map(has_ended, processes)))
        assert launcher.wait(timeout=fork_server_tasks.SECONDS) == exit_code
        assert launcher.stdout.read() == ""


@pytest.mark.parametrize("how", ["script", "module", "extensionless"])
def test_the_program_that_starts_it_is_not_imported_again(how: str, tmp_path: Path) -> None:
    program = tmp_path / ("program" if how == "extensionless" else "program.py")
    program.write_text(
        "import fork_server_tasks\n"
        "from curricle.pipelines.execute.fork_server import run_tasks\n"
        "outcomes = run_tasks([1, 2], fork_server_tasks.square, workers=2, on_event=lambda event: None)\n"
        "print([outcome.result for outcome in outcomes])\n"
    )
    arguments = ["-m", "program"] if how == "module" else [str(program)]
    with started(*arguments, folder=tmp_path) as launched:
        assert launched.communicate(timeout=fork_server_tasks.SECONDS) == ("[1, 4]\n", "")
        assert launched.returncode == 0
