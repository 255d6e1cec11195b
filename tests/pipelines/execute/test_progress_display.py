import io
from dataclasses import dataclass
from typing import Any

import pytest
from rich.console import Console

from curricle.pipelines.execute.events import Failed, Finished, Progressed, Retried, Started
from curricle.pipelines.execute.progress_display import Counts, RunState, duration, problem, show_progress, summary


@dataclass(frozen=True)
class File:
    name: str
    size: int


A, B, C = FILES = File("a", 600), File("b", 300), File("c", 100)


def after(*events: Any, files: tuple[File, ...] = FILES) -> RunState:
    state = RunState.before(files, now=100.0)
    for event in events:
        state = state.after(event)
    return state


def test_what_runs_counts_at_once_and_stays_when_finished() -> None:
    events = [Started(A), Progressed(A, 10, 1000, 4), Started(B), Progressed(A, 10, 1000, 5), Progressed(B, 1, 50, 0)]
    state = after(*events)
    assert state.totals == Counts(21, 2050, 9)
    assert state.counts == Counts()
    assert after(*events, Finished(A, None)).totals == Counts(21, 2050, 9)
    assert after(*events, Finished(A, None)).counts == Counts(20, 2000, 9)


@pytest.mark.parametrize("end", [Retried(A, "died", ""), Failed(A, "died", "")])
def test_what_a_failed_attempt_did_is_taken_back(end: Any) -> None:
    state = after(Started(A), Progressed(A, 10, 1000, 4), Started(B), Progressed(B, 1, 50, 0), end)
    assert state.totals == Counts(1, 50, 0)
    again = state.after(Started(A)).after(Progressed(A, 2, 200, 1))
    assert again.totals == Counts(3, 250, 1)


def test_a_shard_is_finished_or_failed_but_a_retry_is_neither() -> None:
    state = after(Started(A), Finished(A, None), Started(B), Retried(B, "", ""), Started(C), Failed(C, "", ""))
    assert (state.finished, state.failed, state.finished_size, state.failed_size) == (1, 1, 600, 100)
    assert state.running == {}


@pytest.mark.parametrize(
    ("events", "size"),
    [
        pytest.param([], 0, id="nothing before anything"),
        pytest.param([Started(A), Progressed(A, 9, 900, 9)], 0, id="what text weighs is unknown before a shard is finished"),
        pytest.param([Started(B), Progressed(B, 9, 900, 9), Finished(B, None)], 300, id="a finished shard's size"),
        pytest.param([Started(B), Failed(B, "", "")], 300, id="a failed one's too: it is not to be waited for"),
        pytest.param(
            [Started(B), Progressed(B, 9, 900, 9), Finished(B, None), Started(A), Progressed(A, 1, 600, 1)],
            300 + 200,
            id="600 bytes of text were 200 in storage, as 900 were 300",
        ),
        pytest.param(
            [Started(B), Progressed(B, 9, 900, 9), Finished(B, None), Started(C), Progressed(C, 1, 6000, 1)],
            300 + 95,
            id="a running shard is never quite done",
        ),
        pytest.param([Started(B), Finished(B, None), Started(A)], 300, id="a shard without text"),
    ],
)
def test_the_size_done_is_in_bytes_of_storage(events: list[Any], size: float) -> None:
    assert after(*events).size_done == pytest.approx(size)


def test_the_time_left_follows_the_bytes_in_storage() -> None:
    state = after(Started(B), Progressed(B, 9, 900, 9), Finished(B, None), Started(A))
    assert state.seconds_left(now=130.0) == pytest.approx(70.0)  # 300 of 1,000 bytes took 30 s
    assert after(Started(A)).seconds_left(now=130.0) is None


def test_shards_of_unknown_size_count_alike() -> None:
    files = tuple(File(name, 0) for name in "abcd")
    state = after(Started(files[0]), Finished(files[0], None), files=files)
    assert state.seconds_left(now=110.0) == pytest.approx(30.0)


@pytest.mark.parametrize(
    ("events", "line"),
    [
        ([], "0/3 shards, 0 documents, 0 MB, 0 docs/s"),
        (
            [Started(B), Progressed(B, 24_690, 12_345_678_901, 12_345), Finished(B, None), Started(A)],
            "1/3 shards, 24,690 documents, 12,346 MB, 1,234 docs/s, kept 50.0%, 47 s left",
        ),
        (
            [Started(B), Failed(B, "", ""), Started(A), Progressed(A, 2000, 9_600_000, 1)],
            "0/3 shards, 2,000 documents, 10 MB, 100 docs/s, kept 0.1%, 1 failed, 47 s left",
        ),
        ([Started(C), Progressed(C, 20, 10**6, 20), Finished(C, None)], "1/3 shards, 20 documents, 1 MB, 1 docs/s, kept 100.0%"),
    ],
)
def test_the_summary_is_one_line(events: list[Any], line: str) -> None:
    assert summary(after(*events), now=120.0) == line


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (59.4, "59 s"), (59.6, "1 min"), (61, "1 min"), (3569, "59 min"), (3571, "1 h 00 min"), (93_900, "26 h 05 min")],
)
def test_a_duration_is_rounded_for_reading(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_only_failed_and_retried_shards_are_trouble() -> None:
    assert problem(Failed(A, "ValueError: no [while running 'X']", "...")) == "failed: a: ValueError: no [while running 'X']"
    assert problem(Retried(A, "worker died", "")) == "will be retried: a: worker died"
    assert [problem(event) for event in (Started(A), Progressed(A, 1, 1, 1), Finished(A, 1))] == [None] * 3


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def shown(*, terminal: bool, quiet: bool = False) -> str:
    """What a run of 25 s shows that is told something every second."""
    clock, screen = Clock(), io.StringIO()
    console = Console(file=screen, force_terminal=terminal, width=150)
    with show_progress(FILES, quiet=quiet, console=console, every=10.0, clock=clock) as tell:
        tell(Started(A))
        for clock.now in range(1, 25):
            tell(Progressed(A, 100, 1_000_000, 50))
        tell(Failed(A, "ValueError: [bold]no [while running 'X']", "..."))
        clock.now = 25
        for event in (Started(B), Progressed(B, 50, 10**6, 10), Finished(B, None)):
            tell(event)
    return screen.getvalue()


def test_off_a_terminal_there_is_a_line_now_and_then_and_one_for_each_failed_shard() -> None:
    assert shown(terminal=False).splitlines() == [
        "0/3 shards, 1,000 documents, 10 MB, 100 docs/s, kept 50.0%",
        "0/3 shards, 2,000 documents, 20 MB, 100 docs/s, kept 50.0%",
        "failed: a: ValueError: [bold]no [while running 'X']",
        "1/3 shards, 50 documents, 1 MB, 2 docs/s, kept 20.0%, 1 failed",
    ]


def test_on_a_terminal_there_is_a_bar() -> None:
    text = shown(terminal=True)
    assert "failed: a: ValueError: [bold]no [while running 'X']" in text
    assert "━" in text
    assert text.rstrip("\x1b[?25h\n").endswith("1/3 shards, 50 documents, 1 MB, 2 docs/s, kept 20.0%, 1 failed")


@pytest.mark.parametrize("terminal", [True, False])
def test_quiet_means_nothing(terminal: bool) -> None:
    assert shown(terminal=terminal, quiet=True) == ""


def test_the_last_line_is_shown_when_the_run_is_broken_off() -> None:
    screen = io.StringIO()

    def break_off() -> None:
        with show_progress(FILES, console=Console(file=screen, width=150), clock=lambda: 0.0) as tell:
            tell(Started(A))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        break_off()
    assert screen.getvalue() == "0/3 shards, 0 documents, 0 MB, 0 docs/s\n"
