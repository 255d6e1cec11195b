"""The main job, end to end, through the command line and real worker processes."""

import subprocess
import sys
from pathlib import Path

import orjson
import pyarrow.parquet as pq
import pytest

from curricle.pipelines.cli.demo import SAMPLE


def curricle(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / "curricle"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)


def files(output: Path) -> dict[str, bytes]:
    parts = [output / name for name in ("kept", "rejected", "dead", "_manifest")]
    return {path.relative_to(output).as_posix(): path.read_bytes() for part in parts for path in part.iterdir()}


def last_line(text: str) -> str:
    return text.strip().splitlines()[-1]


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    output = tmp_path_factory.mktemp("demo") / "out"
    done = curricle("demo", "--output", output, "--workers", 2)
    assert done.returncode == 0, done.stderr
    (output.parent / "stdout").write_text(done.stdout, "utf-8")
    return output


def test_the_readme_shows_what_the_demo_prints(demo):
    readme = (Path(__file__).parents[3] / "README.md").read_text("utf-8")
    shown = [line for line in readme.splitlines() if line.startswith("│")]
    printed = (demo.parent / "stdout").read_text("utf-8").splitlines()
    assert shown
    assert shown == [line for line in printed if line.startswith("│")][: len(shown)]


def test_the_readme_shows_a_page_that_the_demo_keeps(demo):
    readme = (Path(__file__).parents[3] / "README.md").read_text("utf-8")
    shown = orjson.loads(readme.split("```json\n")[1].split("```")[0])
    [row] = pq.read_table(demo / "kept", filters=[("url", "=", shown["url"])], columns=list(shown)).to_pylist()
    assert shown == {name: round(value, 3) if isinstance(value, float) else value for name, value in row.items()}


def test_datasets_and_duckdb_and_pandas_read_the_output_as_it_is(demo, tmp_path):
    import datasets
    import duckdb
    import pandas as pd

    kept = orjson.loads((demo / "run.json").read_bytes())["counts"]["kept"]
    assert datasets.load_dataset(str(demo), "kept", split="train", cache_dir=str(tmp_path)).num_rows == kept
    assert duckdb.sql(f"select count(*) from '{demo}/kept/*.parquet'").fetchall() == [(kept,)]
    assert len(pd.read_parquet(demo / "kept")) == kept


def test_the_demo_balances_and_verifies(demo):
    counts = orjson.loads((demo / "run.json").read_bytes())["counts"]
    assert counts["records"] == counts["kept"] + counts["rejected"] + counts["dead"] == 365
    assert counts["dead"] == 3
    assert curricle("verify", demo).returncode == 0


def test_the_demo_ends_in_a_curriculum_of_four_phases(demo):
    import duckdb

    record = orjson.loads((demo / "curriculum/curriculum.json").read_bytes())
    assert [phase["folder"] for phase in record["phases"]] == ["01-general", "02-legal", "03-mixed", "04-long"]
    for phase in record["phases"]:
        files = f"'{demo}/curriculum/{phase['folder']}/*.parquet'"
        [(tokens, rows, largest)] = duckdb.sql(f"select sum(strlen(text)), count(*), max(strlen(text)) from {files}").fetchall()
        assert (tokens, rows) == (phase["tokens_met"], phase["rows"])
        assert abs(tokens - phase["tokens_asked"]) <= largest / 2 * (len(phase["cells"]) + 1)
    general = f"select distinct language from '{demo}/curriculum/01-general/*.parquet'"
    assert duckdb.sql(general).fetchall() == [("tr",)]


def test_one_schema_in_every_file_of_a_part(demo):
    for part in ("kept", "rejected", "dead"):
        schemas = [pq.read_schema(path) for path in sorted((demo / part).iterdir())]
        assert len(schemas) == 4
        assert all(schema.equals(schemas[0], check_metadata=True) for schema in schemas)


def test_another_number_of_workers_gives_the_same_bytes(demo, tmp_path):
    assert curricle("demo", "--output", tmp_path / "out", "--workers", 1, "--quiet").returncode == 0
    assert files(tmp_path / "out") == files(demo)


def test_a_run_goes_on_where_it_stopped_and_ends_in_the_same_bytes(demo, tmp_path):
    out = tmp_path / "out"
    assert curricle("demo", "--output", out, "--quiet").returncode == 0
    lost = sorted((out / "_manifest").iterdir())[0]
    lost.unlink()  # as if it had been killed before the commit
    (out / "_tmp" / "x").mkdir(parents=True)
    assert curricle("demo", "--output", out, "--quiet").returncode == 0
    assert files(out) == files(demo)
    assert not (out / "_tmp").exists()


def test_another_recipe_is_refused_and_says_so(demo):
    done = curricle("run", "web", "--input", SAMPLE, "--output", demo)
    assert done.returncode == 2
    assert "made with another recipe" in last_line(done.stderr)


def test_verify_finds_a_changed_byte(tmp_path):
    source = tmp_path / "a.jsonl"
    source.write_text('{"text": "one"}\n')
    out = tmp_path / "out"
    assert curricle("run", "web", "--input", source, "--output", out, "--set", "decide=[]", "--quiet").returncode == 0
    kept = next((out / "kept").iterdir())
    kept.write_bytes(kept.read_bytes()[:-1] + b"x")
    done = curricle("verify", out)
    assert done.returncode == 1
    assert "SHA-256" in done.stderr


BAD_LINES = {
    "invalid UTF-8": b'{"text": "a\xff\xfe"}',
    "a list": b"[1,2,3]",
    "text is a number": b'{"text": 5}',
    "text is missing": b'{"t": "a"}',
    "text is null": b'{"text": null}',
    "not JSON": b"{",
}


@pytest.mark.parametrize("bad", BAD_LINES.values(), ids=BAD_LINES)
def test_one_bad_line_of_100_costs_no_other(tmp_path, bad):
    good = [orjson.dumps({"text": f"line {number} \0", "id": "same"}) for number in range(99)]
    (tmp_path / "in.jsonl").write_bytes(b"\n".join([*good[:50], bad, *good[50:], b""]))
    out = tmp_path / "out"
    done = curricle("run", "web", "--input", tmp_path / "in.jsonl", "--output", out, "--set", "decide=[]", "--quiet")
    assert done.returncode == 0, done.stderr
    kept = pq.read_table(out / "kept")
    assert kept.num_rows == len(set(kept.column("id").to_pylist())) == 99
    dead = pq.read_table(out / "dead").to_pylist()
    assert [(row["source_offset"], row["dead_stage"], row["dead_bytes"]) for row in dead] == [
        (len(b"\n".join(good[:50])) + 1, "read", bad)
    ]


MISTAKES = {
    "an input that is not there": (["run", "web", "--input", "nowhere.jsonl", "--output", "{tmp}/o"], "no such file"),
    "a file of no known kind": (["run", "web", "--input", "{tmp}/x.doc", "--output", "{tmp}/o"], "x.doc: unknown format"),
    "a file that is not what its name says": (["run", "web", "--input", "{tmp}/x.parquet", "--output", "{tmp}/o"], "begins with"),
    "an unknown recipe": (["run", "wob", "--input", "{tmp}/e.jsonl", "--output", "{tmp}/o"], "did you mean 'web'"),
    "another runner": (
        ["run", "web", "--input", "{tmp}/e.jsonl", "--output", "{tmp}/o", "--runner", "DaskRunner"],
        "not supported",
    ),
    "an output on a web server": (
        ["run", "web", "--input", "{tmp}/e.jsonl", "--output", "http://b/o"],
        "must be a local folder",
    ),
    "a folder of something else": (
        ["run", "web", "--input", "{tmp}/e.jsonl", "--output", "{tmp}"],
        "not made by curricle",
    ),
}


@pytest.mark.parametrize(("arguments", "message"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_line_and_nothing_starts(tmp_path, arguments, message):
    (tmp_path / "x.doc").write_text("x")
    (tmp_path / "x.parquet").write_text("something else")
    (tmp_path / "e.jsonl").write_text("")
    done = curricle(*(argument.format(tmp=tmp_path) for argument in arguments))
    assert done.returncode == 2
    assert message in last_line(done.stderr)
    assert not (tmp_path / "o").exists()


def test_plan_and_models_say_what_there_is():
    done = curricle("plan", "demo", "--input", SAMPLE)
    assert done.returncode == 0
    assert "language: text -> language, language_score" in done.stdout
    assert "shards: 4" in done.stdout
    assert "lid.176\tstarter\tlanguage-id" in curricle("models", "list").stdout


def test_a_plan_and_a_local_launch_import_no_beam():
    code = (
        "import sys, curricle.pipelines.plan.run_plan, curricle.pipelines.execute.run\n"
        "import curricle.pipelines.cli.summary, curricle.pipelines.execute.local\n"
        "print([m for m in ('apache_beam',) if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_help_loads_neither_beam_nor_a_model_library():
    heavy = ("apache_beam", "pyarrow", "numpy")
    code = f"import sys, curricle.pipelines.cli.main; print([name for name in {heavy} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_a_model_trained_from_documents_scores_them_in_a_recipe(tmp_path):
    lines = [orjson.dumps({"text": f"Gece yarısı {number} numaralı kapı çaldı ve herkes sustu."}) for number in range(300)]
    (tmp_path / "in.jsonl").write_bytes(b"\n".join(lines))
    folder = tmp_path / "tr-own"
    options = ["--order", 3, "--vocab", 200, "--licence", "none"]
    arguments = ["--language", "tr", "--role", "clean", "--input", tmp_path / "in.jsonl", "--output", folder, *options]
    done = curricle("models", "train", "perplexity", *arguments)
    assert done.returncode == 0, done.stderr
    assert curricle("models", "verify", folder).returncode == 0
    settings = ["--set", "decide=[]", "--set", f"stages.perplexity={{clean: {{tr: {folder}}}, harmful: {{}}}}"]
    done = curricle("run", "web", "--input", tmp_path / "in.jsonl", "--output", tmp_path / "out", *settings, "--quiet")
    assert done.returncode == 0, done.stderr
    table = pq.read_table(tmp_path / "out/kept", columns=["language", "ppl_clean"]).to_pylist()
    assert {row["language"] for row in table} == {"tr"}
    assert max(row["ppl_clean"] for row in table) < 30
    (folder / "model.bin").write_bytes(b"damaged")
    done = curricle("models", "verify", folder)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
