"""`curricle raters rate` as a user types it: the sample, its cost, parts that are gone on from, and a key that is nowhere."""

import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from curricle.models.catalog import model_folder
from curricle.models.raters import student
from curricle.pipelines.cli.main import group
from curricle.pipelines.inputs.sample import choose
from curricle.schemas.columns import DOMAINS, QUALITY, QUALITY_CRITERIA

pytest.importorskip("httpx", reason="the endpoint rater needs the extra `endpoint`")

KEY = "sk-5ecret-5ecret-5ecret"
REPLY = "\n".join(["C", *"54321123455432"])


def good(_text: str, _attempt: int = 1) -> tuple[int, bytes, dict[str, str]]:
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": REPLY}}
    return 200, json.dumps({"choices": [choice]}).encode(), {}


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Documents as a run keeps them: 500, in three domains and two languages."""
    folder = tmp_path_factory.mktemp("kept")
    rows = range(500)
    table = pa.table(
        {
            "id": [f"{n:032x}" for n in rows],
            "source": pa.repeat("s", 500),
            "source_offset": pa.array(rows, pa.int64()),
            "url": [f"http://host{n % 7}.example/{n}" for n in rows],
            "text": [f"Document {n}: the river rises in the hills north of the town. " * 4 for n in rows],
            "language": ["de" if n % 50 == 0 else "en" for n in rows],
            "domain": ["Law" if n % 100 == 0 else "Culture" if n % 2 else "Coding" for n in rows],
        }
    ).replace_schema_metadata({"curricle": "x"})
    pq.write_table(table.slice(0, 300), folder / "a.parquet")
    pq.write_table(table.slice(300), folder / "b.parquet")
    return folder


def rate(kept: Path, output: Path, *arguments: str, rater: str = "student") -> Result:
    command = ["raters", "rate", "--input", str(kept), "--rater", rater, "--output", str(output), *arguments]
    return CliRunner().invoke(group, command)


def read(output: Path) -> pa.Table:
    return pa.concat_tables(pq.read_table(path) for path in sorted(output.glob("*.parquet")))


def endpoint(server: object, *settings: str) -> list[str]:
    values = (f"url={server.url}", "model=m", "pause_s=0.001", *settings)  # type: ignore[attr-defined]
    return [part for value in values for part in ("--set", value)]


def test_the_ratings_are_those_of_the_rater_in_the_form_of_a_ratings_file(kept, tmp_path):
    done = rate(kept, tmp_path / "out", "--sample", "250", "--seed", "3")
    assert done.exit_code == 0, done.output
    table = read(tmp_path / "out")
    assert table.column_names[:6] == ["id", "url", "lang", "source", "text", "text_sha256"]
    assert table.column_names[-3:] == ["domain", "rater", "model"]
    model = student.load(model_folder("student"))
    texts = table["text"].combine_chunks()
    expected = model.rate(texts, table["lang"].combine_chunks())
    assert all(table[column.name].combine_chunks().equals(expected[column.name]) for column in QUALITY)
    assert table["domain"].combine_chunks().equals(model.tag(texts)["domain"])
    assert (set(table["rater"].to_pylist()), set(table["model"].to_pylist())) == ({"student"}, {"student"})
    assert [path.name for path in sorted((tmp_path / "out").iterdir())] == [
        "_sample.json",
        "part-00000.parquet",
        "part-00001.parquet",
    ]
    original = {row["id"]: row for row in pq.read_table(kept).to_pylist()}
    for row in table.select(["id", "url", "text", "lang", "source"]).to_pylist():
        assert (row["url"], row["text"], row["lang"]) == tuple(original[row["id"]][name] for name in ("url", "text", "language"))


def test_strata_get_the_same_share_until_they_are_used_up(kept, tmp_path):
    done = rate(kept, tmp_path, "--sample", "40", "--stratify", "domain, language", "--dry-run")
    assert done.exit_code == 0, done.output
    shown = dict(line.strip().split(": ") for line in done.output.splitlines() if line.startswith("  "))
    assert shown == {"Coding, de": "5", "Coding, en": "15", "Culture, en": "15", "Law, de": "5"}


@given(st.lists(st.sampled_from("abc"), max_size=30), st.integers(0, 40), st.integers(0, 2**64 - 1))
def test_a_sample_takes_turns_among_strata_and_begins_with_the_smaller_sample(strata: list[str], size: int, seed: int):
    ids = [f"{n}" for n in range(len(strata))]
    rows = choose(ids, [(name,) for name in strata], size, seed)
    assert len(rows) == len(set(rows)) == min(size, len(ids))
    assert choose(ids, [(name,) for name in strata], size // 2, seed) == rows[: size // 2]
    taken, there = Counter(strata[row] for row in rows), Counter(strata)
    most = max(taken.values(), default=0)
    assert all(taken[name] in (there[name], most, most - 1) for name in there)


def test_the_order_and_split_of_the_inputs_and_nothing_but_the_seed_decide():
    ids = [f"{n:x}" for n in range(1000)]
    picked = {ids[row] for row in choose(ids, [()] * 1000, 100, 1)}
    backwards = ids[::-1]
    assert picked == {backwards[row] for row in choose(backwards, [()] * 1000, 100, 1)}
    assert 0 < len(picked & {ids[row] for row in choose(ids, [()] * 1000, 100, 2)}) < 50


def test_the_cost_is_shown_and_a_dry_run_asks_and_writes_nothing(kept, tmp_path, serve):
    server = serve(good)
    done = rate(kept, tmp_path / "out", "--sample", "1000", "--dry-run", *endpoint(server), rater="endpoint")
    assert done.exit_code == 0, done.output
    assert done.output.splitlines()[0] == "documents   500 (1,000 requested)"
    tokens = int(done.output.split("about ")[1].split(" in")[0].replace(",", ""))
    prompts = sum(len(body["messages"][1]["content"]) for body in _ask_all(kept, tmp_path / "real", server))
    assert 0.95 < tokens / (prompts / 4) < 1.05
    assert "14,500 out" in done.output
    assert not (tmp_path / "out").exists()


def _ask_all(kept: Path, output: Path, server: object) -> list[dict]:
    assert server.bodies == []  # type: ignore[attr-defined]  by the dry run
    assert rate(kept, output, "--sample", "1000", *endpoint(server), rater="endpoint").exit_code == 0
    return server.bodies  # type: ignore[attr-defined]


def test_a_run_that_failed_goes_on_and_asks_about_no_row_of_a_committed_part_again(kept, tmp_path, serve):
    """The server fails for good after 250 rows: one part of 200 is committed, and the next run does the rest."""
    broken = [True]
    server = serve(lambda text, attempt: (500, b"", {}) if broken[0] and server.attempts.total() > 250 else good(text))
    arguments = ("--sample", "450", *endpoint(server, "retries=0", "max_failures=0", "concurrency=1"))
    failed = rate(kept, tmp_path, *arguments, rater="endpoint")
    assert failed.exit_code == 2
    assert "HTTP 500" in failed.output
    assert "run the same command again to continue" in failed.output
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["_sample.json", "part-00000.parquet"]
    first = (tmp_path / "part-00000.parquet").read_bytes()
    before = Counter(server.attempts)
    broken[0] = False
    done = rate(kept, tmp_path, "--sample", "450", *endpoint(server, "concurrency=8"), rater="endpoint")
    assert done.exit_code == 0, done.output
    assert done.output.splitlines()[-1] == f"{tmp_path}: 450 ok"
    assert (tmp_path / "part-00000.parquet").read_bytes() == first
    table = read(tmp_path)
    assert len(set(table["id"].to_pylist())) == table.num_rows == 450
    assert set((server.attempts - before).values()) == {1}
    assert (server.attempts - before).total() == 250
    assert set(table["domain"].to_pylist()) == {DOMAINS[2]}
    assert [table[f"quality_{name}"][0].as_py() for name in QUALITY_CRITERIA] == [int(digit) for digit in "54321123455432"]
    again = rate(kept, tmp_path, "--sample", "450", *endpoint(server), rater="endpoint")
    assert (again.exit_code, server.attempts.total()) == (0, before.total() + 250)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(("--sample", "11"), "made with other documents and another sample", id="other-sample"),
        pytest.param(("--sample", "10", "--seed", "1"), "made with another sample", id="other-seed"),
        pytest.param(("--sample", "10", "--set", "prefix=x"), "made with another rater", id="other-rater"),
        pytest.param(("--sample", "10", "--stratify", "dmain"), "did you mean 'domain'", id="misspelt-column"),
        pytest.param(("--sample", "10", "--stratify", "title"), "no document has a 'title'", id="absent-column"),
        pytest.param(("--sample", "10", "--set", "modl=x"), "modl: unknown key; did you mean 'model'", id="key"),
        pytest.param(("--sample", "10", "--set", "modl"), "must be KEY=VALUE", id="no-value"),
        pytest.param(("--sample", "10", "--set", "model=nothing"), "no model named", id="no-model"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line_and_changes_nothing(kept, tmp_path, arguments, message):
    assert rate(kept, tmp_path, "--sample", "10").exit_code == 0
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    refused = rate(kept, tmp_path, *arguments)
    assert refused.exit_code == 2
    assert message in refused.stderr
    assert re.fullmatch(r"curricle: [^\n]+\n", refused.stderr)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_folder_of_something_else_is_left_alone(kept, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    refused = rate(kept, tmp_path, "--sample", "10")
    assert (
        refused.stderr
        == f"curricle: {tmp_path}: not empty, and not made by `curricle raters rate`; choose another output folder\n"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def curricle(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from curricle.pipelines.cli.main import main; main()", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)


def test_the_key_is_in_no_output_record_log_or_message_of_a_run(kept, tmp_path, serve):
    """A server that sends the key back, in replies and in errors; through real worker processes."""
    leak = json.dumps({"choices": [{"finish_reason": "stop", "message": {"content": f"{REPLY} {KEY}"}}]}).encode()

    def answer(text: str, attempt: int) -> tuple[int, bytes, dict[str, str]]:
        number = int(text.split(":")[0].removeprefix("Document "))
        return ((200, leak, {}), (500, KEY.encode(), {}), (400, KEY.encode(), {}), good(text))[number % 4]

    server = serve(answer)
    quality = {"rater": "endpoint", "url": server.url, "model": "m", "pause_s": 0.001, "retries": 1, "max_failures": 1000}
    recipe = tmp_path / "r.yaml"
    recipe.write_text(json.dumps({"stages": {"quality": quality}}))
    done = curricle("run", recipe, "--input", kept, "--output", tmp_path / "out", "--workers", 2)
    assert done.returncode == 0, done.stderr
    table = pq.read_table(tmp_path / "out" / "kept")
    assert Counter(table["quality_status"].to_pylist()) == {"parse_error": 125, "timeout": 125, "refused": 125, "ok": 125}
    assert sum("[key]" in raw for raw in table["quality_raw"].drop_null().to_pylist()) == 375
    again = curricle("raters", "rate", "--input", kept, "--rater", "endpoint", "--sample", 9, "--output", tmp_path / "ratings",
                     *endpoint(server, "retries=0"))  # fmt: skip
    assert again.returncode == 0, again.stderr
    server_401 = serve(lambda *_: (401, KEY.encode(), {}))
    stopped = curricle(
        "run", recipe, "--input", kept, "--output", tmp_path / "stopped", "--set", f"stages.quality.url={server_401.url}"
    )
    assert stopped.returncode == 1
    assert "does not take the key in $OPENAI_API_KEY" in stopped.stdout + stopped.stderr
    assert server_401.attempts.total() <= 64  # at most the 16 of each worker, for as many shards and attempts as there are
    assert not list((tmp_path / "stopped" / "kept").glob("*"))
    shown = "".join(run.stdout + run.stderr for run in (done, again, stopped))
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    columns = "".join(str(pq.read_table(path).to_pydict()) for path in tmp_path.rglob("*.parquet"))
    assert server.headers[0]["Authorization"] == f"Bearer {KEY}"
    assert KEY not in shown
    assert KEY.encode() not in written
    assert KEY not in columns
