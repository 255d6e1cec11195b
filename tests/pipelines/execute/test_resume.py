"""What a second run into the same folder does: damaged files, other inputs, inputs that are gone, too many dead letters."""

import shutil
from pathlib import Path

import orjson
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

import curricle as api
from curricle.errors import RunFailedError
from curricle.pipelines.cli.main import group

RECIPE = "decide: [{name: short, column: text, not_in: ['']}]\n"


def run(folder: Path, *arguments: object) -> tuple[int, str]:
    """Exit status and output of a run of RECIPE into `folder/out`."""
    recipe = folder / "recipe.yaml"
    recipe.write_text(RECIPE)
    command = ["run", str(recipe), "--output", str(folder / "out"), "--workers", "1", "--quiet", *map(str, arguments)]
    done = CliRunner().invoke(group, command)
    return done.exit_code, done.output


def documents(folder: Path, name: str, count: int) -> Path:
    path = folder / "in" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(f'{{"text": "{name} {number}"}}\n' for number in range(count)))
    return path


def texts(folder: Path) -> list[str]:
    return sorted(pq.read_table(folder / "out" / "kept").column("text").to_pylist())


def bytes_of(folder: Path) -> dict[str, bytes]:
    parts = [folder / "out" / name for name in ("kept", "rejected", "dead", "_manifest")]
    return {str(path.relative_to(folder)): path.read_bytes() for part in parts for path in part.iterdir()}


@pytest.fixture
def finished(tmp_path):
    documents(tmp_path, "a.jsonl", 5)
    documents(tmp_path, "b.jsonl", 10)
    assert run(tmp_path, "--input", tmp_path / "in")[0] == 0
    return tmp_path


def delete(path: Path) -> None:
    path.unlink()


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-50])


@pytest.mark.parametrize("damage", [delete, cut])
@pytest.mark.parametrize("split", ["kept", "rejected", "dead"])
def test_a_file_that_is_gone_or_cut_is_made_again(finished, damage, split):
    before = bytes_of(finished)
    damage(sorted((finished / "out" / split).iterdir())[0])
    code, output = run(finished, "--input", finished / "in")
    assert code == 0
    assert "1 finished shard is made again: " + split in output
    assert bytes_of(finished) == before
    assert "made again" not in run(finished, "--input", finished / "in")[1]


def test_all_files_gone_are_all_made_again(finished):
    before = bytes_of(finished)
    for split in ("kept", "rejected", "dead"):
        shutil.rmtree(finished / "out" / split)
    assert "2 finished shards are made again" in run(finished, "--input", finished / "in")[1]
    assert bytes_of(finished) == before


def test_other_inputs_are_refused_unless_they_are_appended(finished):
    before = bytes_of(finished)
    more = documents(finished, "c.jsonl", 1)
    code, output = run(finished, "--input", finished / "in")
    assert code == 2
    assert output.endswith(f"{more} is not among them; add --append to extend it, or choose another output folder\n")
    assert bytes_of(finished) == before
    code, output = run(finished, "--input", finished / "in", "--append")
    assert code == 0
    assert len(texts(finished)) == 16
    assert run(finished, "--input", finished / "in")[0] == 0  # the same inputs as before: nothing to append


def test_an_input_that_is_gone_is_named_and_its_documents_stay_until_they_are_pruned(finished):
    (finished / "in" / "a.jsonl").unlink()
    code, output = run(finished, "--input", finished / "in")
    assert code == 0
    assert f"{finished}/in/a.jsonl is not among the inputs now; the documents stay (--prune removes them)" in output
    assert len(texts(finished)) == 15
    code, output = run(finished, "--input", finished / "in", "--prune")
    assert code == 0
    assert f"removed the documents of {finished}/in/a.jsonl, which is no longer among the inputs" in output
    assert len(texts(finished)) == 10
    record = orjson.loads((finished / "out" / "run.json").read_bytes())
    assert record["counts"]["records"] == 10
    assert CliRunner().invoke(group, ["verify", str(finished / "out")]).exit_code == 0


def test_a_run_that_was_stopped_needs_no_append(finished):
    sorted((finished / "out" / "_manifest").iterdir())[0].unlink()
    assert run(finished, "--input", finished / "in")[0] == 0
    assert len(texts(finished)) == 15


def wrong(folder: Path, name: str, good: int, bad: int) -> Path:
    path = folder / "in" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text('{"text": "one"}\n' * good + '{"content": "one"}\n' * bad)
    return path


def test_a_wrong_text_column_is_a_failure_that_names_the_reason(tmp_path):
    path = wrong(tmp_path, "in.jsonl", 0, 250)
    code, output = run(tmp_path, "--input", path)
    assert code == 1
    line = next(line for line in output.splitlines() if "the run" in line)
    assert line.startswith("TOO MANY DEAD LETTERS the run: all 250 documents are dead letters; 250 of them: ")
    assert "'text'" in line
    assert "Next:" not in output
    with pytest.raises(RunFailedError, match=r"too many dead letters: .*: all 250 documents"):
        api.run(tmp_path / "recipe.yaml", path, tmp_path / "api")
    assert run(tmp_path, "--input", path, "--max-dead", 1, "--max-dead-per-file", 1)[0] == 1  # nothing but dead letters


@pytest.mark.parametrize(
    ("good", "bad", "options", "code"),
    [
        (900, 9, [], 0),
        (200, 10, [], 0),
        (150, 10, [], 1),
        (150, 10, ["--max-dead", 0.1], 0),
        (1000, 10, ["--max-dead", 0], 1),
        (3, 9, [], 0),
        (0, 1, [], 1),
    ],
)
def test_the_limit_of_the_run(tmp_path, good, bad, options, code):
    assert run(tmp_path, "--input", wrong(tmp_path, "in.jsonl", good, bad), *options)[0] == code


def test_the_limit_of_a_file(tmp_path):
    wrong(tmp_path, "a.jsonl", 1000, 0)
    path = wrong(tmp_path, "b.jsonl", 30, 10)
    code, output = run(tmp_path, "--input", tmp_path / "in")
    assert code == 1
    assert f"TOO MANY DEAD LETTERS {path}: 10 of 40 documents are dead letters (25%, over the limit of 20%)" in output
    assert run(tmp_path, "--input", tmp_path / "in", "--max-dead-per-file", 0.25)[0] == 0


def test_a_run_without_documents_says_so(tmp_path):
    code, output = run(tmp_path, "--input", wrong(tmp_path, "in.jsonl", 0, 0))
    assert code == 0
    assert "No documents: the inputs hold none." in output
